"""Connections: framing, chopping, deadlines, bounds, dialling, TLS and its reload."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sipfront.runtime import connection, streams
from sipfront.runtime.loop import Driver
from sipfront.runtime.plan import NodePlan, Place, Plan
from sipfront.runtime.sockets import Sockets
from sipfront.runtime.streams import Bounds, Streams
from sipfront.runtime.tls import Contexts, Files
from sipfront.stack.flows import Flow, Transport
from tests.runtime.support import EchoEngine, address, certificate, message, trusting, until

PING = b"\r\n\r\n"


class Hub:
    """A front of streams only, with an echoing engine."""

    def __init__(self, made: Sockets, files: Files, bounds: Bounds) -> None:
        self.engine = EchoEngine()
        self.driver = Driver(self.engine)
        self.sockets = made
        self.contexts = Contexts(files)
        self.renewed: list[Flow] = []
        self.streams = Streams(
            made,
            self.driver,
            self.contexts,
            bounds=bounds,
            renew=self.renewed.append,
            holds=self.engine.holds,
        )
        self.driver.dial = self.streams.dial

    def at(self, transport: Transport, *, inside: bool = False) -> tuple[str, int]:
        for listener in self.sockets.listeners:
            if listener.transport == transport and listener.inside == inside:
                return listener.bound
        raise LookupError

    def count(self, name: str) -> int:
        return self.driver.counters.get(name, 0)


@contextlib.asynccontextmanager
async def hub(
    files: Files = Files(),  # noqa: B008
    bounds: Bounds = Bounds(),  # noqa: B008
    host: str = "",
    node: tuple[str, int] = ("127.99.0.1", 1),
    inside: Transport = Transport.TCP,
) -> AsyncIterator[Hub]:
    host = host or address()
    kinds = [Transport.TCP] + ([Transport.TLS] if files.certificate else [])
    plan = Plan(
        tuple(Place(kind, host, 0, host, 0, inside=False) for kind in kinds),
        ((Place(inside, host, 0, host, 0, inside=True),),),
        False,
        (NodePlan("pbx-a", inside, *node),),
    )
    made = Hub(Sockets(plan), files, bounds)
    made.streams.start()
    try:
        yield made
    finally:
        await made.streams.close()
        made.driver.close()
        made.sockets.close()
        await asyncio.sleep(0)


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came before the end."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            return await reader.read(-1)
    return b""


@pytest.mark.parametrize("host", ["", "::1"])
async def test_whole_and_chopped_and_two_in_one(host: str) -> None:
    one, two = message(call_id=b"1", body=b"body"), message(call_id=b"2")
    async with hub(host=host) as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(one + PING + two)
        expected = one + b"\r\n" + two
        got = await read(reader, len(expected))
        assert sorted(got.split(b"OPTIONS")) == sorted(expected.split(b"OPTIONS")) or got == (
            b"\r\n" + one + two
        )
        for octet in one:
            writer.write(bytes((octet,)))
            await writer.drain()
            if octet % 16 == 0:
                await asyncio.sleep(0)
        assert await read(reader, len(one)) == one
        flows = {flow for _, flow in front.engine.received}
        assert len(flows) == 1
        writer.close()
        await until(lambda: front.engine.losses)
        assert front.engine.losses[0][1] == "closed"
        assert not flows.pop().open


async def test_keep_alives_get_their_pong() -> None:
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(PING)
        assert await read(reader, 2) == b"\r\n"
        writer.write(b"\r\n")
        writer.write(PING)
        assert await read(reader, 2) == b"\r\n"
        assert front.engine.received == []
        writer.close()


async def test_what_is_no_sip_ends_the_connection() -> None:
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(message() + b"\x16\x03\x01 this is TLS on a TCP port")
        assert await ended(reader) in (b"", message())
        assert front.engine.received[0][0] == message()
        assert front.count("stream.framing") == 1
        await until(lambda: front.engine.losses)
        assert front.engine.losses[0][1] == "rejected"
        writer.close()


async def test_a_message_that_cannot_be_framed_is_answered_first() -> None:
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(message().replace(b"Content-Length: 0", b"Content-Length: 1000000"))
        got = await ended(reader)
        assert got.startswith(b"SIP/2.0 513 ")
        assert b"Call-ID: 1\r\n" in got
        assert front.engine.received == []
        writer.close()


async def test_deadlines_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST", 0.3)
    monkeypatch.setattr(connection, "WHOLE", 0.2)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front:
        silent, idle_writer = await asyncio.open_connection(*front.at(Transport.TCP))
        half, half_writer = await asyncio.open_connection(*front.at(Transport.TCP))
        good, good_writer = await asyncio.open_connection(*front.at(Transport.TCP))
        idle_writer.write(PING)  # a keep-alive is no message
        half_writer.write(message()[:40])
        good_writer.write(message())
        assert await read(good, len(message())) == message()
        assert await ended(half) == b""
        assert await ended(silent) == b"\r\n"
        assert front.count("stream.no_message") == 1
        assert front.count("stream.half_message") == 1
        good_writer.write(message(call_id=b"again"))
        assert await read(good, len(message(call_id=b"again")))
        for writer in (idle_writer, half_writer, good_writer):
            writer.close()


async def test_drops_of_water_do_not_keep_half_a_message_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "WHOLE", 0.2)
    monkeypatch.setattr(streams, "SWEEP", 0.02)
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(message())
        await read(reader, len(message()))

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                for octet in message(call_id=b"x" * 200):
                    writer.write(bytes((octet,)))
                    await writer.drain()
                    await asyncio.sleep(0.02)

        task = asyncio.create_task(drip())
        assert await ended(reader) == b""
        assert front.count("stream.half_message") == 1
        task.cancel()
        writer.close()


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


async def test_a_peer_that_does_not_read_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "WAITING_OUTSIDE", 100_000)
    async with hub() as front:
        reader, writer = await asyncio.open_connection(*front.at(Transport.TCP))
        writer.write(message())
        await read(reader, len(message()))
        flow = front.engine.received[0][1]
        big = message(body=b"x" * 50_000)
        for _ in range(400):
            front.engine.out.append((flow, big))
        front.driver.wake()
        await until(lambda: front.engine.losses)
        assert front.engine.losses == [(flow, "timeout")]
        assert front.count("stream.overflow") == 1
        writer.close()


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
