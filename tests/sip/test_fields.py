"""The two readings of one rule: they agree with each other and with the careful one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import SipError
from sipfront.sip.fields import MAX_FIELDS, Field, by_line, by_octet, header_id
from sipfront.sip.headers import CALL_ID, COUNT, FROM, OTHER, OURS, VIA
from sipfront.sip.message import Message, scan

START = b"OPTIONS sip:x SIP/2.0\r\n"
#: Pieces of heads, the strange ones among them.
PIECES = st.sampled_from(
    [
        b"Via: SIP/2.0/UDP x;branch=z9hG4bK1",
        b"v:x",
        b"From: <sip:a@x>;tag=1",
        b"f : <sip:a@x>",
        b"Call-ID:  c \t",
        b"X-Sipfront-Trunk: no",
        b"X-Other:",
        b"X-Other:  ",
        b"Subject: caf\xc3\xa9",
        b"Bad name: x",
        b"no colon",
        b" folded",
        b": x",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"v=0\r\n",
    ]
)
HEADS = st.lists(PIECES, max_size=24).map(b"".join)


def read(reading: object, data: bytes, at: int) -> tuple[int, list[Field], list[int]]:
    """What one reading makes of a message; nothing of what it left when it gave up."""
    fields: list[Field] = []
    first = [-1] * COUNT
    body = reading(data, at, fields, first)  # type: ignore[operator]
    return (body, fields, first) if body >= 0 else (-1, [], [])


@given(HEADS | st.binary(max_size=120))
def test_both_readings_agree(head: bytes) -> None:
    data = START + head
    assert read(by_line, data, len(START)) == read(by_octet, data, len(START))


@given(HEADS)
def test_what_is_usual_has_no_fault_of_its_lines(head: bytes) -> None:
    """The careful reading says the same of the fields, and nothing against them."""
    data = START + b"Via: SIP/2.0/UDP x;branch=z9hG4bK1\r\n" + head
    body, fields, first = read(by_octet, data, len(START))
    if body < 0:
        return
    # Folding the last line makes it unusual and moves nothing but what follows it.
    folded = data[: body - 4] + b"\r\n y" + data[body - 4 :]
    for text, count in ((data, len(fields)), (folded, len(fields) - 1)):
        message: Message | None = None
        reason = ""
        try:
            message = scan(text)
        except SipError as error:
            message = getattr(error, "message", None)
            reason = error.reason
        assert "Stray" not in reason
        assert "name" not in reason
        if message is not None:
            assert message.fields[:count] == fields[:count]
            assert [message.has(hid) for hid in range(COUNT)] == [index >= 0 for index in first]


@pytest.mark.parametrize(
    ("name", "hid"),
    [
        (b"VIA", VIA),
        (b"v", VIA),
        (b"fROM \t", FROM),
        (b"I", CALL_ID),
        (b"X-SIPFRONT-anything", OURS),
        (b"Subject", OTHER),
        (b"", -1),
        (b"two words", -1),
        (b" Via", -1),
    ],
)
def test_names(name: bytes, hid: int) -> None:
    assert header_id(name) == hid


@pytest.mark.parametrize("reading", [by_line, by_octet])
def test_too_many_fields_are_unusual(reading: object) -> None:
    line = b"X: y\r\n"
    for count, found in ((MAX_FIELDS, True), (MAX_FIELDS + 1, False)):
        body, fields, _ = read(reading, START + line * count + b"\r\nbody", len(START))
        assert (body > 0) == found
        assert len(fields) == (count if found else 0)


@pytest.mark.parametrize("reading", [by_line, by_octet])
def test_a_line_end_inside_the_start_line_is_unusual(reading: object) -> None:
    start = b"OPTIONS sip:x\n SIP/2.0\r\n"
    assert read(reading, start + b"Via: x\r\n\r\n", len(start))[0] == -1
