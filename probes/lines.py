"""A connection on which lines and blocks are spoken: what AMI, ESL and plain TCP have in common."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from probes.result import Bad

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

#: Octets of one line or block; an answer to a command has some hundreds.
LONGEST = 65_536
#: Blocks that are passed over (events) before the answer that is waited for.
MOST = 1000


class Lines:
    """One open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> str:
        """The next line, without its end; raises Bad when there is none."""
        return (await self._until(b"\n")).rstrip("\r\n")

    async def block(self, end: bytes = b"\r\n\r\n") -> str:
        """Everything up to an empty line; raises Bad when there is none."""
        return await self._until(end)

    async def exactly(self, octets: int) -> str:
        """So many octets."""
        try:
            data = await self.reader.readexactly(min(octets, LONGEST))
        except asyncio.IncompleteReadError:
            raise Bad("the connection was closed in the middle of an answer") from None
        return data.decode("utf-8", "replace")

    async def _until(self, end: bytes) -> str:
        try:
            data = await self.reader.readuntil(end)
        except asyncio.IncompleteReadError as error:
            had = error.partial.decode("utf-8", "replace").strip()
            raise Bad(f"the connection was closed{f' after {had[:80]!r}' if had else ''}") from None
        except asyncio.LimitOverrunError:
            raise Bad(f"an answer of more than {LONGEST} octets") from None
        return data.decode("utf-8", "replace")

    async def say(self, text: str) -> None:
        """Send ``text`` as it is."""
        self.writer.write(text.encode())
        await self.writer.drain()


@contextlib.asynccontextmanager
async def connected(
    host: str,
    port: int,
    local: str | None = None,
    context: ssl.SSLContext | None = None,
    name: str | None = None,
) -> AsyncIterator[Lines]:
    """A connection; with ``context`` over TLS, and ``name`` is then asked for and checked."""
    reader, writer = await asyncio.open_connection(
        host,
        port,
        local_addr=(local, 0) if local else None,
        limit=LONGEST,
        ssl=context,
        server_hostname=(name or host) if context is not None else None,
    )
    try:
        yield Lines(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.2):  # a peer that never closes its side of TLS
                await writer.wait_closed()


def fields(block: str) -> dict[str, str]:
    """``Name: value`` lines by lower-case name."""
    pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
