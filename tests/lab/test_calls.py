"""Calls through the front between real phones of two stacks, and to and from the trunk.

Each call is proved by ear: a tone goes in at one end and comes out at the other.  When the front
ends, everything that it sent is searched for addresses that do not belong there (conftest).
"""

from __future__ import annotations

import pytest

from tests.lab.asterisk import password
from tests.lab.capture import Capture
from tests.lab.conftest import Pair, Phones
from tests.lab.phones.raw import RawPhone
from tests.lab.scenes import answered, over, talk

TRANSPORTS = ("udp", "tcp", "tls")


async def test_a_phone_registers_and_hears_the_pbx(
    pair: Pair, phones: Phones, capture: Capture
) -> None:
    phone = await phones.registered("1001")
    contacts = (await pair.a.contacts())["1001"]
    assert all("@127.0.0.10:5062" in contact for contact in contacts)
    # The permanent one and the phone's; others may be there of phones that earlier tests left.
    assert len(contacts) >= 2
    answer = capture.find(source="127.0.0.10", target=phone.settings["ip"], start="SIP/2.0 200")[-1]
    assert f"@{phone.settings['ip']}" in str(answer.header("Contact"))
    call = await phone.call("601")
    await call.confirmed()
    await call.hears(1004)
    await over(call)
    await phone.unregister()
    assert len((await pair.a.contacts())["1001"]) == len(contacts) - 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_phone_to_phone(phones: Phones, transport: str) -> None:
    one = await phones.registered("1001", transport, update=True)
    other = await phones.registered("1002", update=True)
    there, here = await answered(one, "1002", other)
    await over(here, there)
    there, here = await answered(other, "1001", one)
    await over(there, here)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_between_two_stacks(phones: Phones, transport: str) -> None:
    one = await phones.registered("1001")
    other = await phones.baresip("1002", transport)
    await other.register()
    there = await one.call("1002")
    here = await other.incoming()
    await here.answer()
    await talk(there, here)
    await over(there, here)
    back = await other.call("1001")
    forth = await one.incoming()
    await forth.answer()
    await talk(back, forth)
    await back.hang_up()
    await forth.ended()


async def test_from_the_trunk_to_a_phone_and_to_the_pbx(phones: Phones) -> None:
    phone = await phones.registered("1001")
    carrier = await phones.carrier()
    there, here = await answered(carrier, "sip:1001@127.0.0.10:5060", phone)
    await over(there, here)
    there, here = await answered(carrier, "sip:1001@127.0.0.10:5060", phone)
    await over(here, there)
    call = await carrier.call("sip:600@127.0.0.10:5060")
    await call.confirmed()
    await call.hears(carrier.tone)
    await over(call)


async def test_from_a_phone_to_the_trunk(phones: Phones, capture: Capture) -> None:
    phone = await phones.registered("1001", "tcp")
    carrier = await phones.carrier()
    await carrier.policy(180)
    there, here = await answered(phone, "9004912345", carrier)
    assert capture.find(target="127.0.2.1", start="INVITE sip:004912345@")
    await over(there, here)
    await carrier.policy(486)
    there = await phone.call("9004912345")
    assert (await there.ended())["code"] == 486


async def test_a_callers_cancel_reaches_the_phone(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    there = await one.call("1002")
    here = await other.incoming()
    await there.state("EARLY")
    await there.hang_up()
    assert (await there.ended())["code"] == 487
    assert (await here.ended())["code"] == 487


async def test_a_busy_phone_and_one_that_is_not_there(phones: Phones) -> None:
    one = await phones.registered("1001")
    await phones.registered("1002", answer=486)
    there = await one.call("1002")
    assert (await there.ended())["code"] == 486
    # Nobody has registered 1003: its permanent contact gets 480, and the voicemail answers.
    there = await one.call("1003")
    await there.confirmed()
    await there.hears(800)
    await over(there)


async def test_voicemail_answers_after_the_phone_has_rung(pair: Pair, phones: Phones) -> None:
    await pair.a.cli("dialplan set global RING 2")
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    there = await one.call("1002")
    here = await other.incoming()
    await there.state("EARLY")
    await there.confirmed()
    await there.hears(800)
    assert (await here.ended())["code"] == 487
    await over(there)


async def test_early_media(phones: Phones) -> None:
    one = await phones.registered("1001")
    for caller, to in ((one, "604"), (await phones.carrier(), "sip:604@127.0.0.10:5060")):
        call = await caller.call(to)
        await call.state("EARLY")
        await call.hears(440)
        await call.confirmed()
        await call.hears(1004)
        await over(call)


async def test_an_ivr_leads_to_a_phone(phones: Phones) -> None:
    other = await phones.registered("1002")
    carrier = await phones.carrier()
    call = await carrier.call("sip:603@127.0.0.10:5060")
    await call.confirmed()
    await call.hears(600)
    await call.digits("1")
    here = await other.incoming()
    await here.answer()
    await talk(call, here)
    await over(call, here)


async def test_a_phone_that_redirects(phones: Phones) -> None:
    one = await phones.registered("1001")
    third = await phones.registered("1003")
    async with RawPhone("1002", "127.0.1.77") as other:
        contact = "Contact: <sip:1003@example.com>"
        other.react = lambda request: (
            [other.answer(request, 302, "Moved Temporarily", contact)]
            if request.method == "INVITE"
            else []
        )
        await other.register(password("1002"))
        there, here = await answered(one, "1002", third)
        assert other.inbox[-1].method == "ACK"
        await over(here, there)


async def test_delayed_offer_and_offerless_reinvite(phones: Phones, capture: Capture) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002")
    mark = other.mark()
    there = await one.call("1002", offerless=True)
    here = await other.incoming(since=mark)
    await here.answer()
    await talk(there, here)
    sent = capture.find(source=one.settings["ip"], call_id=there.sip, start="INVITE")
    assert b"m=audio" not in sent[-1].data
    mark = one.mark()
    await there.reinvite(offerless=True)
    await one.wait("media", since=mark, call=there.name, active=True)
    await talk(there, here)
    sent = capture.find(source=one.settings["ip"], call_id=there.sip, start="INVITE")
    assert b"m=audio" not in sent[-1].data
    await over(there, here)


async def test_anonymous_callers(phones: Phones, capture: Capture) -> None:
    other = await phones.registered("1002")
    anonymous = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    hidden = await phones.pjsua("1001", id=anonymous)
    there, here = await answered(hidden, "1002", other)
    await over(there, here)
    carrier = await phones.carrier(id=anonymous)
    there, here = await answered(carrier, "sip:1002@127.0.0.10:5060", other)
    await over(there, here)
