"""Calls that are up when the active PBX dies, freezes or is stunned, or when the front is killed.

Half of the calls have their audio past the PBX (``direct_media``), half by it; two more telephones
are real ones (PJSIP).  Who hears whom, and from where, is measured at every end.  40 calls, and 200
with ``SIPFRONT_LENGTH=full``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.capture import Capture
from tests.lab.conftest import Pair, Phones, folders
from tests.lab.faulting import FULL
from tests.lab.front import ADDRESS, CARRIER, Front, configuration
from tests.lab.leaks import leaks
from tests.lab.phones.herd import End, Herd
from tests.lab.scenes import answered, hear, over

DIRECT, PLAIN = "127.0.2.10", "127.0.2.11"
CALLS = 200 if FULL else 40
#: Calls a second while they are made; each one is two calls for the PBX, and two re-INVITEs.
RATE = 20.0
#: A packet comes ten times a second; a busy machine is late now and then.
GAP = 1.0
#: Nobody waits longer than this for what is to happen.
LIMIT = 20.0


async def until(wanted: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Wait for something."""
    ends = time.monotonic() + limit
    while not wanted():
        assert time.monotonic() < ends, f"not within {limit} s: {what}"
        await asyncio.sleep(0.02)


@dataclass
class Talk:
    """Both ends of a call."""

    a: End
    b: End

    def hears(self) -> bool:
        """Whether each end hears the other, and nobody else."""
        return set(self.a.heard) == {self.b.ident} and set(self.b.heard) == {self.a.ident}

    def direct(self) -> bool:
        """Whether they speak with each other and not with the PBX."""
        return self.a.peer == self.b.rtp and self.b.peer == self.a.rtp

    @property
    def up(self) -> bool:
        """Whether nobody has hung up."""
        return not self.a.over.is_set() and not self.b.over.is_set()


@dataclass
class House:
    """The front, the pair, and two herds."""

    pair: Pair
    front: Front
    direct: Herd
    plain: Herd
    capture: Capture

    async def calls(self, number: int = CALLS) -> tuple[list[Talk], list[Talk]]:
        """Calls by the hundred, half of them past the PBX; all up, everybody hears the right one."""
        begun = time.monotonic()
        dialling = []
        for index in range(number):
            herd = self.direct if index % 2 else self.plain
            kind = 1 if index % 4 < 2 else 2  # with the correlation copied, and without
            dialling.append(asyncio.create_task(self._call(herd, f"7{kind}{index:04}")))
            await asyncio.sleep(max(0.0, begun + index / RATE - time.monotonic()))
        talks = await asyncio.gather(*dialling)
        direct, plain = talks[1::2], talks[0::2]
        await until(lambda: all(talk.direct() for talk in direct), "media past the PBX")
        await self.heard(talks)
        return direct, plain

    async def _call(self, herd: Herd, number: str) -> Talk:
        a = await herd.call(number)
        await until(lambda: number in herd.called, f"{number} called")
        return Talk(a, herd.called[number])

    async def heard(self, talks: list[Talk], seconds: float = 1.0) -> float:
        """Everybody is heard by the right one, and by nobody else; the longest gap."""
        for talk in talks:
            talk.a.forget()
            talk.b.forget()
        await asyncio.sleep(seconds)
        await until(lambda: all(talk.hears() for talk in talks), "everybody hears the other", 5.0)
        return max((max(talk.a.gap, talk.b.gap) for talk in talks), default=0.0)

    async def decided(self, kind: str, limit: float = LIMIT) -> float:
        """When (wall clock) an event happened."""
        ends = time.monotonic() + limit
        while True:
            found = [event["at"] for event in await self.front.events() if event["event"] == kind]
            if found:
                return float(found[-1])
            assert time.monotonic() < ends, self.front.log_end()
            await asyncio.sleep(0.05)

    async def hang_up(self, talks: list[Talk]) -> None:
        """Every second caller hangs up, else the callee; the other one ends by that."""
        for index, talk in enumerate(talks):
            one, other = (talk.a, talk.b) if index % 2 else (talk.b, talk.a)
            assert await one.hang_up() == 200
            async with asyncio.timeout(LIMIT):
                await other.over.wait()

    def clean(self) -> None:
        """No answer of 481 or 500 reached anybody, nor did anybody have to give one."""
        assert [*self.direct.failures, *self.plain.failures] == []


@pytest.fixture
async def house(pair: Pair, tmp_path: Path, capture: Capture) -> AsyncIterator[House]:
    """A front that knows both herds as trunks."""
    folder = tmp_path / "front"
    trunks = [
        {"name": name, "uri": f"sip:{ip}:5060", "sources": [f"{ip}/32"]}
        for name, ip in (("herd-direct", DIRECT), ("herd-plain", PLAIN), ("carrier", CARRIER))
    ]
    front = Front(folder, configuration(folder, trunks=trunks, log={"level": "debug"}))
    async with Herd(DIRECT) as direct, Herd(PLAIN) as plain:
        await front.start()
        try:
            yield House(pair, front, direct, plain, capture)
        finally:
            await pair.quiet()
            await front.stop()
    log = front.log_end(100_000).splitlines()
    wrong = [line for line in log if " error " in line or line.startswith("Traceback")]
    assert not wrong, "\n".join(wrong[:20])
    capture.stop()
    found = leaks(capture.packets, [phone / "log" for phone in folders(tmp_path)])
    assert not found, "\n".join(found[:20])


