"""What a user notices: set-up, sound, silence, and a call that is cut off."""

from __future__ import annotations

import asyncio

import pytest

from sipfront.demo.call import BYE_CAME
from sipfront.demo.station import Experience
from tests.demo.conftest import World, until


async def test_a_call_that_is_cut_off_is_noticed(world: World) -> None:
    one = await world.registered("1001")
    other = await world.registered("1002")
    calling = asyncio.get_running_loop().create_task(one.call("1002", 5.0))
    await until(lambda: other.up == 1 and one.up == 1)
    leg = next(leg for leg in other.agent.dialogs.values())
    await leg.bye()  # type: ignore[attr-defined]
    noticed = await calling
    assert noticed.dropped
    assert noticed.why == BYE_CAME
    assert not noticed.failed


async def test_a_node_that_dies_leaves_silence(world: World) -> None:
    phone = await world.registered("1001")
    calling = asyncio.get_running_loop().create_task(phone.call("601", 1.2))
    await until(lambda: phone.up == 1 and all(audio.heard for audio in phone.audios))
    world.node.kill()
    # The kill of a process closes its audio too; here the node's task ends with it.
    noticed = await calling
    assert noticed.heard == 1004
    assert noticed.gap > 0.5


async def test_a_caller_has_only_so_much_patience(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipfront.demo.station.PATIENCE", 0.3)
    one = await world.registered("1001")
    await world.registered("1002", answer_after=10.0)
    noticed = await one.call("1002")
    assert noticed.failed
    assert noticed.status == 487
    assert "no answer" in noticed.why


async def test_experiences_are_kept_and_judged(world: World) -> None:
    phone = await world.registered("1001")
    await phone.call("600", 0.1)
    await phone.call("777")
    good, bad = phone.experiences
    assert (good.failed, good.deaf) == (False, False)
    assert (bad.failed, bad.deaf) == (True, False)
    assert Experience("a", "b", 0.0, setup=0.1).deaf


async def test_whoever_goes_hangs_up(world: World) -> None:
    one = await world.registered("1001")
    other = await world.registered("1002")
    calling = asyncio.get_running_loop().create_task(one.call("1002", 5.0))
    await until(lambda: other.up == 1 and one.up == 1)
    await other.close()
    noticed = await calling
    assert noticed.dropped or noticed.gap
