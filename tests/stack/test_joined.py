"""Stories of calls that go on without their node."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.joined import REQUESTS, Do
from sipfront.stack.route import NodeState, Standing
from tests.stack.kept import FENCED, KeptCall, kept, sdp, up
from tests.stack.world import NODE_A, NODE_B, request

BOTH_UP = (NodeState.UP, NodeState.UP)


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