async def byes(house: House, plain: list[Talk], at: float, limit: float = 1.0) -> None:
    """Both ends of every call by the PBX get a BYE with a Reason, in time."""
    await until(
        lambda: all(talk.a.over.is_set() and talk.b.over.is_set() for talk in plain), "BYEs"
    )
    late = [end.ended_at - at for talk in plain for end in (talk.a, talk.b)]
    print(f"  {len(late)} BYEs for {len(plain)} calls by the PBX, "
          f"{min(late):.3f} to {max(late):.3f} s after the decision")  # fmt: skip
    assert all("cause=41" in end.reason for talk in plain for end in (talk.a, talk.b))
    assert max(late) < limit


async def goes_on(house: House, direct: list[Talk], gap: float) -> None:
    """The calls past the PBX: audio, hold and resume, and an end from either side."""
    assert all(talk.up for talk in direct)
    longest = max(gap, await house.heard(direct))
    for talk in direct[:6]:
        assert await talk.a.hold(True) == 200
        assert await talk.b.hold(False) == 200
        assert await talk.a.hold(False) == 200
    assert all(talk.direct() for talk in direct)
    await house.heard(direct)
    await house.hang_up(direct)
    print(f"  {len(direct)} calls past it went on, longest gap of audio {longest:.2f} s, "
          "and ended by a hang-up")  # fmt: skip
    assert longest < GAP


async def test_the_active_node_is_killed(house: House, tmp_path: Path) -> None:
    """Kept, ended, and what the node says when it is back."""
    async with AsyncExitStack() as stack:
        phones = Phones(tmp_path, f"{ADDRESS}:5060", stack, server=house.front)
        one = await phones.registered("1011", tone=350)
        two = await phones.registered("1012", tone=520)
        there, here = await answered(one, "1012", two)
        direct, plain = await house.calls()
        for talk in direct:
            talk.a.forget()
            talk.b.forget()
        house.pair.a.kill()
        at = await house.decided("failover")
        await byes(house, plain, at)
        await asyncio.sleep(2.0)
        gap = max(max(talk.a.gap, talk.b.gap) for talk in direct)
        await hear(there, here)
        await house.pair.up()  # it is back, and knows nothing of them
        await asyncio.sleep(1.0)
        await goes_on(house, direct, gap)
        await here.hold()
        await here.resume()
        await hear(there, here)
        await over(here, there)
    house.clean()


async def test_the_active_node_is_frozen(house: House) -> None:
    """After ``rescue_after`` as after a kill; thawed it is told, and nothing happens to the parties."""
    direct, plain = await house.calls()
    for talk in direct:
        talk.a.forget()
        talk.b.forget()
    house.pair.a.freeze()
    at = await house.decided("lost")
    await byes(house, plain, at)
    house.pair.a.thaw()
    await house.pair.a.idle(LIMIT)
    gap = max(max(talk.a.gap, talk.b.gap) for talk in direct)
    print("  thawed, the node has no channel left")
    await goes_on(house, direct, gap)
    house.clean()


async def test_the_active_node_is_stunned_for_three_seconds(house: House) -> None:
    """No call is lost, whatever its audio does meanwhile."""
    direct, plain = await house.calls()
    house.pair.a.freeze()
    await asyncio.sleep(3.0)
    house.pair.a.thaw()
    talks = direct + plain
    await house.heard(talks, 3.0)
    lost = [talk for talk in talks if not talk.up]
    print(f"  frozen for 3 s: {len(lost)} of {len(talks)} calls lost")
    assert lost == []
    await house.hang_up(talks)
    house.clean()


async def test_the_front_is_killed(house: House) -> None:
    """kill -9, and once more after the node died: every call can be hung up, from either side."""
    direct, plain = await house.calls()
    house.front.kill()
    await house.front.start()
    talks = direct + plain
    await house.heard(talks)
    half = len(direct) // 2
    await house.hang_up(direct[:half] + plain[:half])
    direct, plain = direct[half:], plain[half:]
    house.pair.a.kill()
    at = await house.decided("failover")
    await byes(house, plain, at)
    await house.heard(direct)
    await asyncio.sleep(0.1)  # the store is 50 ms behind
    house.front.kill()
    await house.front.start()
    await goes_on(house, direct, 0.0)
    print(f"  kill -9 of the front: 0 of {len(talks)} calls could not be hung up")
    house.clean()
