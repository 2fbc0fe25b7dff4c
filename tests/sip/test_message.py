"""The scanner: what it locates, what it refuses, and that it changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipfront.sip import headers as h
from sipfront.sip.errors import Garbage, Malformed
from sipfront.sip.message import MAX_FIELDS, Edit, Message, scan, splice, unfold

PLAIN = (
    b"INVITE sip:600@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "A" <sip:1001@example.com>;tag=a\r\n'
    b"To: <sip:600@example.com>\r\n"
    b"Call-ID: c1@198.51.100.7\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:1001@198.51.100.7>\r\n"
    b"X-Unknown:  kept \t as it is \r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)
ANSWER = PLAIN.replace(b"INVITE sip:600@example.com SIP/2.0", b"SIP/2.0 183 Session  Progress")


def without(name: bytes, data: bytes = PLAIN) -> bytes:
    lines = [line for line in data.split(b"\r\n") if not line.startswith(name + b":")]
    return b"\r\n".join(lines)


def fault(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        scan(data)
    return caught.value


# -- what is located -------------------------------------------------------------------------------


def test_a_request() -> None:
    message = scan(PLAIN)
    assert (message.method, message.uri, message.status) == (b"INVITE", b"sip:600@example.com", 0)
    assert (message.call_id, message.cseq, message.cseq_method) == (
        b"c1@198.51.100.7",
        7,
        b"INVITE",
    )
    assert (message.from_tag, message.to_tag) == (b"a", b"")
    assert message.value(h.CONTACT) == b"<sip:1001@198.51.100.7>"
    assert message.named(b"x-unknown") == [b"kept \t as it is"]
    assert message.body == b"body"
    start, end = message.uri_span
    assert PLAIN[start:end] == message.uri


def test_an_answer() -> None:
    message = scan(ANSWER)
    assert (message.status, message.reason, message.method) == (183, b"Session  Progress", b"")
    assert message.cseq_method == b"INVITE"


def test_compact_forms_are_the_same_headers() -> None:
    short = PLAIN
    for name, form in (
        (b"Via", b"v"), (b"From", b"F"), (b"To", b"t"), (b"Call-ID", b"i"), (b"Contact", b"m"),
        (b"Content-Length", b"L"),
    ):  # fmt: skip
        short = short.replace(b"\r\n" + name + b":", b"\r\n" + form + b":")
    assert len(short) < len(PLAIN)
    one, other = scan(PLAIN), scan(short)
    for hid in range(1, h.COUNT):
        assert one.values(hid) == other.values(hid)
    assert splice(other, []) == short


@pytest.mark.parametrize("name", [b"cAlL-iD", b"CALL-ID", b"Call-ID \t", b"call-id"])
def test_names_in_any_case_with_blanks_before_the_colon(name: bytes) -> None:
    assert scan(PLAIN.replace(b"Call-ID", name)).call_id == b"c1@198.51.100.7"


def test_folded_lines() -> None:
    """CRLF and blanks count as one space, and pass as they came."""
    data = PLAIN.replace(
        b'From: "A" <sip:1001@example.com>;tag=a\r\n',
        b'From:\r\n\t"A" <sip:1001@example.com>\r\n   ;tag=a\r\n',
    ).replace(b"CSeq: 7 INVITE", b"CSeq:\r\n 7\r\n\t INVITE")
    message = scan(data)
    assert message.from_tag == b"a"
    assert (message.cseq, message.cseq_method) == (7, b"INVITE")
    assert message.value(h.FROM) == b'"A" <sip:1001@example.com> ;tag=a'
    assert splice(message, []) == data


def test_fields_of_one_name_stay_in_order() -> None:
    data = PLAIN.replace(
        b"Max-Forwards", b"Via: SIP/2.0/TCP b, SIP/2.0/TLS c\r\nv: SIP/2.0/UDP d\r\nMax-Forwards"
    )
    assert scan(data).values(h.VIA)[1:] == [b"SIP/2.0/TCP b, SIP/2.0/TLS c", b"SIP/2.0/UDP d"]
    assert scan(data).lines(h.VIA).count(b"\r\n") == 3


@pytest.mark.parametrize(
    "line",
    [b"X-Sipfront-Trunk: x", b"x-SIPFRONT-Call : x", b"X-Sipfront-Source\t:\r\n x", b"X-Sipfront-: x"],
)  # fmt: skip
def test_our_own_headers_are_known_in_every_spelling(line: bytes) -> None:
    message = scan(PLAIN.replace(b"X-Unknown", line + b"\r\nX-Unknown"))
    assert message.has(h.OURS)


def test_octets_after_the_body_are_not_ours() -> None:
    """RFC 3261 18.3: Content-Length ends the message, also inside a datagram."""
    message = scan(PLAIN + b"INVITE sip:evil SIP/2.0\r\n\r\n")
    assert message.body == b"body"
    assert splice(message, []) == PLAIN


def test_without_content_length_the_datagram_ends_the_body() -> None:
    assert scan(without(b"Content-Length") + b"more").body == b"bodymore"


def test_the_version_is_compared_without_case() -> None:
    assert scan(PLAIN.replace(b"SIP/2.0\r\nVia", b"sip/2.0\r\nVia")).method == b"INVITE"


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 505),
        (b"INVITE sip", b"INVITE  sip", 400),
        (b"com SIP/2.0", b"com  SIP/2.0", 400),
        (b"com SIP/2.0", b"com SIP/2.0 ", 400),
        (b"sip:600@example.com SIP", b"<sip:600@example.com> SIP", 400),
        (b"CSeq: 7 INVITE", b"CSeq: 7 OPTIONS", 400),
        (b"CSeq: 7 INVITE", b"CSeq: -7 INVITE", 400),
        (b"CSeq: 7 INVITE", b"CSeq: 4294967296 INVITE", 400),
        (b"CSeq: 7 INVITE", b"CSeq: INVITE", 400),
        (b"Content-Length: 4", b"Content-Length: 5", 400),
        (b"Content-Length: 4", b"Content-Length: -4", 400),
        (b"Content-Length: 4", b"Content-Length: 4\r\nl: 4", 400),
        (b"Max-Forwards: 70", b"Max-Forwards: many", 400),
        (b"To: <sip:600@example.com>", b"To: <sip:600@example.com>;tag", 0),
        (b"To: <sip:600@example.com>", b'To: "open <sip:600@example.com>', 400),
        (b"To: <", b"f: <", 400),
        (b"X-Unknown:", b"X Unknown:", 400),
        (b"X-Unknown:", b"X-Unknown", 400),
        (b"Call-ID: c1", b"Call-ID: c 1", 400),
    ],
)
def test_malformed_requests(old: bytes, new: bytes, status: int) -> None:
    """Each with the answer that it gets; the message found so far is there to be answered."""
    assert old in PLAIN
    data = PLAIN.replace(old, new, 1)
    if not status:
        scan(data)
        return
    error = fault(data)
    assert error.status == status
    assert error.message is not None
    assert error.message.has(h.VIA)


@pytest.mark.parametrize("name", [b"From", b"To", b"Call-ID", b"CSeq"])
def test_what_every_message_needs(name: bytes) -> None:
    assert fault(without(name)).status == 400
    with pytest.raises(Garbage):
        scan(without(name, ANSWER))


def test_an_unknown_method_that_cseq_denies_is_501() -> None:
    data = PLAIN.replace(b"INVITE sip", b"NEWMETHOD sip")
    assert fault(data).status == 501
    assert scan(data.replace(b"7 INVITE", b"7 NEWMETHOD")).method == b"NEWMETHOD"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\x00\x00",
        b"\r\n" + PLAIN,
        without(b"Via"),
        ANSWER.replace(b"183", b"99"),
        ANSWER.replace(b"183", b"700"),
        ANSWER.replace(b"183", b"4294967301"),
        PLAIN.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * MAX_FIELDS + b"\r\n"),
    ],
)
def test_garbage(data: bytes) -> None:
    with pytest.raises(Garbage):
        scan(data)


SMUGGLED = b"X-Sipfront-Trunk: carrier"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\n\n"])
@pytest.mark.parametrize(
    "place", [b"X-Unknown:  kept", b"CSeq: 7", b"X-Unknown: a\r\n b", b"Max-Forwards: 70"]
)
def test_a_stray_line_end_writes_no_header_field(end: bytes, place: bytes) -> None:
    """Many readers end a line at a CR or LF alone: what follows would be a field that we never
    saw, and may be one of those that only we may write."""
    known = place.split(b":")[0]
    (line,) = [line for line in PLAIN.split(b"\r\n") if line.startswith(known)]
    data = PLAIN.replace(line, place + end + SMUGGLED)
    try:
        message = scan(data)
    except Malformed:
        pass
    else:
        assert message.has(h.OURS), "seen, and so removed"
    answer = ANSWER.replace(line, place + end + SMUGGLED)
    try:
        assert scan(answer).has(h.OURS)
    except Garbage:
        pass


def test_a_reason_phrase_has_no_line_end() -> None:
    with pytest.raises(Garbage):
        scan(ANSWER.replace(b"Session  Progress", b"OK\n" + SMUGGLED))


def test_line_ends_in_the_body_are_its_own() -> None:
    data = PLAIN.replace(b"Content-Length: 4", b"Content-Length: 6") + b"\n\r"
    assert scan(data).body == b"body\n\r"


# -- properties ----------------------------------------------------------------------------------------

GARBAGE = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(
            [b"INVITE ", b"sip:a@b", b" SIP/2.0", b"\r\n", b"\n", b" ", b":", b"Via", b"v", b"From",
             b"To", b"t", b"Call-ID", b"CSeq", b"1 INVITE", b"Content-Length", b"9", b"<", b">", b'"',
             b"\\", b";tag=", b"SIP/2.0 ", b"200", b"\x00", b"\xff", b",", b"X-Sipfront-Trunk"]
        ),
        max_size=60,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(GARBAGE)
def test_garbage_ends_only_in_the_documented_errors(data: bytes) -> None:
    try:
        scan(data)
    except (Malformed, Garbage):
        pass


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 12), GARBAGE)
def test_so_do_real_messages_with_damage(at: int, size: int, damage: bytes) -> None:
    data = PLAIN[:at] + damage + PLAIN[at + size :]
    try:
        message = scan(data)
    except (Malformed, Garbage):
        return
    consistent(message)


def consistent(message: Message) -> None:
    """Fields follow each other without a gap from the start line to the body."""
    at = message.head_start
    for hid, start, value_start, value_end, end in message.fields:
        assert start == at
        assert start < value_start <= value_end <= end
        assert 0 <= hid < h.COUNT
        at = end
    assert message.data[at : message.body_start] == b"\r\n"
    assert message.body_start <= message.body_end <= len(message.data)
    assert splice(message, []) == message.data[: message.body_end]
    head = message.data[: message.body_start]
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")


VALUES = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n"))
NAMES = st.text("abcdefghijklmnopqrstuvwxyzABC-.!%*_+`'~0123456789", min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES.map(str.encode), VALUES), max_size=10), st.binary(max_size=40))
def test_what_is_not_understood_stays_as_it_is(
    fields: list[tuple[bytes, bytes]], body: bytes
) -> None:
    fields = [(name, value) for name, value in fields if name.lower() not in h.IDS]
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    data = PLAIN.replace(
        b"Content-Length: 4\r\n\r\nbody",
        b"%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body),
    )
    message = scan(data)
    consistent(message)
    assert splice(message, []) == data
    assert message.body == body
    for name, value in fields:
        assert value.strip(b" \t") in message.named(name.lower())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_splice_changes_nothing_else(data: st.DataObject) -> None:
    """Edits in any order; between them everything is as it was."""
    message = scan(PLAIN)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(PLAIN)), min_size=2, max_size=9)))
    edits: list[Edit] = []
    expected = b""
    at = 0
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        text = data.draw(st.binary(max_size=5))
        edits.append((start, end, text))
        expected += PLAIN[at:start] + text
        at = end
    expected += PLAIN[at:]
    assert splice(message, data.draw(st.permutations(edits))) == expected


@given(st.lists(st.text("abc ;=", max_size=5).map(str.encode), min_size=1, max_size=5))
def test_unfolding_leaves_one_line(parts: list[bytes]) -> None:
    value = b"\r\n ".join(parts)
    assert b"\n" not in unfold(value)
    assert unfold(value).split() == value.split()
