"""Session timers of kept calls: the front refreshes where the node had to, and misses who does not."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from tests.stack.kept import KeptCall, sdp, up

NODE_REFRESHES = "Session-Expires: 90;refresher=uac"  # in answers to what the node asked
PHONE_REFRESHES = "Session-Expires: 90;refresher=uas"


def kept(**more: str) -> KeptCall:
    call = up(**more)  # type: ignore[arg-type]
    call.die()
    return call


def test_the_front_refreshes_by_update() -> None:
    """At half the interval, again and again, in one dialog only."""
    call = kept(expires_b=NODE_REFRESHES)
    assert call.wait(43) == []
    for number in range(3):
        (update,) = call.wait(3)
        assert (update.flow, update.message.method) == (call.b.flow, b"UPDATE")
        assert update.message.value(h.SESSION_EXPIRES) == b"90;refresher=uac"
        assert update.message.cseq == 3 + number
        assert update.message.body == b""
        assert call.b.says(update, 200, extra=NODE_REFRESHES) == []
        call.wait(43)
    assert call.world.engine.counters["kept calls refreshed"] >= 3
    assert call.a.asks("BYE")[1].flow is call.b.flow


def test_the_front_refreshes_by_invite() -> None:
    """Who knows no UPDATE gets its last description again, unchanged (RFC 3264 section 8)."""
    call = kept(expires_b=NODE_REFRESHES, b_says="Allow: INVITE, BYE\nSupported: timer")
    told = call.legs[1].session
    assert told is not None
    (invite,) = call.wait(47)
    assert (invite.flow, invite.message.method) == (call.b.flow, b"INVITE")
    assert invite.message.body == told.inside_sdp
    (ack,) = call.b.says(invite, 200, sdp("198.51.100.9", 5000), NODE_REFRESHES)
    assert (ack.flow, ack.message.method, ack.message.cseq) == (call.b.flow, b"ACK", 3)
    (again,) = call.b.says(invite, 200, sdp("198.51.100.9", 5000), NODE_REFRESHES)
    assert again.message.data == ack.message.data


def test_an_update_that_is_not_allowed_after_all() -> None:
    call = kept(expires_b=NODE_REFRESHES)
    (update,) = call.wait(47)
    assert call.b.says(update, 405) == []
    (invite,) = call.wait(5)
    assert invite.message.method == b"INVITE"


def test_a_longer_session_is_wanted() -> None:
    """RFC 4028 section 6: 422 with Min-SE."""
    call = kept(expires_b=NODE_REFRESHES)
    (update,) = call.wait(47)
    call.b.says(update, 422, extra="Min-SE: 300")
    (update,) = call.wait(5)
    assert update.message.value(h.SESSION_EXPIRES) == b"300;refresher=uac"


def test_a_refresh_that_meets_an_offer() -> None:
    """Theirs gets 491 while ours is under way; ours that gets one is tried again."""
    call = kept(expires_b=NODE_REFRESHES)
    (update,) = call.wait(47)
    (glare,) = call.b.asks("INVITE", sdp("198.51.100.9", 5000, version=2))
    assert glare.message.status == 491
    call.b.says(update, 491)
    (update,) = [sent for sent in call.wait(5) if sent.message.method]
    assert update.message.method == b"UPDATE"


@pytest.mark.parametrize("status", [481, 0])
def test_the_party_is_gone(status: int) -> None:
    """481, or no answer at all: the other has its BYE (RFC 4028 section 10)."""
    call = kept(expires_b=NODE_REFRESHES)
    (update,) = call.wait(47)
    out = call.b.says(update, status) if status else call.wait(35)
    byes = [s for s in out if s.message.method == b"BYE"]
    assert [s.flow for s in byes][:1] == [call.a.flow]


def test_the_party_does_not_refresh() -> None:
    """A third of the interval before its end both get a BYE."""
    call = kept(expires_b=PHONE_REFRESHES)
    assert call.wait(58) == []
    byes = call.wait(3)
    assert {s.flow for s in byes} == {call.a.flow, call.b.flow}
    assert {s.message.method for s in byes} == {b"BYE"}
    assert b"not refreshed" in (byes[0].message.value(h.REASON) or b"")


def test_the_party_refreshes() -> None:
    call = kept(expires_b=PHONE_REFRESHES)
    for _ in range(3):
        call.wait(45)
        (ok,) = call.b.asks("UPDATE", extra="Session-Expires: 90;refresher=uac")
        assert ok.message.status == 200
    assert call.legs


def test_a_party_without_a_connection_is_tried_until_the_end() -> None:
    call = kept(expires_b=NODE_REFRESHES)
    world = call.world
    tcp = world.flows.stream(world.tcp, "198.51.100.9", 40000)
    call.legs[1].outside_flow = tcp
    world.flows.dropped(tcp)
    assert call.wait(80) == []
    (bye,) = call.wait(15)
    assert (bye.flow, bye.message.method) == (call.a.flow, b"BYE")
