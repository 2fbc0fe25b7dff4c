"""The answer without media."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.answer import description, refusal
from sipfront.sip.message import scan
from sipfront.sip.sdp import parse
from tests.stack.world import octets

OFFER = (
    b"v=0\r\no=- 3 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=5 6\r\nr=7d 1h 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"m=video 4002/2 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::1\r\n"
)


def test_every_stream_is_refused_in_its_order() -> None:
    """RFC 3264 section 6: as many m= lines, port 0, the offer's t= line."""
    answer = refusal(OFFER, 77)
    sdp = parse(answer)
    found = [(media.kind, media.port, media.protocol, media.formats) for media in sdp.media]
    assert found == [(b"audio", 0, b"RTP/AVP", [b"8"]), (b"video", 0, b"RTP/SAVPF", [b"96"])]
    assert b"\r\nt=5 6\r\n" in answer
    assert sdp.session == b"77"


@pytest.mark.parametrize("body", [b"", b"v=1\r\n", b"v=0\r\n", OFFER.replace(b"4000", b"99999")])
def test_what_cannot_be_read_has_no_answer(body: bytes) -> None:
    assert refusal(body, 1) == b""


def test_an_offer_without_streams_and_time() -> None:
    assert parse(refusal(b"v=0\no=- 1 1 IN IP6 ::1\n", 1)).media == []


@given(st.lists(st.sampled_from([b"audio", b"video", b"text"]), max_size=8))
def test_it_answers_whatever_is_offered(kinds: list[bytes]) -> None:
    offer = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
    offer += b"".join(b"m=%b 9 RTP/AVP 0\r\n" % kind for kind in kinds)
    assert [(m.kind, m.port) for m in parse(refusal(offer, 1)).media] == [(k, 0) for k in kinds]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("application/sdp", True),
        ("Application/SDP; charset=utf-8", True),
        ("multipart/mixed;boundary=x", False),
        ("", False),
    ],
)
def test_what_is_a_description(kind: str, found: bool) -> None:
    line = f"\nContent-Type: {kind}" if kind else ""
    head = "OPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=b"
    text = f"{head}\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 OPTIONS{line}\n\nbody"
    assert bool(description(scan(octets(text)))) == found
