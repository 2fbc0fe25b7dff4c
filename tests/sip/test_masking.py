from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.masking import masked

HEAD = (
    b"INVITE sip:600@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:1001@example.com>;tag=1\r\nTo: <sip:600@example.com>\r\nCall-ID: c1\r\n"
    b"CSeq: 1 INVITE\r\n"
)
KEY = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def message(headers: bytes = b"", body: bytes = b"") -> bytes:
    return HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (b"Authorization: Basic QWxhZGRpbjpvcGVu\r\n", b"", b"QWxhZGRpbjpvcGVu"),
        (b"proxy-authorization :  bearer abc.def\r\n", b"", b"abc.def"),
        (b"Authorization:\r\n Basic\r\n\tQWxhZGRpbjpvcGVu\r\n", b"", b"QWxhZGRpbjpvcGVu"),
        (b"Authorization: justthesecret\r\n", b"", b"justthesecret"),
        (b"X-Account-Password: hunter2\r\n", b"", b"hunter2"),
        (b"X-API-Key: k123456\r\n", b"", b"k123456"),
        (b"Refer-To: <sip:1001:hunter2@example.com>\r\n", b"", b"hunter2"),
        (b"Contact: SIPS:1001:hun:ter2@example.com\r\n", b"", b"hun:ter2"),
        (b"", b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + KEY + b"|2^20\r\n", KEY),
        (b"", b"v=0\na=key-mgmt:mikey " + KEY + b"\n", KEY),
        (b"", b"v=0\r\na=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n", b"asd88fgpdd"),
        (b"", b"v=0\r\nk=clear:hunter2\r\n", b"hunter2"),
        (b"Content-Type: application/dtmf-relay\r\n", b"Signal=7\r\nDuration=160\r\n", b"=7"),
        (b"c: application/dtmf\r\n", b"7", b"7"),
    ],
)
def test_what_is_secret(headers: bytes, body: bytes, secret: bytes) -> None:
    sent = message(headers, body)
    assert secret in sent
    shown = masked(sent)
    assert secret not in shown.removeprefix(HEAD)
    assert len(shown) == len(sent)
    assert shown.startswith(HEAD)
    assert shown.count(b"\n") == sent.count(b"\n")


@pytest.mark.parametrize(
    "sent",
    [
        message(),
        message(
            b'Authorization: Digest username="1001", realm="x", nonce="n", uri="sip:x", response="0"\r\n'
        ),
        message(b'Proxy-Authorization:\r\n DIGEST username="1001"\r\n'),
        message(
            body=b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=fingerprint:sha-256 AB:CD\r\na=ice-ufrag:8hhY\r\n"
        ),
        message(
            b'Contact: <sip:1001@[2001:db8::1]:5060;sf=abc>\r\nX-Note: at 12:30@home, sip:a b:c@d "e"\r\n'
        ),
        b"",
        b"\r\n\r\n",
        b"\x00\xff\x80",
    ],
)
def test_all_else_stays(sent: bytes) -> None:
    assert masked(sent) == sent


_ENDS = st.sampled_from([b"\r\n", b"\n", b"\r\n \r\n", b"\r\n\t"])


@given(
    st.binary(max_size=80),
    st.sampled_from([b"Authorization", b"PROXY-AUTHORIZATION", b"authorization "]),
    st.sampled_from([b"Basic", b"bearer", b"X"]),
    st.from_regex(rb"[A-Za-z0-9+/]{12,24}", fullmatch=True),
    st.sampled_from([b" ", b"\t", b"\r\n ", b"  "]),
    _ENDS,
    st.binary(max_size=80),
)
def test_no_credentials_get_through(
    before: bytes, name: bytes, scheme: bytes, secret: bytes, blank: bytes, end: bytes, after: bytes
) -> None:
    sent = before + b"\r\n" + name + b":" + blank + scheme + blank + secret + end + after
    if secret in before or secret in after:
        return
    shown = masked(sent)
    assert len(shown) == len(sent)
    assert secret not in shown


@given(st.binary(max_size=300))
def test_it_takes_any_octets(data: bytes) -> None:
    shown = masked(data)
    assert len(shown) == len(data)
    assert re.sub(rb"[^\r\n]", b"", shown) == re.sub(rb"[^\r\n]", b"", data)
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "piece",
    [b"sip:a:", b"secret", b"a=crypto:", b"Authorization: ", b"sip:" + b"a" * 120, b"\r\n "],
)
def test_nobody_can_make_it_slow(piece: bytes) -> None:
    """Counted in what a message of harmless octets costs, so that a busy machine changes nothing."""
    hostile = (piece * 65_000)[:65_000]
    begun = time.process_time()
    for _ in range(3):
        masked(hostile)
    assert time.process_time() - begun < 3.0
