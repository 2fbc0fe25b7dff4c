"""Stories of calls that go on without their node."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.joined import REQUESTS, Do
from sipfront.stack.route import NodeState, Standing
from tests.stack.kept import FENCED, KeptCall, sdp, up
from tests.stack.world import NODE_A, NODE_B, request

BOTH_UP = (NodeState.UP, NodeState.UP)


def kept(**more: object) -> KeptCall:
    """A call whose node has just died, and nobody noticed."""
    call = up(**more)  # type: ignore[arg-type]
    sent = call.die()
    assert [item.message.method for item in sent] == []
    assert call.world.engine.counters["calls kept"] == 1
    a, b = call.legs
    assert (a.joined, b.joined) == (b, a)
    assert call.world.engine.shared.legs.owned == [0, 0]
    return call


@pytest.mark.parametrize("first", ["a", "b"])
def test_either_hangs_up(first: str) -> None:
    """200 for it, BYE for the other: its tags, a CSeq above all before, its Contact, its Reason."""
    call = kept()
    one, other = (call.a, call.b) if first == "a" else (call.b, call.a)
    leg = call.legs[1 if first == "a" else 0]
    before = leg.inside_cseq
    ok, bye = one.asks("BYE", extra='Reason: SIP;cause=200;text="Done"')
    assert (ok.flow, ok.message.status) == (one.flow, 200)
    assert (bye.flow, bye.message.method) == (other.flow, b"BYE")
    assert bye.message.uri.decode() == other.contact.strip("<>")
    assert bye.message.cseq == before + 1
    assert bye.message.value(h.REASON) == b'SIP;cause=200;text="Done"'
    assert f"From: {other.peer}\r\nTo: {other.name}\r\n" in bye.text
    assert NODE_A not in bye.text
    assert other.says(bye, 200) == []
    assert len(call.world.engine.shared.legs) == 0
    # The other hangs up at the same moment: 200, nothing of a 481.
    (ok,) = other.asks("BYE")
    assert ok.message.status == 200


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


def test_offers_that_cross() -> None:
    """RFC 3261 14.2: 491 for the other side, 500 with Retry-After for the same one."""
    call = kept()
    (invite,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=2))
    (glare,) = call.b.asks("INVITE", sdp("198.51.100.9", 5000, version=2))
    assert (glare.flow, glare.message.status) == (call.b.flow, 491)
    (glare,) = call.b.asks("UPDATE", sdp("198.51.100.9", 5000, version=2))
    assert glare.message.status == 491
    (early,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000, version=3))
    assert early.message.status == 500
    assert early.message.has(h.RETRY_AFTER)
    ack, refused = call.b.says(invite, 491)
    assert (ack.flow, refused.flow, refused.message.status) == (call.b.flow, call.a.flow, 491)


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


def test_what_else_they_say() -> None:
    """Digits and messages are passed, OPTIONS is answered, a transfer is refused in words."""
    call = kept()
    text = request(
        "INFO", call.a.target, via="198.51.100.7:5060", branch="i", sender=call.a.name,
        to=call.a.peer, call_id="call-a", cseq=60, extra="Content-Type: application/dtmf-relay",
        body="Signal=5",
    )  # fmt: skip
    (info,) = call.world.hear(call.a.flow, text)
    assert (info.flow, info.message.body) == (call.b.flow, b"Signal=5")
    assert info.message.value(h.CONTENT_TYPE) == b"application/dtmf-relay"
    (ok,) = call.b.says(info, 200)
    assert (ok.flow, ok.message.status) == (call.a.flow, 200)
    (ok,) = call.a.asks("OPTIONS")
    assert (ok.message.status, ok.message.has(h.ALLOW)) == (200, True)
    (no,) = call.b.asks("REFER", extra="Refer-To: <sip:1003@example.com>")
    assert no.message.status == 405
    assert b"REFER" not in (no.message.value(h.ALLOW) or b"REFER")
    (no,) = call.b.asks("PRACK", extra="RAck: 1 1 INVITE")
    assert no.message.status == 481
    (no,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000), extra="Require: 100rel")
    assert (no.message.status, no.message.named(b"unsupported")) == (420, [b"100rel"])
    (no,) = call.a.asks("INVITE", sdp("198.51.100.7", 4000), extra="Session-Expires: 30")
    assert (no.message.status, no.message.named(b"min-se")) == (422, [b"90"])


def test_every_kind_of_request_has_its_row_or_is_refused() -> None:
    """(method, description): one row each, but for what is not allowed at all."""
    for method in (b"INVITE", b"UPDATE", b"BYE", b"INFO", b"MESSAGE", b"OPTIONS", b"PRACK"):
        for has in (False, True):
            assert (method, has) in REQUESTS
    assert set(REQUESTS.values()) == set(Do) - {Do.REFUSE}


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


def test_the_node_comes_back() -> None:
    """It is told that both its halves are over; what it says about them stays here."""
    call = kept()
    world = call.world
    world.route(1, BOTH_UP, FENCED, (False, True))
    told = world.out()
    assert {(s.to, s.message.method, s.message.call_id) for s in told} == {
        (NODE_A, b"BYE", b"call-a"), (NODE_A, b"BYE", b"call-b"),
    }  # fmt: skip
    by_node = request(
        "BYE", target_of_node(call), via=f"{NODE_A}:5060", branch="late", call_id="call-b",
        sender=f"<sip:1001@{NODE_A}>;tag=nb", to="<sip:1002@10.0.0.10:5062>;tag=b", cseq=9,
    )  # fmt: skip
    (ok,) = world.hear(world.nodes[0], by_node)
    assert (ok.to, ok.message.status) == (NODE_A, 200)
    (no,) = world.hear(world.nodes[0], by_node.replace("BYE", "UPDATE").replace("late", "late2"))
    assert (no.to, no.message.status) == (NODE_A, 481)
    # Nothing happened to the parties, and later it is not told again.
    ok, bye = call.a.asks("BYE")
    assert bye.flow is call.b.flow
    call.b.says(bye, 200)
    world.route(1, (NodeState.DOWN, NodeState.UP), FENCED)
    world.route(1, BOTH_UP, (Standing.STANDBY, Standing.ACTIVE))
    assert world.out() == []


def target_of_node(call: KeptCall) -> str:
    """How the node knows B."""
    return f"sip:1002@10.0.0.10:5062;sf={call.legs[1].outside_token.decode()}"


def test_a_call_that_ended_before_the_node_came_back() -> None:
    call = kept()
    bye = call.a.asks("BYE")[1]
    call.b.says(bye, 200)
    call.world.route(1, BOTH_UP, FENCED, (False, True))
    told = call.world.out()
    assert {(s.to, s.message.method, s.message.call_id) for s in told} == {
        (NODE_A, b"BYE", b"call-a"), (NODE_A, b"BYE", b"call-b"),
    }  # fmt: skip
    assert NODE_B not in {s.to for s in told}


def test_media_by_the_node_ends_both() -> None:
    """As before: a clean BYE for each."""
    call = up(direct=False)
    sent = call.die()
    assert [(s.flow, s.message.method) for s in sent] == [
        (call.b.flow, b"BYE"), (call.a.flow, b"BYE"),
    ] or [(s.flow, s.message.method) for s in sent] == [
        (call.a.flow, b"BYE"), (call.b.flow, b"BYE"),
    ]  # fmt: skip


def test_an_ack_that_the_node_did_not_send_any_more() -> None:
    """Its re-INVITE was answered, then it died: the phone gets its ACK from here."""
    call = up()
    a, _ = call.legs
    assert a.session is not None
    a.session.unacked = a.inside_cseq
    (ack,) = call.die()
    assert (ack.flow, ack.message.method, ack.message.cseq) == (call.a.flow, b"ACK", 102)


def test_routes_of_a_proxy_before_the_phone() -> None:
    """The route set of each leg, in its order, and only there."""
    call = kept(
        routes="Record-Route: <sip:p2.example.org;lr>\nRecord-Route: <sip:p1.example.org;lr>\n"
    )
    bye = call.b.asks("BYE")[1]
    assert bye.flow is call.a.flow
    assert bye.message.value(h.ROUTE) == b"<sip:p2.example.org;lr>, <sip:p1.example.org;lr>"
    assert bye.message.uri == b"sip:1001@198.51.100.7:5060"


def test_over_tcp_and_ipv6() -> None:
    """The right transport and family on each side; a phone that came back by a new connection."""
    call = up(hosts=("198.51.100.7", "2001:db8::9"))
    world = call.world
    tcp = world.flows.stream(world.tcp, "198.51.100.7", 40000)
    a, b = call.legs
    a.outside_flow = tcp
    call.a.flow = tcp
    call.die()
    assert a.joined is b
    (invite,) = call.b.asks("INVITE", sdp("2001:db8::9", 5000, version=2))
    assert invite.flow is tcp
    assert b"SIP/2.0/TCP 192.0.2.10:5060" in (invite.message.value(h.VIA) or b"")
    assert b";transport=tcp" in (invite.message.value(h.CONTACT) or b"")
    assert b"c=IN IP6 2001:db8::9" in invite.message.body
    call.a.says(invite, 200, sdp("198.51.100.7", 4000, version=2))
    world.flows.dropped(tcp)
    again = world.flows.stream(world.tcp, "198.51.100.7", 40001)
    tcp.successor = again
    bye = call.b.asks("BYE")[1]
    assert bye.flow is again


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
