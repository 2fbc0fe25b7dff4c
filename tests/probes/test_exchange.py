from __future__ import annotations

import asyncio
import socket

import pytest

from probes.exchange import (
    Heard,
    RefusedError,
    SilentError,
    UnreachableError,
    tcp,
    udp,
)


class Peer(asyncio.DatagramProtocol):
    """Answers the n-th datagram with the n-th of ``answers``; nothing for an empty one."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.heard: list[bytes] = []
        self.twice = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        if len(self.heard) == 2:
            self.twice.set()
        answer = self.answers.pop(0) if self.answers else b""
        if answer:
            self.transport.sendto(answer, addr)


async def peer(*answers: bytes) -> tuple[Peer, asyncio.DatagramTransport, int]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Peer(list(answers)), local_addr=("127.8.30.1", 0)
    )
    return made, transport, transport.get_extra_info("sockname")[1]


async def test_udp_asks_again_and_takes_what_matches() -> None:
    made, transport, port = await peer(b"", b"noise")
    try:
        async with udp("127.8.30.1", port, "127.8.30.2") as way:
            assert way.local[0] == "127.8.30.2"
            asking = asyncio.create_task(way.ask(b"question", lambda data: data == b"yes", 10))
            await made.twice.wait()
            transport.sendto(b"yes", way.local)
            assert await asking == Heard(b"yes", 2)
        assert made.heard == [b"question"] * 2
    finally:
        transport.close()


async def test_udp_knows_refused_from_silent() -> None:
    _, transport, port = await peer()
    async with udp("127.8.30.1", port) as way:
        with pytest.raises(SilentError, match=r"within 0\.05 s") as silent:
            await way.ask(b"question", bool, 0.05)
        assert silent.value.sends == 1
        transport.close()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
        with pytest.raises(RefusedError):
            await way.ask(b"question", bool, 5)


async def test_tcp_frames_by_content_length() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        for octet in b"\r\n\r\nSIP/2.0 200 OK\r\nl: 3\r\n\r\nabcSIP/2.0 486 No\r\n\r\n":
            writer.write(bytes([octet]))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.8.31.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, tcp("127.8.31.1", port, "127.8.31.2") as way:
        heard = await way.ask(b"question", lambda data: data.startswith(b"SIP/2.0 4"), 5)
        assert heard == Heard(b"SIP/2.0 486 No\r\n\r\n", 1)
        with pytest.raises(RefusedError, match="connection lost"):
            await way.ask(b"question", bool, 5)


async def test_tcp_nobody_listens() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.8.32.1", 0))  # bound, not listening
        with pytest.raises(RefusedError):
            async with tcp("127.8.32.1", unheard.getsockname()[1]):
                pass


async def test_tcp_silence() -> None:
    with socket.create_server(("127.8.33.1", 0)) as listener:
        async with tcp("127.8.33.1", listener.getsockname()[1]) as way:
            with pytest.raises(SilentError):
                await way.ask(b"question", bool, 0.05)


@pytest.mark.parametrize("way", [udp, tcp])
async def test_what_cannot_be_sent(way: object) -> None:
    with pytest.raises(UnreachableError):
        async with way("127.8.34.1", 5060, "192.0.2.77"):  # type: ignore[operator]
            pass
