from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Garbage, Malformed
from sipfront.sip.message import scan
from sipfront.sip.stream import MAX_HEAD, PING, Framer, FramingError, content_length

TORTURE = sorted((Path(__file__).parent.parent / "torture" / "rfc4475").glob("*.dat"))


def message(body: bytes = b"", name: bytes = b"Content-Length") -> bytes:
    return b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n%b: %d\r\n\r\n%b" % (
        name,
        len(body),
        body,
    )


def run(chunks: list[bytes]) -> tuple[list[bytes], tuple[str, int] | None]:
    framer = Framer()
    out: list[bytes] = []
    fault = None
    for chunk in chunks:
        try:
            out += framer.feed(chunk)
        except FramingError as error:
            assert fault is None
            out += error.messages
            fault = (error.reason, error.status)
    return out, fault


def test_two_in_one_write_and_one_octet_at_a_time() -> None:
    one = message(b"hello\r\n\r\nyou")
    two = message()
    for chunks in ([one + two], [one, two], [bytes([octet]) for octet in one + two]):
        assert run(chunks) == ([one, two], None)


@pytest.mark.parametrize(
    "name", [b"Content-Length", b"CONTENT-LENGTH", b"l", b"L", b"l  ", b"content-length \t"]
)
def test_spellings(name: bytes) -> None:
    assert run([message(b"abc", name)]) == ([message(b"abc", name)], None)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"X\r\n\r\n", 0),
        (b"X\r\nl:7\r\n\r\n", 7),
        (b"X\r\nl: 007 \r\n\r\n", 7),
        (b"X\r\nl:\r\n 7\r\n\r\n", 7),
        (b"X\r\nl:\r\n\t\r\n 7\r\nA: b\r\n\r\n", 7),
        # neither of these is the header field
        (b"l: 7\r\n\r\n", 0),
        (b"X\r\nA: b\r\n l: 7\r\n\r\n", 0),
        (b"X\r\nA: b\nl: 7\r\n\r\n", 0),
        (b"X\r\nLanguage: 7\r\nContent-Length-Extra: 7\r\nX-l: 7\r\nl;: 7\r\n\r\n", 0),
        (b"X\r\nlength: 7\r\nl: 8\r\n\r\n", 8),
        (b"X\r\nl \r\n\r\n", 0),
    ],
)
def test_content_length(head: bytes, length: int) -> None:
    assert content_length(head) == length


@pytest.mark.parametrize(
    "lines",
    [
        b"l: 1\r\nl: 1\r\n",
        b"l: 1\r\nContent-Length: 1\r\n",
        b"Content-Length: 0\r\nX: y\r\ncontent-length : 0\r\n",
        b"l:\r\n",
        b"l: -1\r\n",
        b"l: +1\r\n",
        b"l: 1,1\r\n",
        b"l: 1 1\r\n",
        b"l: 0x1\r\n",
        b"l: 1_0\r\n",
        b"l: 99999999999\r\n",
        b"l: \xb2\r\n",
    ],
)
def test_no_length_no_framing(lines: bytes) -> None:
    head = b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n" + lines + b"\r\n"
    framer = Framer()
    good = message(b"x")
    with pytest.raises(FramingError) as caught:
        framer.feed(good + head + message())
    assert caught.value.status == 400
    assert caught.value.head == head
    assert caught.value.messages == [good]
    assert framer.feed(message()) == []


def test_keepalives() -> None:
    one = message(b"x")
    framer = Framer()
    assert [framer.feed(b"\r\n\r\n"), framer.partial] == [[PING], False]
    assert framer.feed(b"\r\n") == []
    assert framer.feed(one) == [one]
    assert framer.feed(b"\r") == []
    assert framer.partial
    assert framer.feed(b"\n\r\n\r\n" + one) == [PING, one]
    assert framer.feed(b"\r\n" + one + b"\r\n") == [one]
    assert framer.feed(b"\r\n") == [PING]
    assert framer.feed(one[:-1]) == []
    assert framer.partial


@pytest.mark.parametrize(
    "first", [b"\x16\x03\x01", b"\0", b" ", b"\n", b"\rX", b"\xff", b"\r\n\r "]
)
def test_no_sip_is_seen_at_once(first: bytes) -> None:
    _, fault = run([first])
    assert fault == ("no SIP on this stream", 0)


def test_bounds() -> None:
    long = b"MESSAGE sip:a@b SIP/2.0\r\nVia: " + b"x" * MAX_HEAD
    assert run([long])[1] == ("header too long", 513)
    assert run([long + b"\r\n\r\n"])[1] == ("header too long", 513)
    assert run([b"OPTIONS sip:a SIP/2.0\r\nl: 9999999999\r\n\r\n"])[1] == ("message too long", 513)
    framer = Framer()
    with pytest.raises(FramingError) as caught:
        framer.feed(message(bytes(70_000)))
    assert caught.value.head == message(bytes(70_000))[:-70_000]


def test_a_large_message_octet_by_octet_is_cheap() -> None:
    large = message(bytes(65_000))
    began = time.process_time()
    assert run([bytes([octet]) for octet in large]) == ([large], None)
    assert time.process_time() - began < 20  # quadratic would be minutes


@pytest.mark.parametrize("path", TORTURE, ids=lambda path: path.stem)
def test_torture_whole_and_chopped(path: Path) -> None:
    data = path.read_bytes()
    whole = run([data])
    assert run([bytes([octet]) for octet in data]) == whole
    for cut in range(0, len(data), 7):
        assert run([data[:cut], data[cut:]]) == whole
    if path.stem == "dblreq":
        assert [item[:8] for item in whole[0][:2]] == [b"REGISTER", b"INVITE s"]
    elif path.stem in ("ncl", "mcl01"):
        assert whole[0] == []
        assert whole[1] is not None
        assert whole[1][1] == 400


_LINES = st.lists(
    st.sampled_from(
        [
            b"l: 3",
            b"Content-Length: 0",
            b"l :\r\n 2",
            b"Via: x",
            b" l: 9",
            b"A: b\r\n c",
            b"a: \nl: 4",
            b"l x: 3",
        ]
    ),
    max_size=4,
)
_MESSAGES = st.builds(
    lambda lines, body: b"\r\n".join([b"M sip:a SIP/2.0", *lines, b"", body]),
    _LINES,
    st.sampled_from([b"", b"abc", b"\r\n\r\n", b"\r\n\r\nl: 3\r\n\r\n"]),
)
_STREAMS = st.lists(
    _MESSAGES | st.sampled_from([b"\r\n", b"\r\n\r\n", b"x", b"\r"]) | st.binary(max_size=9),
    max_size=6,
).map(b"".join)


@given(_STREAMS, st.lists(st.integers(0, 200), max_size=8))
def test_chopped_anywhere(data: bytes, cuts: list[int]) -> None:
    whole = run([data])
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert run(chunks) == whole
    assert run([bytes([octet]) for octet in data]) == whole


@given(_STREAMS)
def test_the_scanner_agrees_about_the_end(data: bytes) -> None:
    for item in run([data])[0]:
        if item != PING:
            fault: Malformed | None = None
            try:
                found = scan(item)
            except Malformed as error:
                fault = error
            except Garbage:
                continue
            if fault is not None:
                assert fault.message is not None
                assert not fault.reason.startswith("Body shorter")
                found = fault.message
            assert found.body_start == item.index(b"\r\n\r\n") + 4
