"""Peers that do what no real one can be made to do: SIP by a function, and lines by a function."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply

Answers = Callable[[Message], list[bytes]]


class SipPeer(asyncio.DatagramProtocol):
    """Answers each request with what ``answers`` says; keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Message] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = scan(data)
        self.asked.append(message)
        for answer in self.answers(message):
            self.transport.sendto(answer, addr)

    @property
    def methods(self) -> list[bytes]:
        return [message.method for message in self.asked]


@contextlib.asynccontextmanager
async def sip_peer(
    answers: Answers, host: str = "127.8.41.1"
) -> AsyncIterator[tuple[SipPeer, str]]:
    """A peer and its URI's host and port."""
    peer = SipPeer(answers)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, local_addr=(host, 0)
    )
    try:
        yield peer, f"{host}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


def answer(status: int, extra: bytes = b"", body: bytes = b"") -> Answers:
    """Always this, to everything but ACK."""

    def answers(message: Message) -> list[bytes]:
        if message.method == b"ACK":
            return []
        return [reply(message, status, to_tag=b"peer", extra=extra, body=body)]

    return answers


Speaks = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def line_peer(speaks: Speaks, host: str = "127.8.41.2") -> AsyncIterator[int]:
    """A TCP server that speaks once per connection; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await speaks(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def until(come: Callable[[], object], limit: float = 5.0) -> None:
    """Wait until ``come`` is true."""
    async with asyncio.timeout(limit):
        while not come():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
