"""Stories of what one party of a kept call says to the other."""

from __future__ import annotations

from sipfront.sip import headers as h
from tests.stack.kept import kept, sdp, up
from tests.stack.world import request


def test_hold_and_resume() -> None:
    """An offer goes through with the o= that its reader knows, one version on; so does its answer."""
    call = kept()
    held = sdp("198.51.100.7", 4000, version=2, more="\na=sendonly")
    (invite,) = call.a.asks("INVITE", held)
    assert (invite.flow, invite.message.method) == (call.b.flow, b"INVITE")
    assert b"a=sendonly" in invite.message.body
    assert b"o=- 900 3 IN IP4 10.0.0.11" in invite.message.body  # RFC 3264 section 8
    assert invite.message.call_id == b"call-b"
    assert invite.message.cseq == 3
    (trying,) = call.world.wait(0.2)
    assert (trying.flow, trying.message.status) == (call.a.flow, 100)
    (ok,) = call.b.says(invite, 200, sdp("198.51.100.9", 5000, version=2, more="\na=recvonly"))
    assert (ok.flow, ok.message.status) == (call.a.flow, 200)
    assert b"a=recvonly" in ok.message.body
    assert b"o=- 900 3 IN IP4 10.0.0.11" in ok.message.body
    assert ok.message.to_tag == b"na"
    (ack,) = call.a.asks("ACK", cseq=51)
    assert (ack.flow, ack.message.method, ack.message.cseq) == (call.b.flow, b"ACK", 3)
    a, b = call.legs
    assert a.session is not None
    assert b.session is not None
    assert b"sendonly" in a.session.outside_sdp
    assert b"sendonly" in b.session.inside_sdp
    assert a.session.held
    # The 200 comes again, because the ACK was lost on its way to B: again to A, and again an ACK.
    (again,) = call.b.says(invite, 200, sdp("198.51.100.9", 5000, version=2, more="\na=recvonly"))
    assert again.message.data == ok.message.data
    (ack2,) = call.a.asks("ACK", cseq=51)
    assert ack2.message.data == ack.message.data
    (invite,) = call.b.asks("INVITE", sdp("198.51.100.9", 5000, version=3))
    assert (invite.flow, invite.message.cseq) == (call.a.flow, 103)
    (ok,) = call.a.says(invite, 200, sdp("198.51.100.7", 4000, version=3))
    (ack,) = call.b.asks("ACK", cseq=call.b.cseq)
    assert ack.flow is call.a.flow
    bye = call.a.asks("BYE")[1]
    assert (bye.flow, bye.message.cseq, bye.message.from_tag) == (call.b.flow, 4, b"nb")


def test_a_refresh_by_the_same_description_is_the_same_description() -> None:
    """RFC 4028 7.4: nothing changed, so the version does not either."""
    call = kept()
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000))
    assert b"o=- 900 2 IN IP4 10.0.0.11" in invite.message.body


def test_an_offer_in_the_answer() -> None:
    """An INVITE without a description: the offer is in the 200, the answer in the ACK."""
    call = kept()
    (invite,) = call.a.asks("INVITE")
    assert invite.message.body == b""
    (ok,) = call.b.says(invite, 200, sdp("198.51.100.9", 5002, version=2))
    assert b"m=audio 5002" in ok.message.body
    (ack,) = call.a.asks("ACK", sdp("198.51.100.7", 4002, version=2), cseq=51)
    assert b"m=audio 4002" in ack.message.body
    assert b"o=- 900 3" in ack.message.body
    a, b = call.legs
    assert a.session is not None
    assert b.session is not None
    assert b"4002" in a.session.outside_sdp
    assert b"4002" in b.session.inside_sdp
    assert b"5002" in b.session.outside_sdp
    assert b"5002" in a.session.inside_sdp


