from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Malformed
from sipfront.sip.sdp import Connection, Sdp, Span, parse

TORTURE = Path(__file__).parent.parent / "torture" / "rfc4475"

BODY = (
    b"v=0\r\n"
    b"o=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\n"
    b"s=-\r\n"
    b"c=IN IP4 198.51.100.1\r\n"
    b"t=0 0\r\n"
    b"a=sendonly\r\n"
    b"m=audio 49170/2 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=rtcp:53020 IN IP6 2001:db8::2\r\n"
    b"m=video 0 RTP/SAVPF 31\r\n"
    b"c=IN IP6 2001:db8::1\r\n"
    b"a=recvonly\r\n"
    b"m=image 5000 udptl t38\r\n"
    b"c=IN IP4 0.0.0.0\r\n"
    b"a=rtcp:5005\r\n"
)


def text(body: bytes, span: Span | None) -> bytes:
    assert span is not None
    return body[span[0] : span[1]]


def test_located() -> None:
    sdp = parse(BODY)
    assert sdp.origin == b"alice 2890844526 2890844527 IN IP4 192.0.2.1"
    assert text(BODY, sdp.origin_span) == sdp.origin
    assert (sdp.username, sdp.session, sdp.version) == (b"alice", b"2890844526", b"2890844527")
    assert text(BODY, sdp.version_span) == b"2890844527"
    assert sdp.origin_connection is not None
    assert sdp.origin_connection.address == b"192.0.2.1"
    assert sdp.direction == b"sendonly"
    audio, video, image = sdp.media
    assert (audio.kind, audio.port, audio.protocol) == (b"audio", 49170, b"RTP/AVP")
    assert audio.formats == [b"0", b"8", b"101"]
    assert text(BODY, audio.port_span) == b"49170"
    assert audio.connection is sdp.connection
    assert (audio.own, audio.direction, audio.direction_span) == (None, b"sendonly", None)
    assert audio.rtcp_port == 53020
    assert audio.rtcp is not None
    assert (audio.rtcp.address, audio.rtcp.family) == (b"2001:db8::2", 6)
    assert audio.attributes[0] == b"rtpmap:101 telephone-event/8000"
    assert audio.held
    assert (video.port, video.direction, video.held) == (0, b"recvonly", False)
    assert text(BODY, video.direction_span) == b"recvonly"
    assert video.connection is not None
    assert text(BODY, video.connection.family_span) == b"6"
    assert (image.rtcp_port, image.rtcp, image.held) == (5005, None, True)
    assert text(BODY, image.rtcp_port_span) == b"5005"
    assert b"".join(text(BODY, media.span) for media in sdp.media) == BODY[BODY.index(b"m=") :]
    addresses = [one.address for one in sdp.connections()]
    assert addresses == [
        b"192.0.2.1",
        b"198.51.100.1",
        b"2001:db8::2",
        b"2001:db8::1",
        b"0.0.0.0",
    ]
    for one in sdp.connections():
        assert text(BODY, one.span) == one.address


def test_line_ends_and_blanks() -> None:
    unix = BODY.replace(b"\r\n", b"\n")
    assert [repr(media) for media in parse(unix).media] == [
        repr(media) for media in parse(BODY).media
    ]
    assert len(parse(BODY[:-2]).media) == 3
    assert len(parse(BODY + b"\r\n\r\n").media) == 3


def test_no_media_and_no_connection() -> None:
    sdp = parse(b"v=0\r\no=- 1 1 IN IP4 pbx.example.com\r\n")
    assert (sdp.media, sdp.connection) == ([], None)
    sdp = parse(b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 0\r\n")
    assert (sdp.media[0].connection, sdp.media[0].direction) == (None, b"sendrecv")


def test_multicast() -> None:
    sdp = parse(
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 0\r\n"
        b"c=IN IP4 224.2.1.1/127\r\nc=IN IP4 224.2.1.2/127\r\n"
    )
    assert sdp.media[0].own is not None
    assert sdp.media[0].own.address == b"224.2.1.1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"v=1\r\no=- 1 1 IN IP4 1.2.3.4\r\n",
        b"o=- 1 1 IN IP4 1.2.3.4\r\nv=0\r\n",
        b"v=0\r\n",
        b"v=0\r\no=- 1 1 IN IP4\r\n",
        b"v=0\r\no=- x 1 IN IP4 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 IN IP5 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 ATM IP4 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.400\r\n",
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4:5\r\n",
        b"v=0\r\no=- 1 1 IN IP4 a:5\r\n",
        b"v=0\r\no=- 1 1 IN IP6 fe80::1%25eth0\r\n",
        b"v=0\r\no=- 1 1 IN IP6 1::2::3\r\n",
        b"v=0\r\no=- 1 1 IN IP6 1.2.3.4\r\n",
        b"v=0\r\no=- 1 1 IN IP4 ::1\r\n",
        b"v=0\r\no=- 1 1 IN IP4 \xff\r\n",
    ]
    + [
        b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n" + line + b"\r\n"
        for line in (
            b"o=- 1 1 IN IP4 1.2.3.4",
            b"c=IN IP4",
            b"c=IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4",
            b"m=audio 1 RTP/AVP",
            b"m=audio x RTP/AVP 0",
            b"m=audio -1 RTP/AVP 0",
            b"m=audio 65536 RTP/AVP 0",
            b"m=audio 1 RTP/AVP 0\r\na=rtcp:",
            b"m=audio 1 RTP/AVP 0\r\na=rtcp:1 IN",
            b"m=audio 1 RTP/AVP 0\r\n" * 65,
        )
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize("name", ["wsinv", "esc01", "inv2543", "sdp01", "baddate"])
def test_torture(name: str) -> None:
    body = (TORTURE / f"{name}.dat").read_bytes().partition(b"\r\n\r\n")[2]
    sdp = parse(body)
    assert sdp.media[0].kind == b"audio"
    assert sdp.media[0].connection is not None


def _spans(sdp: Sdp) -> list[tuple[bytes, Span]]:
    def of(one: Connection) -> tuple[bytes, Span]:
        return one.address, one.span

    return [of(one) for one in sdp.connections()] + [
        (b"%d" % media.port, media.port_span) for media in sdp.media
    ]


_LINES = [
    b"c=IN IP4 1.2.3.4",
    b"c=IN IP6 ::1",
    b"m=audio 4000 RTP/AVP 0",
    b"m=video 0 RTP/AVP 31",
    b"a=inactive",
    b"a=rtcp:1",
    b"a=x",
    b"b=AS:64",
    b"=",
    b"m=",
    b"o=- 1 1 IN IP4 1.2.3.4",
]


@given(
    st.lists(st.sampled_from(_LINES), max_size=10),
    st.sampled_from([b"\r\n", b"\n"]),
    st.binary(max_size=12),
)
def test_garbage_ends_in_malformed(lines: list[bytes], end: bytes, junk: bytes) -> None:
    body = end.join([b"v=0", b"o=- 1 1 IN IP4 1.2.3.4", *lines, junk])
    try:
        sdp = parse(body)
    except Malformed:
        return
    for value, span in _spans(sdp):
        assert body[span[0] : span[1]].lstrip(b"0") == value.lstrip(b"0")


@given(st.binary(max_size=60))
def test_any_octets(body: bytes) -> None:
    for data in (body, b"v=0\n" + body):
        try:
            parse(data)
        except Malformed:
            pass
