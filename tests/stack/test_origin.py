"""o= lines of descriptions that follow on others."""

from __future__ import annotations

from sipfront.sip.sdp import parse
from sipfront.stack.origin import following

LAST = b"v=0\r\no=pbx 900 7 IN IP4 10.0.0.11\r\ns=x\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
NEW = (
    b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=x\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)


def test_a_change_raises_the_version_by_one() -> None:
    """RFC 3264 section 8."""
    assert (
        parse(following(NEW.replace(b"4000", b"4002"), LAST)).origin
        == b"pbx 900 8 IN IP4 10.0.0.11"
    )


def test_no_change_keeps_it() -> None:
    """Line ends are none."""
    assert following(NEW, LAST) == LAST
    assert parse(following(NEW.replace(b"\r\n", b"\n"), LAST)).version == b"7"


def test_what_cannot_be_read_passes() -> None:
    assert following(b"?", LAST) == b"?"
    assert following(NEW, b"?") == NEW
