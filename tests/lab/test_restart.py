"""The front itself is killed, ended, started anew: calls that are up stay calls.

Every call can be put on hold and hung up from both sides afterwards, and phones can be called; with
the state file, and without it (then a phone can be called from its next REGISTER).  Times are
printed; the gap is from the signal to the first answer of the front that follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from probes import sipp
from tests.lab.asterisk import answers_options
from tests.lab.conftest import Pair, Phones
from tests.lab.front import ADDRESS, Front
from tests.lab.phones.pjsua import PjsuaCall
from tests.lab.scenes import answered, hear, over

#: On a machine with time to spare; a busy one starts a Python program slowly.
TARGET = 2.0
LIMIT = 30.0
MANY = 60


async def first_answer(since: float, limit: float = LIMIT) -> float:
    """Seconds from ``since`` until the front answers an OPTIONS."""
    while not await answers_options(ADDRESS, limit=0.1):
        assert time.monotonic() < since + limit, "the front does not answer"
        await asyncio.sleep(0.01)
    return time.monotonic() - since


async def killed(front: Front, *, forget: bool = False) -> float:
    """Kill -9 the front and start it again at once; the gap in seconds."""
    begun = time.monotonic()
    front.kill()
    if forget:
        for file in front.folder.glob("state.db*"):
            file.unlink()
    asking = asyncio.create_task(first_answer(begun))
    await front.start()
    gap = await asking
    print(f"kill -9 of the front: first answer after {gap:.3f} s (target {TARGET} s)")
    return gap


async def hold(caller: PjsuaCall, callee: PjsuaCall) -> None:
    """The callee puts the caller on hold (music of 700 Hz), and takes it back."""
    await callee.hold()
    await caller.hears(700)
    await callee.resume()
    await hear(caller, callee)


async def restored(front: Front) -> str:
    """What the front says about its memory."""
    texts = [event["text"] for event in await front.events() if event["event"] == "restored"]
    return str(texts[-1]) if texts else ""


async def test_kill_9_with_calls_up(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    stream = await phones.registered("1003", "tcp")
    carrier = await phones.carrier()
    a, a_here = await answered(one, "1002", other)
    b, b_here = await answered(carrier, "sip:1003@127.0.0.10:5060", stream)
    c, c_here = await answered(one, "900123", carrier)
    assert await killed(phones.front) < LIMIT
    text = await restored(phones.front)
    print(text)
    assert text.startswith("6 dialogs and 3 bindings")
    await hear(a, a_here)
    await hold(a, a_here)
    await hold(c_here, c)
    await over(a_here, a)  # by the one who was called
    await over(c, c_here)  # by the caller
    # The connection of the TCP phone is gone: it speaks first, or is back with its REGISTER.
    await hold(b, b_here)
    await over(b, b_here)
    # Phones on UDP are called without a REGISTER, the one on TCP after it.
    there, here = await answered(carrier, "sip:1001@127.0.0.10:5060", one)
    await over(there, here)
    await stream.register()
    there, here = await answered(other, "1003", stream)
    await over(there, here)
    await pair.a.idle()


async def test_a_phone_on_tcp_is_told_of_the_end(phones: Phones) -> None:
    stream = await phones.registered("1003", "tcp")
    carrier = await phones.carrier()
    there, here = await answered(carrier, "sip:1003@127.0.0.10:5060", stream)
    await killed(phones.front)
    await stream.register()
    await over(there, here)  # said to the phone by the connection with which it came back


async def test_kill_9_and_the_state_is_lost(pair: Pair, phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    carrier = await phones.carrier()
    a, a_here = await answered(one, "1002", other)
    b, b_here = await answered(carrier, "sip:1002@127.0.0.10:5060", other)
    c, c_here = await answered(one, "900123", carrier)
    await killed(phones.front, forget=True)
    assert await restored(phones.front) == ""
    for caller, callee in ((a, a_here), (b, b_here), (c, c_here)):
        await hold(caller, callee)
    await over(a_here, a)
    await over(b, b_here)
    await over(c_here, c)
    await one.register()
    await other.register()
    there, here = await answered(other, "1001", one)
    await over(there, here)
    await pair.a.idle()


async def test_ended_and_started(phones: Phones) -> None:
    """An upgrade: the next front is started first and waits for the ports."""
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    carrier = await phones.carrier()
    a, a_here = await answered(one, "1002", other)
    b, b_here = await answered(carrier, "sip:1001@127.0.0.10:5060", one)
    front = phones.front
    async with following(front) as begun:
        print(f"first answer of the next front {begun:.3f} s after the end of the old one")
    assert (await restored(front)).startswith("4 dialogs and 2 bindings")
    await hear(a, a_here)
    await hold(a, a_here)
    await over(a, a_here)
    await hold(b, b_here)
    await over(b_here, b)
    there, here = await answered(carrier, "sip:1002@127.0.0.10:5060", other)
    await over(there, here)


@contextlib.asynccontextmanager
async def following(front: Front) -> AsyncIterator[float]:
    """Start the next front beside this one, end this one; the gap in seconds."""
    old = front.process
    assert old is not None
    known = front.log.stat().st_size
    starting = asyncio.create_task(front.start())
    end = time.monotonic() + LIMIT
    told = end
    try:
        while b"port_in_use" not in front.log.read_bytes()[known:]:
            assert time.monotonic() < end, front.log_end()
            await asyncio.sleep(0.01)
        old.send_signal(signal.SIGTERM)
        told = time.monotonic()
        await asyncio.to_thread(old.wait, LIMIT)
    finally:
        if old.poll() is None:
            old.kill()
            old.wait()
    gone = time.monotonic()
    gap = await first_answer(gone)
    print(f"the old front ended {gone - told:.3f} s after it was told")
    await starting
    while not await asyncio.to_thread(front._ready):  # what was ready before was the old one
        assert time.monotonic() < gone + LIMIT, front.log_end()
        await asyncio.sleep(0.02)
    assert old.returncode == 0
    yield gap


@pytest.mark.parametrize("forget", [False, True], ids=["file", "no-file"])
async def test_many_calls_can_be_hung_up(
    pair: Pair, front: Front, tmp_path: Path, forget: bool
) -> None:
    agent = sipp.client(
        srcaddr=("127.0.2.1", 5060),
        destaddr=(ADDRESS, 5060),
        uri_username="600",
        rate=60,
        call_count=MANY,
        limit=2 * MANY,
        pause_duration=6000,
        timeout=40,
    )
    async with agent.start() as run:
        end = time.monotonic() + LIMIT
        while len(await pair.a.channels()) < MANY:
            assert time.monotonic() < end, await pair.a.channels()
            await asyncio.sleep(0.05)
        await killed(front, forget=forget)
        result = await run.wait()
    assert result.stats is not None
    assert (result.stats.successful, result.stats.failed) == (MANY, 0), result
    await pair.a.idle()
