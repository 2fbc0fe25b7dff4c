"""The peers themselves, without the front: what fails here is the lab's fault, not the front's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.lab.asterisk import Asterisk, answers_options
from tests.lab.capture import Capture
from tests.lab.conftest import Pair, Phones


async def test_two_pbxs_live_side_by_side_and_come_back_after_a_kill(pair: Pair) -> None:
    for node in pair:
        assert await answers_options(node.ip)
        assert "1001" in await node.contacts()
        node.kill()
        assert not await answers_options(node.ip)
        assert await node.start() < 5
        assert await node.channels() == []


async def test_a_frozen_pbx_is_silent_and_goes_on_when_thawed(pair: Pair) -> None:
    pair.a.freeze()
    assert not await answers_options(pair.a.ip, limit=0.3)
    pair.a.thaw()
    assert await answers_options(pair.a.ip, limit=2)


async def test_phones_of_two_stacks_hear_each_other(
    pair: Pair, direct: Callable[[Asterisk], Phones], capture: Capture
) -> None:
    await pair.a.cli("dialplan set global CONTINUITY shared")
    phones = direct(pair.a)
    one = await phones.registered("1001", answer=200)
    other = await phones.baresip("1002")
    await other.register()
    there = await other.call("1001")
    here = await one.incoming()
    await asyncio.gather(here.confirmed(), there.confirmed())
    await asyncio.gather(here.hears(other.tone), there.hears(one.tone))
    await there.hang_up()
    await here.ended()
    seen = capture.find(call_id=there.sip, start="INVITE")
    assert seen[0].target == (pair.a.ip, 5060)
    assert b"m=audio" in seen[0].data
    await pair.a.cli("dialplan set global CONTINUITY static")


async def test_a_phone_over_tcp_and_what_the_dialplan_plays(
    pair: Pair, direct: Callable[[Asterisk], Phones]
) -> None:
    phone = await direct(pair.b).registered("1003", "tcp")
    call = await phone.call("603")
    await call.confirmed()
    await call.hears(600)
    await call.digits("2")
    await call.hears(phone.tone)
    await call.hang_up()
    await call.ended()
