"""One WebSocket connection: handshake, one message each, Pings, and what a stranger may cost."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from sipfront.runtime import connection, streams, websocket
from sipfront.runtime.streams import Bounds
from sipfront.runtime.tls import Files
from sipfront.stack.flows import Transport
from tests.runtime.hub import PING, Hub, ended, hub
from tests.runtime.support import certificate, message, trusting, until


@contextlib.asynccontextmanager
async def browser(
    front: Hub, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ClientConnection]:
    """A WebSocket client that offers ``sip``, as browsers' stacks do."""
    host, port = front.at(Transport.WSS if tls else Transport.WS)
    scheme = "wss" if tls else "ws"
    async with connect(
        f"{scheme}://{host}:{port}/any/path",
        subprotocols=[Subprotocol("chat"), Subprotocol("sip")],
        ssl=tls,
        ping_interval=None,
    ) as opened:
        yield opened


async def received(client: ClientConnection) -> str | bytes:
    async with asyncio.timeout(5):
        return await client.recv()


async def test_text_and_binary_are_one_message_each() -> None:
    async with hub() as front, browser(front) as client:
        assert client.subprotocol == "sip"
        await client.send(message(call_id=b"1").decode())
        assert await received(client) == message(call_id=b"1").decode()
        await client.send(message(call_id=b"2"))
        assert await received(client) == message(call_id=b"2").decode()
        strange = message(body=b"\xff\xfe")
        await client.send(strange)
        assert await received(client) == strange  # not UTF-8: RFC 7118 4.2
        flows = {flow for _, flow in front.engine.received}
        assert len(flows) == 1
        assert flows.pop().listener.transport == Transport.WS
        assert front.count("websocket.accepted") == 1


async def test_in_fragments_and_in_single_octets() -> None:
    async with hub() as front:
        async with browser(front) as client:
            whole = message(call_id=b"1").decode()
            await client.send([whole[:7], whole[7:100], whole[100:]])
            assert await received(client) == whole
        host, port = front.at(Transport.WS)
        reader, writer = await asyncio.open_connection(host, port)
        for octet in handshake("sip") + masked(b"\x81", message(call_id=b"2")):
            writer.write(bytes((octet,)))
            await writer.drain()
        await until(lambda: len(front.engine.received) == 2)
        assert front.engine.received[1][0] == message(call_id=b"2")
        writer.close()
        await until(lambda: len(front.engine.losses) == 2)
        assert reader is not None


async def test_keep_alives_of_sip_and_of_websocket() -> None:
    async with hub() as front, browser(front) as client:
        await client.send(PING.decode())
        assert await received(client) == "\r\n"
        await client.send("\r\n")
        await asyncio.wait_for(await client.ping(), 5)
        assert front.engine.received == []


async def test_over_tls_with_the_context_of_the_front(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "one.example.com")
    async with hub(Files(cert, key)) as front, browser(front, tls=trusting(cert)) as client:
        await client.send(message())
        assert await received(client) == message().decode()
        assert front.engine.received[0][1].listener.transport == Transport.WSS


async def test_who_does_not_offer_sip_is_refused() -> None:
    async with hub() as front:
        host, port = front.at(Transport.WS)
        for offered in ([Subprotocol("chat")], None):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{host}:{port}/", subprotocols=offered):
                    pass
            assert refused.value.response.status_code == 400
        assert front.count("websocket.refused") == 2
        await until(lambda: not front.streams.gauges()["outside_connections"])


async def test_what_is_no_handshake_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST", 0.1)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.WS))
        writer.write(message())
        assert b" 101 " not in await ended(reader)
        silent, silent_writer = await asyncio.open_connection(*front.at(Transport.WS))
        assert await ended(silent) == b""
        assert front.count("websocket.no_handshake") == 1
        assert front.engine.received == []
        writer.close()
        silent_writer.close()


async def test_too_long_and_unmasked_frames_end_it() -> None:
    async with hub() as front:
        async with browser(front) as client:
            await client.send(b"x" * 70_000)
            with pytest.raises(ConnectionClosed) as closed:
                await received(client)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        reader, writer = await asyncio.open_connection(*front.at(Transport.WS))
        writer.write(handshake("sip"))
        async with asyncio.timeout(5):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x05hello")
        assert (await ended(reader))[:1] == b"\x88"
        assert front.count("websocket.broken") == 2
        assert front.engine.received == []
        writer.close()


async def test_a_message_that_never_becomes_whole_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WHOLE", 0.1)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.WS))
        writer.write(handshake("sip") + masked(b"\x81", message()) + masked(b"\x01", b"OPTIONS"))
        await ended(reader)
        assert front.count("stream.half_message") == 1
        writer.close()


async def test_silence_after_the_handshake_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "FIRST_MESSAGE", 0.1)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front, browser(front) as client:
        with pytest.raises(ConnectionClosed):
            await received(client)
        assert front.count("stream.no_message") == 1


async def test_a_silent_phone_is_asked_and_one_that_answers_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "ASK", 0.05)
    monkeypatch.setattr(websocket, "ANSWER", 0.1)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front, browser(front) as client:
        await client.send(message())
        assert await received(client) == message().decode()
        reader, writer = await asyncio.open_connection(*front.at(Transport.WS))
        writer.write(handshake("sip") + masked(b"\x81", message(call_id=b"gone")))
        await until(lambda: front.engine.losses)
        assert front.engine.losses[0][1] == "timeout"
        assert front.count("websocket.no_pong") == 1
        await client.send(message(call_id=b"still here"))
        assert await received(client) == message(call_id=b"still here").decode()
        writer.close()
        assert reader is not None


async def test_the_end_is_told_and_what_is_sent_then_is_counted() -> None:
    async with hub() as front:
        async with browser(front) as client:
            await client.send(message())
            await received(client)
        await until(lambda: front.engine.losses)
        flow, why = front.engine.losses[0]
        assert (flow.open, why) == (False, "closed")
        front.engine.out.append((flow, message()))
        front.driver.wake()
        await until(lambda: front.count("stream.gone"))


async def test_websockets_are_counted_like_every_connection() -> None:
    async with hub(bounds=Bounds(total=5, per_source=1)) as front, browser(front):
        reader, writer = await asyncio.open_connection(*front.at(Transport.WS))
        assert await ended(reader) == b""
        writer.close()
        assert front.count("stream.too_many_of_source") == 1


def handshake(protocol: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        "GET / HTTP/1.1\r\nHost: front\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def masked(head: bytes, data: bytes) -> bytes:
    """A frame of a client: with a mask of zeros (RFC 6455 5.3), so that it reads as it is."""
    size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return head + size + bytes(4) + data
