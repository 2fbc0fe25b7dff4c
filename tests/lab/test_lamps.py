"""Subscriptions of a real PBX through the front: lamps (dialog-info, pidf) and waiting messages.

Their bodies name hosts too; the search for leaks at the front's end (conftest) reads them.
"""

from __future__ import annotations

import pytest

from tests.lab.asterisk import password
from tests.lab.conftest import Pair, Phones
from tests.lab.phones.raw import Message, RawPhone
from tests.lab.scenes import answered, over


def says_yes(phone: RawPhone) -> None:
    """Let a phone answer every NOTIFY."""
    phone.react = lambda request: [phone.answer(request, 200, "OK")]


async def subscribe(phone: RawPhone, to: str, event: str, accept: str) -> Message:
    """Subscribe and return the first NOTIFY."""
    answer = await phone.ask_with(
        password(phone.user),
        "SUBSCRIBE",
        f"sip:{to}@example.com",
        headers=(f"Event: {event}", f"Accept: {accept}", "Expires: 60"),
    )
    assert answer.status in (200, 202), answer.text
    return await phone.wait(lambda message: message.method == "NOTIFY")


@pytest.mark.parametrize(
    ("event", "accept", "idle", "busy"),
    [
        ("dialog", "application/dialog-info+xml", "terminated", "confirmed"),
        ("presence", "application/pidf+xml", "Ready", "On the phone"),
    ],
)
async def test_a_lamp_follows_calls(
    pair: Pair, phones: Phones, event: str, accept: str, idle: str, busy: str
) -> None:
    one = await phones.registered("1002")
    async with RawPhone("1001", "127.0.1.88") as lamp:
        says_yes(lamp)
        await lamp.register(password("1001"))
        first = await subscribe(lamp, "1002", event, accept)
        assert idle in first.text, first.text
        call = await one.call("601")
        await call.confirmed()
        lit = await lamp.wait(lambda m: m.method == "NOTIFY" and busy in m.text)
        await over(call)
        seen = len(lamp.inbox)
        await lamp.wait(lambda m: m.method == "NOTIFY" and idle in m.text, since=seen - 1)
        assert "127.0.0.11" not in lit.text
        assert 'sip:1002@example.com"' in lit.text or "sip:1002@127.0.0.10" in lit.text, lit.text


async def test_waiting_messages(pair: Pair, phones: Phones) -> None:
    async with RawPhone("1001", "127.0.1.88") as lamp:
        says_yes(lamp)
        await lamp.register(password("1001"))
        first = await subscribe(
            lamp, "1001", "message-summary", "application/simple-message-summary"
        )
        assert "Messages-Waiting: no" in first.text
        assert "127.0.0.11" not in first.text, first.text


async def test_a_phone_whose_connection_is_gone(phones: Phones) -> None:
    one = await phones.registered("1001")
    other = await phones.registered("1002", "tcp")
    calls = await answered(one, "1002", other)
    await over(*calls)
    other.kill()
    await other.wait("gone")
    call = await one.call("1002")
    await call.confirmed()
    await call.hears(800)  # its voicemail, at once
    await over(call)
