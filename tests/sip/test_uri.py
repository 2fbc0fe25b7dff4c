from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Malformed
from sipfront.sip.uri import Uri, normalised, parse


@pytest.mark.parametrize(
    ("data", "user", "host", "port", "params", "headers"),
    [
        (b"sip:alice@atlanta.com", b"alice", b"atlanta.com", None, b"", b""),
        (b"sip:atlanta.com", None, b"atlanta.com", None, b"", b""),
        (b"SIP:Alice@Atlanta.COM", b"Alice", b"Atlanta.COM", None, b"", b""),
        (
            b"sips:alice:secret@192.0.2.4:5061;transport=tcp;lr?subject=x&priority=urgent",
            b"alice:secret",
            b"192.0.2.4",
            5061,
            b"transport=tcp;lr",
            b"subject=x&priority=urgent",
        ),
        (b"sip:a@[2001:db8::1]:5070;ob", b"a", b"[2001:db8::1]", 5070, b"ob", b""),
        (b"sip:[::1]", None, b"[::1]", None, b"", b""),
        (b"sip:*72#@pbx_1.lan", b"*72#", b"pbx_1.lan", None, b"", b""),
        (b"sip:a:@h.example", b"a:", b"h.example", None, b"", b""),
        (b"sip:a@h.example.", b"a", b"h.example.", None, b"", b""),
        (b"sip:a@3f2a9c1b:5060", b"a", b"3f2a9c1b", 5060, b"", b""),
        (b"sip:a@h;maddr=[::1];x=", b"a", b"h", None, b"maddr=[::1];x=", b""),
        # RFC 4475
        (
            b"sip:sips%3Auser%40example.com@example.net",
            b"sips%3Auser%40example.com",
            b"example.net",
            None,
            b"",
            b"",
        ),
        (
            b"sip:user;par=u%40example.net@example.com",
            b"user;par=u%40example.net",
            b"example.com",
            None,
            b"",
            b"",
        ),
        (
            b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
            b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
            b"example.com",
            None,
            b"",
            b"",
        ),
        (
            (
                b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
                b"(doesn't-it)@example.com"
            ),
            (
                b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
                b"(doesn't-it)"
            ),
            b"example.com",
            None,
            b"",
            b"",
        ),
        (b"sip:null-%00-null@example.com", b"null-%00-null", b"example.com", None, b"", b""),
        (
            b"sip:user@example.com?Route=%3Csip:sip.example.com%3E",
            b"user",
            b"example.com",
            None,
            b"",
            b"Route=%3Csip:sip.example.com%3E",
        ),
    ],
)
def test_parts(
    data: bytes,
    user: bytes | None,
    host: bytes,
    port: int | None,
    params: bytes,
    headers: bytes,
) -> None:
    uri = parse(data)
    assert (uri.user, uri.host, uri.port, uri.params, uri.headers) == (
        user,
        host,
        port,
        params,
        headers,
    )
    assert uri.scheme == data.partition(b":")[0].lower()
    assert uri.opaque == b""
    assert bytes(uri) == data
    assert uri == Uri.parse(data)


def test_other_schemes_are_left_alone() -> None:
    uri = parse(b"nobodyKnowsThisScheme:totallyopaquecontent")
    assert (uri.scheme, uri.opaque) == (b"nobodyknowsthisscheme", b"totallyopaquecontent")
    assert (uri.user, uri.host, uri.params) == (None, b"", b"")
    assert parse(b"soap.beep://192.0.2.103:3002").opaque == b"//192.0.2.103:3002"
    assert parse(b"urn:service:sos").key() == b"urn:service:sos"