def test_a_refused_offer() -> None:
    """488 goes back as it is, the ACK stays here, and all is as it was."""
    call = kept()
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    ack, refused = call.b.says(invite, 488, extra='Warning: 304 x "no"')
    assert (ack.flow, ack.message.method) == (call.b.flow, b"ACK")
    assert (refused.message.status, refused.message.value(h.WARNING)) == (488, b'304 x "no"')
    assert call.a.asks("ACK", cseq=51) == []
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    assert invite.message.cseq == 4


def test_a_cancel() -> None:
    """RFC 3261 9: of a re-INVITE that nobody has answered yet."""
    call = kept()
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    call.b.says(invite, 100)
    text = request(
        "CANCEL", call.a.target, via="198.51.100.7:5060", branch="call-a-INVITE-1",
        sender=call.a.name, to=call.a.peer, call_id="call-a", cseq=51, contact="",
    )  # fmt: skip
    ok, cancel = call.world.hear(call.a.flow, text)
    assert ok.message.status == 200
    assert (cancel.flow, cancel.message.method, cancel.message.cseq) == (call.b.flow, b"CANCEL", 3)
    call.b.says(cancel, 200)
    ack, over = call.b.says(invite, 487)
    assert (over.flow, over.message.status) == (call.a.flow, 487)
    assert ack.message.method == b"ACK"


def test_update_with_an_offer_and_without() -> None:
    """Without: answered here (RFC 4028).  With: passed; as an INVITE to who knows no UPDATE."""
    call = kept()
    (ok,) = call.a.asks("UPDATE", extra="Session-Expires: 1800;refresher=uac")
    assert (ok.flow, ok.message.status) == (call.a.flow, 200)
    assert ok.message.value(h.SESSION_EXPIRES) == b"1800;refresher=uac"
    assert ok.message.value(h.REQUIRE) == b"timer"
    (update,) = call.a.asks("UPDATE", sdp("198.51.100.7", 4002, version=2))
    assert (update.flow, update.message.method) == (call.b.flow, b"UPDATE")
    (ok,) = call.b.says(update, 200, sdp("198.51.100.9", 5000))
    assert ok.message.status == 200
    call = kept(b_says="Allow: INVITE, BYE")
    (invite,) = call.a.asks("UPDATE", sdp("198.51.100.7", 4002, version=2))
    assert (invite.flow, invite.message.method) == (call.b.flow, b"INVITE")
    ok, ack = call.b.says(invite, 200, sdp("198.51.100.9", 5000))
    assert (ok.flow, ok.message.cseq_method) == (call.a.flow, b"UPDATE")
    assert (ack.flow, ack.message.method, ack.message.cseq) == (call.b.flow, b"ACK", 3)
    assert [s.message.method for s in call.b.says(invite, 200, sdp("198.51.100.9", 5000))] == [
        b"ACK"
    ]


def test_a_party_that_is_gone() -> None:
    """481 or no answer to what was passed: the other is told, and has its BYE (12.2.1.2)."""
    call = kept()
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    out = call.b.says(invite, 481)
    assert [(s.flow, s.message.method or s.message.status) for s in out] == [
        (call.b.flow, b"ACK"), (call.a.flow, 481), (call.a.flow, b"BYE"),
    ]  # fmt: skip
    call = kept()
    call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    out = [s for s in call.world.wait(40) if s.flow is call.a.flow and s.message.status != 100]
    assert [s.message.status for s in out[:2]] == [408, 0]
    assert out[1].message.method == b"BYE"


def test_a_party_whose_connection_is_gone_cannot_be_asked() -> None:
    call = up()
    world = call.world
    tcp = world.flows.stream(world.tcp, "198.51.100.9", 40000)
    call.legs[1].outside_flow = tcp
    call.die()
    world.flows.dropped(tcp)
    (no,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    assert (no.flow, no.message.status) == (call.a.flow, 480)
    (ok,) = call.a.asks("BYE")
    assert ok.message.status == 200
