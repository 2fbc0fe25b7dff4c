"""Peers of text on a connection, TCP or WebSocket (RFC 7118): they can be cut, and come back.

A WebSocket phone is what a browser's stack is: its Contact names a host that does not exist, and
only its connection leads to it.  Imports nothing of sipfront.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.lab.phones.raw import Message, RawPhone


class StreamPhone(RawPhone):
    """A phone on one connection, which :meth:`cut` breaks and :meth:`connect` makes anew."""

    kind = "TCP"

    def __init__(
        self, user: str, ip: str, *, server: tuple[str, int] = ("127.0.0.10", 5060)
    ) -> None:
        super().__init__(user, ip, server=server)
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def connect(self) -> None:
        """Make the connection."""
        reader, self._writer = await asyncio.open_connection(*self.server, local_addr=(self.ip, 0))
        self.port = self._writer.get_extra_info("sockname")[1]
        self._reader = asyncio.create_task(self._read(reader))

    async def cut(self) -> None:
        """Break the connection, without a word."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    async def closed(self) -> None:
        """Wait until the other side has closed the connection."""
        assert self._reader is not None
        await asyncio.wait([self._reader])

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        """Send what is written by the connection."""
        assert self._writer is not None
        self._writer.write(text if isinstance(text, bytes) else text.encode())

    def request(self, method: str, uri: str, **more: object) -> str:  # type: ignore[override]
        """Return the text of a request of ours."""
        text = super().request(method, uri, **more)  # type: ignore[arg-type]
        return text.replace("Via: SIP/2.0/UDP ", f"Via: SIP/2.0/{self.kind} ", 1)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, EOFError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if head.strip():
                    self.arrived(Message(head.lstrip() + body, self.server))


class WebPhone(StreamPhone):
    """A phone in a browser, as far as SIP goes."""

    kind = "WS"

    def __init__(
        self,
        user: str,
        ip: str,
        *,
        server: tuple[str, int] = ("127.0.0.10", 8080),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(user, ip, server=server)
        self.tls = tls
        self.name = os.urandom(6).hex() + ".invalid"
        if tls is not None:
            self.kind = "WSS"
        self._open: ClientConnection | None = None
        self._out: asyncio.Queue[str | bytes] = asyncio.Queue()

    @property
    def address(self) -> str:
        """A host that nobody can look up (RFC 7118 appendix A)."""
        return self.name

    def request(self, method: str, uri: str, **more: object) -> str:  # type: ignore[override]
        """Return the text of a request of ours; the Contact says how we came."""
        text = super().request(method, uri, **more)
        return text.replace(f"@{self.name}>", f"@{self.name};transport=ws>", 1)

    async def connect(self) -> None:
        """Make the connection, with the handshake of a browser."""
        scheme = "wss" if self.tls else "ws"
        self._open = await connect(
            f"{scheme}://{self.server[0]}:{self.server[1]}/",
            subprotocols=[Subprotocol("sip")],
            ssl=self.tls,
            local_addr=(self.ip, 0),
            ping_interval=None,
        )
        self._out = asyncio.Queue()
        self._reader = asyncio.create_task(self._carry(self._open, self._out))

    async def cut(self) -> None:
        """Break the connection, without a word."""
        if self._open is not None:
            self._open.transport.abort()
            self._open = None
        await super().cut()

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        """Send one WebSocket message."""
        self._out.put_nowait(text)

    async def _carry(self, opened: ClientConnection, out: asyncio.Queue[str | bytes]) -> None:
        async def write() -> None:
            while True:
                await opened.send(await out.get())

        writing = asyncio.create_task(write())
        try:
            with contextlib.suppress(ConnectionClosed):
                async for data in opened:
                    octets = data.encode() if isinstance(data, str) else data
                    if octets.strip():
                        self.arrived(Message(octets, self.server))
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writing
