"""Whether two descriptions mean the same to whoever sends media by them."""

from __future__ import annotations

import pytest

from sipfront.sip.alike import alike, covers

ONE = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (b"o=- 1 1 IN", b"o=x 7 9 IN", True),
        (b"0 8 101", b"0", True),
        (b"a=sendrecv\r\n", b"", True),
        (b"rtpmap:101 telephone-event", b"rtpmap:101 x", True),
        (b"m=audio 4000", b"m=audio 4002", False),
        (b"c=IN IP4 192.0.2.1", b"c=IN IP4 192.0.2.2", False),
        (b"a=sendrecv", b"a=sendonly", False),
        (b"RTP/AVP", b"RTP/SAVP", False),
        (b"a=sendrecv", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc", False),
        (b"a=sendrecv", b"a=rtcp:5000", False),
        (b"s=-", b"s=-\r\na=fingerprint:sha-256 AA", False),
        (b"m=audio", b"m=video", False),
        (b"v=0", b"v=1", False),
    ],
)
def test_alike(old: bytes, new: bytes, same: bool) -> None:
    other = ONE.replace(old, new, 1)
    assert other != ONE
    assert alike(ONE, other) is same
    assert alike(other, ONE) is same
    assert alike(ONE, ONE)


def test_a_refused_stream_is_refused() -> None:
    refused = ONE.replace(b"m=audio 4000", b"m=audio 0")
    assert alike(refused, refused.replace(b"a=sendrecv", b"a=inactive"))
    assert not alike(ONE, refused)


@pytest.mark.parametrize(
    ("answer", "enough"),
    [
        (b"0 8 101", True),
        (b"0 8 18 101", True),
        (b"101 8 0", True),
        (b"0 101", False),
        (b"8", False),
    ],
)
def test_covers(answer: bytes, enough: bool) -> None:
    assert covers(ONE.replace(b"0 8 101", answer), ONE) is enough


def test_streams_one_by_one() -> None:
    assert not covers(ONE.replace(b"m=audio 4000", b"m=audio 0"), ONE)
    assert not covers(ONE + b"m=video 4002 RTP/AVP 96\r\n", ONE)
    refused = ONE.replace(b"m=audio 4000", b"m=audio 0")
    assert covers(refused.replace(b"0 8 101", b"0"), refused)
    assert not covers(b"", ONE)
