"""Requests of our own: each is one that a scanner takes."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.sip.message import scan
from sipfront.stack import local
from tests.stack.world import World, answer, octets, request

VIA = b"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx;rport"


@pytest.mark.parametrize(("method", "cseq"), [(b"ACK", 7), (b"BYE", 8)])
def test_in_a_dialog_that_a_2xx_made(method: bytes, cseq: int) -> None:
    """RFC 3261 13.2.2.4: the CSeq of the INVITE for ACK, one more for BYE; the route set reversed."""
    sent = scan(octets(request("INVITE", "sip:600@example.com", cseq=7)))
    ok = scan(
        octets(
            answer(
                sent,
                200,
                tag="n",
                contact="<sip:600@10.0.0.11>",
                extra="Record-Route: <sip:a;lr>, <sip:b;lr>",
            )
        )
    )
    made = scan(local.in_dialog(sent.data, ok, method, VIA, b"Reason: x\r\n"))
    assert (made.method, made.uri, made.cseq) == (method, b"sip:600@10.0.0.11", cseq)
    assert made.value(h.ROUTE) == b"<sip:b;lr>, <sip:a;lr>"
    assert (made.from_tag, made.to_tag, made.call_id) == (b"a", b"n", b"c1")
    assert made.values(h.VIA) == [VIA]
    assert made.value(h.REASON) == b"x"


def test_a_2xx_without_a_contact() -> None:
    """Broken, but somebody must end it: the INVITE's own Request-URI."""
    sent = scan(octets(request("INVITE", "sip:600@example.com")))
    made = scan(local.in_dialog(sent.data, scan(octets(answer(sent, 200, tag="n"))), b"BYE", VIA))
    assert made.uri == b"sip:600@example.com"
    assert not made.has(h.ROUTE)


@pytest.mark.parametrize(
    ("kind", "method", "to_tag"), [("options", b"OPTIONS", b""), ("bye", b"BYE", b"none")]
)
def test_probes(kind: str, method: bytes, to_tag: bytes) -> None:
    """One send, no retransmission, and an end of its own."""
    world = World()
    world.engine.probe(1, 5, world.now, kind)
    (sent,) = world.out()
    assert sent.flow is world.nodes[1]
    assert (sent.message.method, sent.message.to_tag) == (method, to_tag)
    assert sent.message.named(b"x-sipfront-probe") == [b"1"]
    assert world.wait(60) == []
    assert world.engine._layer.clients == {}


def test_an_ack_answers_an_offer() -> None:
    """RFC 3261 13.2.1: when the INVITE made none; port 0, because we have no media."""
    offer = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 0\n"
    kind = "Content-Type: application/sdp"
    for body, expected in (("", True), (offer, False)):
        invite = octets(request("INVITE", "sip:1@b", extra=kind if body else "", body=body))
        ok = scan(octets(answer(scan(invite), 200, tag="t", extra=kind, body=offer)))
        ack = scan(local.in_dialog(invite, ok, b"ACK", b"SIP/2.0/UDP x;branch=z9hG4bK1"))
        assert (b"m=audio 0 RTP/AVP 0" in ack.body) is expected
        assert ack.has(h.CONTENT_TYPE) is expected
