from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.address import Address, parse, split
from sipfront.sip.errors import Malformed


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        (b"sip:caller@example.net;tag=8814", b"", b"sip:caller@example.net", b";tag=8814"),
        (b"<sip:a@b;lr>", b"", b"sip:a@b;lr", b""),
        (b'"A, <B>" <sip:a@b>;tag=1', b'"A, <B>"', b"sip:a@b", b";tag=1"),
        (
            b"caller<sip:caller@example.com>;tag=323",
            b"caller",
            b"sip:caller@example.com",
            b";tag=323",
        ),
        (b" T. Watson <sip:t@example.org>", b"T. Watson", b"sip:t@example.org", b""),
        (b"M\xc3\xbcller (Sales) <sip:a@b>", b"M\xc3\xbcller (Sales)", b"sip:a@b", b""),
        # RFC 4475
        (
            b'"J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8',
            b'"J Rosenberg \\\\\\""',
            b"sip:jdrosen@example.com",
            b"    ;    tag = 98asjd8",
        ),
        (
            (
                b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,'
                b"/;;*@example.com>"
            ),
            b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"',
            b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
            b"",
        ),
        (
            (
                b'"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n newvalue ;\r\n'
                b"  secondparam ; q = 0.33"
            ),
            b'"Quoted string \\"\\""',
            b"sip:jdrosen@example.com",
            b" ; newparam =   newvalue ;    secondparam ; q = 0.33",
        ),
        (b"<http://www.example.com>;tag=3", b"", b"http://www.example.com", b";tag=3"),
        (b"isbn:2983792873", b"", b"isbn:2983792873", b""),
        (
            b'sip:a@b;x="<sip:c@d>";tag=1',
            b"",
            b"sip:a@b",
            b';x="<sip:c@d>";tag=1',
        ),
    ],
)
def test_parts(value: bytes, display: bytes, uri: bytes, params: bytes) -> None:
    address = Address.parse(value)
    assert (address.display, address.uri, address.params) == (display, uri, params)
    assert value[address.uri_start : address.uri_end] == uri
    assert address.bracketed == (value[address.uri_start - 1 : address.uri_start] == b"<")


def test_params() -> None:
    address = parse(
        b'<sip:a@b>;Expires=60;ob;+sip.instance="<urn:uuid:1;2>";tag=_token~1\'+`*%!-.;q = 0.5'
    )
    assert address.param(b"expires") == b"60"
    assert address.param(b"ob") == b""
    assert address.param(b"+sip.instance") == b'"<urn:uuid:1;2>"'
    assert address.param(b"tag") == b"_token~1'+`*%!-."
    assert address.param(b"q") == b"0.5"
    assert address.param(b"x") is None


def test_a_parameter_behind_a_bare_uri_is_the_headers() -> None:
    outside = parse(b"sip:+19725552222@gw1.example.net;unknownparam")
    inside = parse(b"<sip:+19725552222@gw1.example.net;unknownparam>")
    assert outside.param(b"unknownparam") == b""
    assert outside.parsed().param(b"unknownparam") is None
    assert inside.param(b"unknownparam") is None
    assert inside.parsed().param(b"unknownparam") == b""


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"*",
        b"<>",
        b"<sip:>",
        b"alan@jasomi.com",
        b'"Mr. J. User <sip:j.user@example.com>',
        b'"Mr. J. User" sip:j.user@example.com',
        b'"a"b <sip:a@b>',
        b'"a" "b" <sip:a@b>',
        b'a "b" <sip:a@b>',
        b'"a\\" <sip:a@b>',
        b'"a\x00" <sip:a@b>',
        b'"Watson, Thomas" < sip:t.watson@example.org >',
        b"Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
        b"a:b <sip:a@b>",
        b"<sip:a@b",
        b"<<sip:a@b>>",
        b"<sip:a@b> x",
        b"<sip:a@b> <sip:c@d>",
        b"<sip:a@b>, <sip:c@d>",
        b"sip:a@b, sip:c@d",
        b"sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        b'"Joe" <sip:joe@example.org>;;;;',
        b"<sip:a@b>;",
        b"<sip:a@b>;=1",
        b"<sip:a@b>;a b",
        b"<sip:a@b>;a=b c",
        b"<sip:a@b>;a=\x01",
        b'<sip:a@b>;a="b',
        b'<sip:a@b>;a="b"c',
        b"<sip:a@b>;tag=1;TAG=2",
        b"<sip:a@b>\r\n;tag=1",
        b"<sip:a@b>\n ;tag=1",
        b"<sip:a@b\x00>",
        b"sip:a b",
        b"1a:b",
        b"sip:user;x@host;tag=1",
    ],
)
def test_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(value)


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (b"", []),
        (b" \t", []),
        (b"a", [b"a"]),
        (b" a , b\t,c ", [b"a", b"b", b"c"]),
        (b"<sip:a,b@c>,<sip:d>;x", [b"<sip:a,b@c>", b"<sip:d>;x"]),
        (b'"a,\\"b" <sip:a>;m="x,y", <sip:b>', [b'"a,\\"b" <sip:a>;m="x,y"', b"<sip:b>"]),
        (b"a,\r\n b", [b"a", b"b"]),
    ],
)
def test_split(value: bytes, elements: list[bytes]) -> None:
    assert [value[start:end] for start, end in split(value)] == elements


@pytest.mark.parametrize(
    "value", [b",", b"a,", b",a", b"a,,b", b"a, ,b", b'"a,b', b"<a,b", b'"a\\",b']
)
def test_split_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        split(value)


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
_DISPLAY = _TEXT.map(
    lambda text: b'"' + text.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
)
_URI = st.sampled_from([b"sip:a,b;c@d", b"sip:h;lr", b"tel:+1", b"sips:a@[::1]:1?x=y", b"urn:x:y"])
_BLANK = st.sampled_from([b"", b" ", b"\t", b"\r\n  "])
_ADDRESS = st.builds(
    lambda display, gap, uri, tail: (display, uri, display + gap + b"<" + uri + b">" + tail),
    _DISPLAY | st.just(b"") | st.just(b"Some One"),
    _BLANK,
    _URI,
    st.sampled_from([b"", b";tag=1", b' ; x="a,<;" ;y', b";q=0.1"]),
)


@given(st.lists(_ADDRESS, min_size=1, max_size=4), _BLANK)
def test_round_trip(made: list[tuple[bytes, bytes, bytes]], gap: bytes) -> None:
    value = (gap + b"," + gap).join(text for _, _, text in made)
    spans = split(value)
    assert len(spans) == len(made)
    for (start, end), (display, uri, _) in zip(spans, made, strict=True):
        address = parse(value[start:end])
        assert (address.display, address.uri) == (display, uri)


_PIECES = [b'"', b"\\", b"<", b">", b"sip:", b"a", b"@", b";", b"=", b",", b" ", b"\r\n", b"\0"]


@given(st.binary(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=16).map(b"".join))
def test_garbage_ends_in_malformed(data: bytes) -> None:
    try:
        address = parse(data)
    except Malformed:
        pass
    else:
        assert data[address.uri_start : address.uri_end] == address.uri
        assert not set(address.uri) & set(b' "<>\r\n\0')
    try:
        spans = split(data)
    except Malformed:
        return
    assert all(start < end for start, end in spans)
