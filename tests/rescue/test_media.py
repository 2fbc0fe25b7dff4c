"""Where media goes: the two kinds of lines that count, and everything unusual is no place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.rescue.media import Hosts, origin_address, places
from sipfront.sip.errors import Malformed
from sipfront.sip.sdp import parse
from tests.rescue.build import sdp


def test_one_stream() -> None:
    assert places(sdp(b"192.0.2.7", 4000)) == ((b"192.0.2.7", 4000),)
    assert places(sdp(b"2001:DB8:0::7", 4000)) == ((b"2001:db8::7", 4000),)
    assert places(sdp(b"192.0.2.7", 4000).replace(b"\r\n", b"\n")) == ((b"192.0.2.7", 4000),)


def test_each_stream_has_its_own() -> None:
    """RFC 8866 5.7: a c= of its own counts, else the session's; port 0 is off."""
    video = b"m=video 5000/2 RTP/AVP 96\r\nc=IN IP4 192.0.2.8/127\r\nm=text 0 RTP/AVP 98\r\n"
    body = sdp(b"192.0.2.7", 4000, more=video)
    assert places(body) == ((b"192.0.2.7", 4000), (b"192.0.2.8", 5000), None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"?",
        sdp(b"192.0.2.7", 0),
        sdp(b"0.0.0.0", 4000),
        sdp(b"192.0.2.7", 4000).replace(b"c=IN IP4 192.0.2.7\r\n", b""),
        sdp(b"192.0.2.7", 4000).replace(b"m=audio 4000", b"m=audio x"),
        sdp(b"192.0.2.7", 4000).replace(b"c=IN IP4 192.0.2.7", b"c=IN IP4"),
        sdp(b"zz::1", 4000),
    ],
)
def test_no_place(body: bytes) -> None:
    assert places(body) == ()


@given(
    st.lists(
        st.sampled_from(
            [b"v=0", b"o=- 1 1 IN IP4 1.2.3.4", b"c=IN IP4 192.0.2.1", b"c=IN IP6 ::1", b"c=x",
             b"m=audio 4000 RTP/AVP 0", b"m=audio 0 RTP/AVP 0", b"m=video 5/2 RTP/AVP 1", b"m=", b"a=x"]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_it_never_knows_more_than_the_real_parser(lines: list[bytes]) -> None:
    """What the careful reader reads, this one reads the same, or as no place."""
    body = b"\r\n".join(lines) + b"\r\n"
    found = places(body)
    try:
        real = parse(body)
    except Malformed:
        return
    if found:
        expected = [
            (media.connection.address, media.port) if media.port and media.connection else None
            for media in real.media
        ]
        assert list(found) == expected


def test_a_node_is_found_wherever_media_could_go_by_it() -> None:
    """c=, candidates and a=rtcp; but o= is only a name, and another address is not this one."""
    hosts = Hosts([b"10.0.0.11", b"[2001:db8::11]"])
    assert hosts.touched(sdp(b"10.0.0.11", 4000))
    assert hosts.touched(sdp(b"2001:DB8::11", 4000))
    assert not hosts.touched(sdp(b"10.0.0.110", 4000))
    assert not hosts.touched(sdp(b"110.0.0.11", 4000))
    assert not hosts.touched(sdp(b"192.0.2.7", 4000, b"- 1 1 IN IP4 10.0.0.11"))
    ice = b"a=candidate:1 1 UDP 2130706431 10.0.0.11 4000 typ host\r\n"
    assert hosts.touched(sdp(b"192.0.2.7", 4000, more=ice))
    assert not Hosts([]).touched(sdp(b"10.0.0.11", 4000))


def test_who_wrote_it() -> None:
    assert origin_address(sdp(b"192.0.2.7", 4000, b"- 1 1 IN IP4 10.0.0.11")) == b"10.0.0.11"
    assert origin_address(b"v=0\r\n") == origin_address(sdp(b"a", 1, b"- 1")) == b""
