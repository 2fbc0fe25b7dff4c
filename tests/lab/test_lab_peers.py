"""The peers themselves, without the front: what fails here is the lab's fault, not the front's."""

from __future__ import annotations

import asyncio

from tests.lab.asterisk import Asterisk, answers_options
from tests.lab.capture import Capture
from tests.lab.conftest import Pair, Phones


async def test_two_pbxs_live_side_by_side_and_come_back_after_a_kill(pair: Pair) -> None:
    for node in pair:
        assert await answers_options(node.ip)
        assert "1001" in await node.contacts()
        node.kill()
        assert not await answers_options(node.ip)
        print(f"{node.name} was back after {await node.start():.1f} s")
        assert await node.channels() == []


async def test_a_frozen_pbx_is_silent_and_goes_on_when_thawed(pair: Pair) -> None:
    pair.a.freeze()
    assert not await answers_options(pair.a.ip, limit=0.3)
    pair.a.thaw()
    assert await answers_options(pair.a.ip, limit=2)


async def test_phones_of_two_stacks_hear_each_other(
    lone: Asterisk, direct: Phones, capture: Capture
) -> None:
    one = await direct.registered("1001", answer=200)
    other = await direct.baresip("1002")
    await other.register()
    there = await other.call("1001")
    here = await one.incoming()
    await asyncio.gather(here.confirmed(), there.confirmed())
    await asyncio.gather(here.hears(other.tone), there.hears(one.tone))
    await there.hang_up()
    await here.ended()
    seen = capture.find(call_id=there.sip, start="INVITE")
    assert seen[0].target == (lone.ip, 5060)
    assert b"m=audio" in seen[0].data


async def test_a_phone_over_tcp_and_what_the_dialplan_plays(direct: Phones) -> None:
    phone = await direct.registered("1003", "tcp")
    call = await phone.call("603")
    await call.confirmed()
    await call.hears(600)
    await call.digits("2")
    await call.hears(phone.tone)
    await call.hang_up()
    await call.ended()