def test_tel() -> None:
    uri = parse(b"tel:+1-201-555-0123;phone-context=Example.com;ext=7")
    assert (uri.scheme, uri.user, uri.host, uri.port) == (b"tel", b"+1-201-555-0123", b"", None)
    assert uri.param(b"ext") == b"7"
    assert uri.key() == b"tel:+12015550123;phone-context=example.com"
    assert parse(b"tel:+1201").same(parse(b"tel:+1-2-01"))
    assert bytes(uri.without(b"ext")) == b"tel:+1-201-555-0123;phone-context=Example.com"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"sip",
        b"sip:",
        b":alice@host",
        b"alice@host",
        b"1sip:x",
        b"sip:@host",
        b"sip::pw@host",
        b"sip:a@",
        b"sip:a@b@c",
        b"sip:a b@host",
        b"sip:user@example.com; lr",
        b"<sip:user@example.com>",
        b"sip:a@host ",
        b"sip:a@ho st",
        b"sip:a%zz@host",
        b"sip:a%4@host",
        b"sip:a%@host",
        b"sip:a@h%6fst",
        b"sip:a@host;x=%g0",
        b"sip:a@host:",
        b"sip:a@host:0",
        b"sip:a@host:65536",
        b"sip:a@host:506a",
        b"sip:a@host:-1",
        b"sip:a@host:000005060",
        b"sip:a@host:5060:1",
        b"sip:a@:5060",
        b"sip:a@.host",
        b"sip:a@-host",
        b"sip:a@ho..st",
        b"sip:a@.",
        b"sip:a@" + b"h" * 256,
        b"sip:a@ho\x00st",
        b"sip:a\x00@host",
        b"sip:a\r\n@host",
        b"sip:a\xc3\xbc@host",
        b"sip:a@host;",
        b"sip:a@host;;lr",
        b"sip:a@host;lr;",
        b"sip:a@host;=x",
        b"sip:a@host;x=1=2",
        b"sip:a@host;lr;LR",
        b"sip:a@host;maddr=1.2.3.4;maddr=5.6.7.8",
        b"sip:a@host;x=\x01",
        b"sip:a@host?",
        b"sip:a@host?x",
        b"sip:a@host?x=1&",
        b"sip:a@host?=1",
        b"sip:a@host?x=a b",
        b"sip:a@[::1",
        b"sip:a@[]",
        b"sip:a@[::1]x",
        b"sip:a@[::1]:",
        b"sip:a@[::1%25eth0]",
        b"sip:a@[1.2.3.4]",
        b"sip:a@[:::1]",
        b"sip:a@::1",
        # what inet_aton would take for 127.0.0.1
        b"sip:a@2130706433",
        b"sip:a@127.1",
        b"sip:a@0177.0.0.1",
        b"sip:a@0x7f000001",
        b"sip:a@127.0.0.0x1",
        b"sip:a@256.0.0.1",
        b"sip:a@1.2.3.4.",
        b"sip:a@host.123",
        b"tel:",
        b"tel:;x",
        b"tel:123;x;x",
        b"isbn:",
        b"isbn:a b",
        b"isbn:a%z",
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


def test_params() -> None:
    uri = parse(b"sip:a;x@h;Transport=UDP;lr;maddr=1.2.3.4?a=b")
    assert uri.param(b"transport") == b"UDP"
    assert uri.param(b"lr") == b""
    assert uri.param(b"x") is None
    assert bytes(uri.without(b"lr")) == b"sip:a;x@h;Transport=UDP;maddr=1.2.3.4?a=b"
    bare = uri.without(b"transport", b"maddr", b"lr")
    assert (bytes(bare), bare.params) == (b"sip:a;x@h?a=b", b"")
    assert uri.without(b"other") is uri
    assert bytes(bare.with_param(b"t", b"1")) == b"sip:a;x@h;t=1?a=b"
    assert bytes(uri.with_param(b"lr")) == b"sip:a;x@h;Transport=UDP;maddr=1.2.3.4;lr?a=b"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"sip:Alice@Example.COM:5070;user=phone", b"Alice@example.com"),
        (b"sips:%41lice@example.com.", b"Alice@example.com"),
        (b"sip:example.com", b"example.com"),
        (b"sip:a%2fb%00c@h", b"a%2Fb%00c@h"),
        (b"sip:user;par=u%40example.net@example.com", b"user;par=u%40example.net@example.com"),
        (b"sip:a%25%34%31@h", b"a%2541@h"),
        (b"sip:a@[2001:DB8:0:0::1]", b"a@[2001:db8::1]"),
    ],
)
def test_key(data: bytes, key: bytes) -> None:
    assert parse(data).key() == key


def test_nul_cuts_nothing() -> None:
    keys = {
        parse(b"sip:%s@h" % user).key() for user in (b"null", b"null%00", b"null%00%00", b"nul")
    }
    assert len(keys) == 4


