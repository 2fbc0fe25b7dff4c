"""Leaving branches: CANCEL, what it says, and how long it is waited for."""

from __future__ import annotations

from sipfront.sip import headers as h
from tests.stack.world import NODE_A, World, answer, request

REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"'


def test_a_cancel_that_had_to_wait_keeps_its_reason() -> None:
    """RFC 3326: the phone does not show a missed call."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(phone, request("CANCEL", "sip:600@example.com", contact="", extra=REASON))
    (cancel,) = world.hear(invite.flow, answer(invite, 100))
    assert cancel.message.method == b"CANCEL"
    assert cancel.message.lines(h.REASON) == REASON.encode() + b"\r\n"


def test_a_180_after_the_cancel_does_not_make_it_longer() -> None:
    """RFC 3261 9.1: 64*T1, not timer C."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(invite.flow, answer(invite, 100))
    world.hear(phone, request("CANCEL", "sip:600@example.com", contact=""))
    world.hear(invite.flow, answer(invite, 180, tag="n", contact=f"<sip:600@{NODE_A}>"))
    over = [item.message.status for item in world.wait(33) if item.flow is phone]
    assert 487 in over


def test_a_challenged_bye_ends_no_dialog() -> None:
    """The phone asks again, with credentials; any other failure ends it all the same."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    to = "<sip:600@example.com>;tag=n"
    (bye,) = world.hear(phone, request("BYE", target, branch="b2", to=to, cseq=2))
    world.hear(bye.flow, answer(bye, 401, extra='WWW-Authenticate: Digest realm="r", nonce="n"'))
    assert len(world.engine.shared.legs) == 1
    (bye,) = world.hear(phone, request("BYE", target, branch="b3", to=to, cseq=3))
    world.hear(bye.flow, answer(bye, 500))
    assert len(world.engine.shared.legs) == 0


def test_a_subscription_that_the_other_side_does_not_know() -> None:
    world = World()
    phone = world.phone()
    (sub,) = world.hear(phone, request("SUBSCRIBE", "sip:600@example.com", extra="Event: dialog"))
    (ok,) = world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (again,) = world.hear(
        phone,
        request("SUBSCRIBE", target, branch="b2", to="<sip:600@example.com>;tag=n", cseq=2),
    )
    world.hear(again.flow, answer(again, 481))
    assert len(world.engine.shared.legs) == 0
