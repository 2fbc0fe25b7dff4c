from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.digest import Credentials, challenge, ha1, parse, response, scheme, verify
from sipfront.sip.errors import Malformed

# RFC 2617 section 3.5
OLD = (
    b'Digest username="Mufasa", realm="testrealm@host.com", '
    b'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, '
    b'cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    b'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
# RFC 7616 section 3.9.1
NEW = (
    b'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
    b'algorithm=%b, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    b'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="%b", '
    b'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
NEW_MD5 = b"8ca523f5e9506fed4657c9700eebdbec"
NEW_SHA256 = b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_rfc_2617() -> None:
    found = parse(OLD)
    assert found[b"realm"] == b"testrealm@host.com"
    secret = ha1(b"Mufasa", b"testrealm@host.com", b"Circle Of Life")
    assert secret == b"939e7578ed9e3c518a452acee763bce9"
    assert verify(found, secret, b"GET")
    assert not verify(found, secret, b"POST")
    assert not verify(found, ha1(b"Mufasa", b"testrealm@host.com", b"other"), b"GET")


@pytest.mark.parametrize(
    ("algorithm", "proof"),
    [(b"MD5", NEW_MD5), (b"md5", NEW_MD5), (b"SHA-256", NEW_SHA256), (b"sha-256", NEW_SHA256)],
)
def test_rfc_7616(algorithm: bytes, proof: bytes) -> None:
    found = parse(NEW % (algorithm, proof))
    secret = ha1(b"Mufasa", b"http-auth@example.org", b"Circle of Life", algorithm)
    assert verify(found, secret, b"GET")
    mine = Credentials.of(b"Mufasa", b"http-auth@example.org", b"Circle of Life", algorithm)
    asked = parse(
        b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%b, '
        b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        b'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' % algorithm
    )
    answer = mine.header(
        asked, b"GET", b"/dir/index.html", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    assert parse(answer) == found
    assert b"qop=auth," in answer
    assert b"nc=00000001" in answer


def test_without_qop_as_in_rfc_2069() -> None:
    # RFC 2069 2.4 with the corrected response of its errata
    secret = ha1(b"Mufasa", b"testrealm@host.com", b"CircleOfLife")
    nonce = b"dcd98b7102dd2f0e8b11d0f600bfb0c093"
    proof = b"1949323746fe6a43ef61f9606e7febea"
    assert response(secret, b"GET", b"/dir/index.html", nonce) == proof
    mine = Credentials(b"Mufasa", b"testrealm@host.com", secret)
    asked = parse(challenge(b"testrealm@host.com", nonce, qop=b""))
    answer = parse(mine.header(asked, b"GET", b"/dir/index.html", b"unused"))
    assert answer[b"response"] == proof
    assert not {b"qop", b"nc", b"cnonce"} & set(answer)


@pytest.mark.parametrize("algorithm", [b"MD5", b"MD5-sess", b"SHA-256", b"SHA-256-sess"])
@pytest.mark.parametrize("qop", [b"", b"auth", b"auth-int", b"auth-int,auth"])
@pytest.mark.parametrize("named", [True, False])
def test_challenge_and_answer(algorithm: bytes, qop: bytes, named: bool) -> None:
    mine = Credentials.of(b'a"l\\ice', b"exam ple", b"pw", algorithm)
    value = challenge(b"exam ple", b"n0nce", algorithm=algorithm, qop=qop, opaque=b'o"', stale=True)
    assert scheme(value) == b"digest"
    asked = parse(value)
    assert asked[b"stale"] == b"true"
    if not named and algorithm == b"MD5":
        del asked[b"algorithm"]
    answer = parse(mine.header(asked, b"REGISTER", b"sip:h", b"cn", nc=31, body=b"b"))
    assert answer[b"username"] == b'a"l\\ice'
    assert answer[b"opaque"] == b'o"'
    assert answer.get(b"nc") == (b"0000001f" if qop else None)
    secret = ha1(b'a"l\\ice', b"exam ple", b"pw", algorithm)
    assert verify(answer, secret, b"REGISTER", b"b")
    assert verify(answer, secret, b"REGISTER", b"c") == (qop != b"auth-int")
    assert not verify(answer, secret, b"INVITE", b"b")
    assert not verify(answer | {b"nonce": b"x"}, secret, b"REGISTER", b"b")


def test_session_hash() -> None:
    secret = ha1(b"u", b"r", b"p")
    plain = response(secret, b"M", b"sip:a", b"n", qop=b"auth", nc=b"00000001", cnonce=b"c")
    session = response(
        secret,
        b"M",
        b"sip:a",
        b"n",
        qop=b"auth",
        nc=b"00000001",
        cnonce=b"c",
        algorithm=b"MD5-sess",
    )
    assert plain != session


def test_what_proves_nothing() -> None:
    secret = ha1(b"Mufasa", b"testrealm@host.com", b"Circle Of Life")
    good = parse(OLD)
    for key in (b"nonce", b"uri", b"response", b"nc", b"cnonce", b"qop"):
        assert not verify({k: v for k, v in good.items() if k != key}, secret, b"GET")
    for change in ({b"algorithm": b"SHA-512"}, {b"qop": b"auth-conf"}, {b"response": b"\xff"}):
        assert not verify(good | change, secret, b"GET")


def test_choose() -> None:
    mine = Credentials.of(b"u", b"r", b"p", b"SHA-256")
    values = [
        b"Basic realm=\"r\"",
        b"",
        b"Digest realm",
        b"Digest realm=\"r\", realm=\"r\"",
        challenge(b"r", b"1"),
        challenge(b"other", b"2", algorithm=b"SHA-256"),
        challenge(b"r", b"3", algorithm=b"SHA-256", qop=b"auth-conf"),
        challenge(b"r", b"4", algorithm=b"SHA-256"),
        challenge(b"r", b"5", algorithm=b"SHA-256"),
    ]  # fmt: skip
    found = mine.choose(values)
    assert found is not None
    assert found[b"nonce"] == b"4"
    assert mine.choose(values[:7]) is None
    with pytest.raises(ValueError, match="do not fit"):
        mine.header(parse(values[4]), b"M", b"sip:a", b"c")
    with pytest.raises(ValueError, match="algorithm"):
        Credentials(b"u", b"r", b"x", b"SHA-1")
    assert "b'u'" in repr(mine)
    assert mine._ha1.decode() not in repr(mine)


def test_other_schemes_and_folding() -> None:
    assert scheme(b"NoOneKnowsThisScheme opaque-data=here") == b"nooneknowsthisscheme"
    assert parse(b"NoOneKnowsThisScheme opaque-data=here") == {b"opaque-data": b"here"}
    assert parse(b'Digest\trealm = "a, b" ,\r\n nonce=x,, ') == {b"realm": b"a, b", b"nonce": b"x"}
    assert parse(b"Digest") == {}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"Di@gest a=b",
        b"Digest a=b;c",
        b'Digest a="b',
        b'Digest a="b"c',
        b"Digest a=b,A=c",
    ],
)
def test_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        parse(value)


@given(st.binary(max_size=40) | st.lists(
    st.sampled_from([b"Digest", b" ", b"realm", b"=", b'"', b",", b"\\", b"x", b"\r\n "]), max_size=14
).map(b"".join))  # fmt: skip
def test_garbage_ends_in_malformed(data: bytes) -> None:
    scheme(data)
    try:
        parse(data)
    except Malformed:
        return
    assert scheme(data)


_TEXT = st.binary(max_size=12).map(lambda text: text.translate(None, b"\r\n"))


@given(_TEXT, _TEXT, _TEXT)
def test_round_trip(realm: bytes, nonce: bytes, opaque: bytes) -> None:
    value = challenge(realm, nonce, opaque=opaque)
    try:
        found = parse(value)
    except Malformed:
        assert set(value) & (set(range(32)) | {127})
        return
    assert (found[b"realm"], found[b"nonce"], found.get(b"opaque", b"")) == (realm, nonce, opaque)