# The examples of RFC 3261 19.1.4.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;security=on"),
        (b"sip:carol@chicago.com;newparam=5", b"sip:carol@chicago.com;security=on"),
        (
            b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            b"sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ],
)
def test_same(one: bytes, other: bytes) -> None:
    assert parse(one).same(parse(other))
    assert parse(other).same(parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            b"SIP:ALICE@AtLanTa.CoM;Transport=udp",
            b"sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
        (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
        (b"sip:bob@biloxi.com", b"sips:bob@biloxi.com"),
        (b"sip:biloxi.com", b"sip:bob@biloxi.com"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
    ],
)
def test_not_same(one: bytes, other: bytes) -> None:
    assert not parse(one).same(parse(other))
    assert not parse(other).same(parse(one))


def test_normalised() -> None:
    assert normalised(b"%7e%2F%2b") == b"~%2F%2B"


_USER_OCTETS = "abcXYZ019-_.!~*'()&=+$,;?/#"
_ESCAPE = st.integers(0, 255).map(lambda code: f"%{code:02x}")
_USERS = st.lists(
    st.one_of(st.text(_USER_OCTETS, min_size=1, max_size=5), _ESCAPE), min_size=1, max_size=6
).map("".join)
_HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9-]{0,8}[a-z]){0,3}", fullmatch=True),
)
_PARAM = st.from_regex(r"[a-z][a-z0-9-]{0,6}(=[A-Za-z0-9:&+$/-]{0,8})?", fullmatch=True)
_PARAMS = st.lists(_PARAM, max_size=4, unique_by=lambda text: text.partition("=")[0])


@given(
    st.sampled_from(["sip", "sips", "SIP"]),
    st.none() | _USERS,
    _HOSTS,
    st.none() | st.integers(1, 65535),
    _PARAMS,
)
def test_round_trip(
    scheme: str, user: str | None, host: str, port: int | None, params: list[str]
) -> None:
    text = scheme + ":"
    text += f"{user}@" if user is not None else ""
    text += host
    text += f":{port}" if port else ""
    text += "".join(";" + param for param in params)
    uri = parse(text.encode())
    assert uri.user == (None if user is None else user.encode())
    assert (uri.host, uri.port, uri.params) == (host.encode(), port, ";".join(params).encode())
    assert bytes(uri) == text.encode()
    assert uri.same(parse(bytes(uri)))
    assert uri.key() == parse(uri.scheme + b":" + uri.key()).key()
    for param in params:
        name, _, value = param.encode().partition(b"=")
        assert uri.param(name) == value
        less = uri.without(name)
        assert less.param(name) is None
        assert parse(bytes(less)).params == less.params
        again = less.with_param(name, value)
        assert parse(bytes(again)).param(name) == value
        assert again.key() == uri.key()


_PIECES = [b"sip:", b"a", b"@", b"h", b":", b"5060", b";", b"lr", b"=", b"?", b"&", b"%", b"00"]
_PIECES += [b"[", b"::1", b"]", b"<", b">", b" ", b"\x00", b"\xff", b"tel:", b"1.2.3.4", b"."]


@given(st.binary(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=14).map(b"".join))
def test_garbage_ends_in_malformed(data: bytes) -> None:
    try:
        uri = parse(data)
    except Malformed:
        return
    assert bytes(uri) == data
    assert not set(data) & set(b' \r\n\t\0<>"')
    uri.key()
    assert uri.same(parse(data))
    bare = uri.without(b"lr")
    assert parse(bytes(bare)).params == bare.params


def test_what_is_asked_twice_says_the_same() -> None:
    """URIs and what is made of them are remembered."""
    first = parse(b"sip:a@Example.COM.;lr;SF=d1?x=y")
    second = Uri.parse(b"sip:a@Example.COM.;lr;SF=d1?x=y")
    assert first == second
    for uri in (first, second, first):
        assert uri.host_key == b"example.com"
        assert (uri.param(b"lr"), uri.param(b"sf"), uri.param(b"x")) == (b"", b"d1", None)
    assert first.with_param(b"sf", b"2").param(b"sf") == b"2"
    assert first.without(b"sf").param(b"sf") is None
    for _ in range(2):
        with pytest.raises(Malformed):
            parse(b"sip:a@b@c")
