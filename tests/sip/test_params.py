from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Malformed
from sipfront.sip.params import get, parse, pieces, quote, quote_end, straight, unquote


@given(st.binary(max_size=30).filter(lambda text: b"\r" not in text and b"\n" not in text))
def test_quote_and_back(text: bytes) -> None:
    quoted = quote(text)
    assert unquote(quoted) == text
    assert quote_end(quoted, 0) == len(quoted) - 1
    assert pieces(b"a=" + quoted + b";b") == [b"a=" + quoted, b"b"]


@pytest.mark.parametrize("text", [b"a\r\nVia: x", b"\n", b"\r"])
def test_a_quoted_string_begins_no_field(text: bytes) -> None:
    with pytest.raises(ValueError, match="line end"):
        quote(text)


def test_unquote_leaves_the_rest_alone() -> None:
    for value in (b"", b"a", b'"', b'"a', b'a"'):
        assert unquote(value) == value


@given(st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n ", b"\r\n\t", b"\r", b"\n"])))
def test_straight_keeps_the_length(parts: list[bytes]) -> None:
    value = b"".join(parts)
    try:
        flat = straight(value)
    except Malformed:
        assert b"\r" in value or b"\n" in value
        return
    assert len(flat) == len(value)
    assert b"\r" not in flat
    assert b"\n" not in flat


def test_parse() -> None:
    pairs = parse(b' ; A = b;c; d="x;\\"y"')
    assert pairs == [(b"a", b"b"), (b"c", b""), (b"d", b'"x;\\"y"')]
    assert get(pairs, b"a") == b"b"
    assert get(pairs, b"z") is None
    assert parse(b"") == parse(b" ") == []


@pytest.mark.parametrize("raw", [b"x", b"x;y", b";", b";a;", b";a;a", b";a=b;A=c", b'; a="b" c'])
def test_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse(raw)


def test_backslashes_cost_linear_time() -> None:
    value = b'"' + b"\\\\" * 500_000 + b'"'
    began = time.process_time()
    assert quote_end(value, 0) == len(value) - 1
    assert time.process_time() - began < 5  # quadratic would be minutes


@given(st.lists(st.sampled_from([b"a", b"=", b";", b'"', b"\\", b'"x;"']), max_size=12))
def test_pieces_against_an_octet_loop(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    wanted = [b""]
    quoted = escaped = False
    for octet in raw:
        if quoted:
            quoted = escaped or octet != 34
            escaped = not escaped and octet == 92
        elif octet == 59:
            wanted.append(b"")
            continue
        elif octet == 34:
            quoted = True
        wanted[-1] += bytes((octet,))
    if quoted:
        with pytest.raises(Malformed):
            pieces(raw)
    else:
        assert pieces(raw) == wanted
