"""One connection: framing, chopping, keep-alives, deadlines, a peer that does not read."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sipfront.runtime import connection, streams
from sipfront.stack.flows import Transport
from tests.runtime.hub import PING, ended, hub, read
from tests.runtime.support import message, until


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
