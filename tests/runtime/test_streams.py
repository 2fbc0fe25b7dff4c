"""Connections together: bounds, idleness, dialling, TLS and its reload."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from sipfront.runtime import streams
from sipfront.runtime.streams import Bounds
from sipfront.runtime.tls import Files
from sipfront.stack.flows import Transport
from tests.runtime.hub import PING, ended, hub, read
from tests.runtime.support import address, certificate, message, trusting, until


async def test_idle_connections_that_nobody_needs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "IDLE", 0.1)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front:
        needed, needed_writer = await asyncio.open_connection(*front.at(Transport.TCP))
        needed_writer.write(message(call_id=b"needed"))
        await read(needed, len(message(call_id=b"needed")))
        front.engine.held.add(front.engine.received[0][1])
        idle, idle_writer = await asyncio.open_connection(*front.at(Transport.TCP))
        idle_writer.write(message())
        assert await ended(idle) == message()
        assert front.count("stream.idle") == 1
        needed_writer.write(PING)
        assert await read(needed, 2) == b"\r\n"
        needed_writer.close()
        idle_writer.close()


async def test_bounds_per_source_and_in_total() -> None:
    async with hub(bounds=Bounds(total=3, per_source=2)) as front:
        there = front.at(Transport.TCP)
        kept = [await asyncio.open_connection(*there) for _ in range(2)]
        await until(lambda: front.count("stream.accepted") == 2)
        reader, writer = await asyncio.open_connection(*there)
        assert await ended(reader) == b""
        assert front.count("stream.too_many_of_source") == 1
        writer.close()
        others = [
            await asyncio.open_connection(*there, local_addr=(address(), 0)) for _ in range(2)
        ]
        await until(lambda: front.count("stream.too_many") == 1)
        kept[0][1].close()
        await until(lambda: front.streams.gauges()["outside_connections"] == 2)
        again, again_writer = await asyncio.open_connection(*there)
        again_writer.write(message())
        assert await read(again, len(message())) == message()
        for _, open_writer in [*kept, *others, (again, again_writer)]:
            open_writer.close()


async def test_strangers_do_not_come_in_by_an_inside_address() -> None:
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP, inside=True))
        assert await ended(reader) == b""
        assert front.count("stream.stranger") == 1
        writer.close()


async def test_a_node_comes_in_by_an_inside_address_as_itself() -> None:
    host = address()
    async with hub(node=(host, 5060)) as front:
        _, writer = await asyncio.open_connection(
            *front.at(Transport.TCP, inside=True), local_addr=(host, 0)
        )
        writer.write(message())
        await until(lambda: front.engine.received)
        assert front.engine.received[0][1].node == 0
        writer.close()


async def test_a_node_is_dialled_and_what_is_sent_meanwhile_waits() -> None:
    host = address()
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readexactly(2 * len(message(call_id=b"1"))))
        writer.write(message(call_id=b"answer"))
        await writer.drain()
        await reader.read()
        writer.close()

    node = await asyncio.start_server(serve, host, 0)
    port = node.sockets[0].getsockname()[1]
    async with hub(node=(host, port)) as front:
        flow = front.sockets.node_flows(0)[0]
        front.engine.out += [(flow, message(call_id=b"1")), (flow, message(call_id=b"2"))]
        front.driver.wake()
        await until(lambda: front.engine.received)
        assert got == [message(call_id=b"1") + message(call_id=b"2")]
        assert front.engine.received == [(message(call_id=b"answer"), flow)]
        node.close()
    assert front.renewed == []


async def test_a_node_that_refuses_is_told_and_gets_a_new_flow() -> None:
    host = address()
    async with hub(node=(host, 5999)) as front:
        flow = front.sockets.node_flows(0)[0]
        front.engine.out.append((flow, message()))
        front.driver.wake()
        await until(lambda: front.renewed)
        assert front.engine.losses == [(flow, "refused")]
        assert front.renewed == [flow]
        assert not flow.open
        fresh = front.sockets.node_flows(0, (flow,))[0]
        assert fresh is not flow
        assert front.sockets.node_flows(0, (fresh,)) == (fresh,)


async def test_a_dial_that_gets_no_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "DIAL_NODE", 0.1)
    host = address()
    deaf = socket.create_server((host, 0), backlog=0)
    port = deaf.getsockname()[1]
    # Whoever never accepts has room for one; the SYNs of the others are dropped.
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex((host, port))
    async with hub(node=(host, port)) as front:
        flow = front.sockets.node_flows(0)[0]
        for _ in range(streams.QUEUE + 5):
            front.engine.out.append((flow, message()))
        front.driver.wake()
        await until(lambda: front.engine.losses)
        assert front.engine.losses == [(flow, "timeout")]
        assert front.count("stream.dial_overflow") == 5
    for sock in (deaf, *fillers):
        sock.close()


async def test_tls_and_a_reload_while_it_runs(tmp_path: Path) -> None:
    first, first_key = certificate(tmp_path, "one.example.com")
    second, second_key = certificate(tmp_path, "two.example.com")
    files = Files(first, first_key)
    async with hub(files) as front:
        there = front.at(Transport.TLS)
        old, old_writer = await asyncio.open_connection(*there, ssl=trusting(first))
        old_writer.write(message())
        assert await read(old, len(message())) == message()
        assert front.engine.received[0][1].listener.transport == Transport.TLS

        told: list[str] = []
        bad = tmp_path / "bad.pem"
        bad.write_text("no certificate")
        assert not front.contexts.reload(Files(bad, first_key), told.append)
        assert not front.contexts.reload(Files(second, first_key), told.append)
        assert not front.contexts.reload(Files(tmp_path / "none.pem", first_key), told.append)
        assert "cannot be used" in told[0]
        assert "does not belong" in told[1]
        assert "no such file" in told[2]
        for _ in range(2):  # later handshakes are not hurt
            _, writer = await asyncio.open_connection(*there, ssl=trusting(first))
            writer.close()

        assert front.contexts.reload(Files(second, second_key), told.append)
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(*there, ssl=trusting(first))
        new, new_writer = await asyncio.open_connection(*there, ssl=trusting(second))
        new_writer.write(message())
        assert await read(new, len(message())) == message()
        old_writer.write(message())
        assert await read(old, len(message())) == message()
        await until(lambda: front.count("stream.handshake_failed") == 1)
        old_writer.close()
        new_writer.close()


async def test_tls_towards_a_trunk_is_verified_by_its_name(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "carrier.example.com")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readexactly(len(message())))
        writer.close()

    host = address()
    carrier = await asyncio.start_server(serve, host, 0, ssl=server)
    port = carrier.sockets[0].getsockname()[1]
    async with hub(Files(cert, key, cert)) as front:
        listener = front.sockets.outside_for(Transport.TLS, host)
        assert listener is not None
        wrong = front.sockets.flows.stream(listener, host, port)
        front.streams.named(wrong, "other.example.com")
        front.engine.out.append((wrong, message()))
        front.driver.wake()
        await until(lambda: front.engine.losses)
        assert front.engine.losses == [(wrong, "tls")]
        right = front.sockets.flows.stream(listener, host, port)
        front.streams.named(right, "carrier.example.com")
        front.engine.out.append((right, message()))
        front.driver.wake()
        await until(lambda: got)
    carrier.close()


async def test_a_handshake_that_never_ends_is_counted_in_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HANDSHAKE", 0.2)
    cert, key = certificate(tmp_path, "one.example.com")
    async with hub(Files(cert, key)) as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TLS))
        await until(lambda: front.streams.gauges()["outside_connections"] == 1)
        await ended(reader)
        await until(lambda: front.streams.gauges()["outside_connections"] == 0)
        assert front.count("stream.handshake_failed") == 1
        writer.close()
