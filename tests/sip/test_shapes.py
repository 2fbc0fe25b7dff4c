"""The usual shapes: both readings agree with each other and with the general one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.shapes import (
    LONGEST,
    REMEMBERED,
    number,
    remember,
    tag,
    tag_by_method,
    tag_by_octet,
)

#: Pieces of From and To values, the strange ones among them.
PIECES = st.sampled_from(
    [
        b'"',
        b'"Ext 1001"',
        b'"a\\"b"',
        b"Ext",
        b" ",
        b"\t",
        b"<",
        b"<sip:1001@example.com>",
        b"<sip:a;x=y@h?a=b>",
        b"sip:a@h",
        b">",
        b";tag=abc-1",
        b";tag=",
        b";TAG=x",
        b"; tag=x",
        b";x=y",
        b"\r\n ",
        b"\x00",
        b"\xc3\xa9",
    ]
)
VALUES = st.lists(PIECES, max_size=8).map(b"".join) | st.binary(max_size=40)


@given(VALUES)
def test_both_readings_of_a_tag_agree(value: bytes) -> None:
    assert tag_by_method(value) == tag_by_octet(value)


@given(VALUES)
def test_what_is_usual_means_the_same_to_the_general_reading(value: bytes) -> None:
    found = tag(value)
    assert tag(value) == found  # the second time it may be remembered
    if found is None:
        return
    try:
        general = address.parse(value)
    except Malformed:
        # Seen as usual are controls in quotes and folded lines; the octets of the tag are the same.
        assert value[:1] == b'"' or b"\n" in value or b"\r" in value
        return
    assert (general.param(b"tag") or b"") == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"<sip:a@h>", b""),
        (b"<sip:a@h>;tag=1", b"1"),
        (b'"Ext 1001" <sip:a@h>;tag=a.b', b"a.b"),
        (b"Ext 1001 <sip:a@h>;tag=1", b"1"),
        (b'"a\\"" <sip:a@h>;tag=1', None),
        (b"sip:a@h;tag=1", None),
        (b"<sip:a@h>;tag=1;x", None),
        (b"<sip:a@h>;tag=", None),
        (b"<>;tag=1", None),
        (b"<sip:a@h", None),
        (b'"a', None),
        (b"", None),
    ],
)
def test_tags(value: bytes, expected: bytes | None) -> None:
    assert tag_by_method(value) == tag_by_octet(value) == tag(value) == expected


@given(st.integers(0, 10**11).map(lambda n: b"%d" % n) | st.binary(max_size=12))
def test_numbers(value: bytes) -> None:
    good = value.isdigit() and len(value) <= 10
    assert number(value) == (int(value) if good else -1)


def test_what_is_remembered_is_bounded() -> None:
    known: dict[bytes, int] = {}
    for n in range(REMEMBERED):
        remember(known, b"%d" % n, n)
    assert len(known) == REMEMBERED
    remember(known, b"one more", 1)
    assert known == {b"one more": 1}
    remember(known, b"x" * (LONGEST + 1), 2)
    assert known == {b"one more": 1}
