"""Calls through the front between real phones of two stacks, and to and from the trunk.

Each call is proved by ear: a tone goes in at one end and comes out at the other.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.lab.asterisk import EXTENSIONS
from tests.lab.conftest import Pair, Phones
from tests.lab.phones.base import Call
from tests.lab.phones.pjsua import PjsuaCall, PjsuaPhone


async def talk(caller: Call, callee: Call) -> None:
    """Both hear each other."""
    await asyncio.gather(caller.confirmed(), callee.confirmed())
    await asyncio.gather(
        caller.hears(callee.phone.tone, limit=8), callee.hears(caller.phone.tone, limit=8)
    )


async def connected(caller: PjsuaPhone, to: str, callee: PjsuaPhone) -> tuple[PjsuaCall, PjsuaCall]:
    """Call, answer, and hear each other; the callee answers by itself."""
    mark = callee.mark()
    there = await caller.call(to)
    here = await callee.incoming(since=mark)
    await talk(there, here)
    return there, here


async def test_a_phone_registers_and_hears_the_pbx(pair: Pair, phones: Phones) -> None:
    phone = await phones.registered("1001")
    contacts = await pair.a.contacts()
    assert all("127.0.0.10:5062" in contact for contact in contacts["1001"])
    call = await phone.call("601")
    await call.confirmed()
    await call.hears(1004)
    await call.hang_up()
    await call.ended()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_phone_to_phone(phones: Phones, transport: str) -> None:
    one = await phones.registered("1001", transport)
    other = await phones.registered("1002", "udp", answer=200)
    there, here = await connected(one, "1002", other)
    await here.hang_up()
    await there.ended()
    back, forth = await (lambda: _called(other, "1001", one))()
    await back.hang_up()
    await forth.ended()


async def _called(caller: PjsuaPhone, to: str, callee: PjsuaPhone) -> tuple[PjsuaCall, PjsuaCall]:
    """As :func:`connected`, but a hand answers after the ringing was seen at the caller."""
    mark = callee.mark()
    there = await caller.call(to)
    here = await callee.incoming(since=mark)
    await there.state("EARLY")
    await here.answer()
    await talk(there, here)
    return there, here
