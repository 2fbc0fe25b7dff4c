"""Requests are well formed, and proofs fit their challenges."""

from __future__ import annotations

import pytest

from sipfront.demo import wire
from sipfront.sip import digest
from sipfront.sip.message import scan

VIA = b"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"


def made(**more: bytes) -> bytes:
    return wire.request(
        b"INVITE",
        b"sip:x@127.0.0.2",
        via=VIA,
        sender=b"<sip:a@b>;tag=1",
        to=b"<sip:x@b>",
        call_id=b"c",
        cseq=3,
        **more,
    )


def test_a_request_is_what_it_says() -> None:
    message = scan(made(body=b"v=0\r\n", routes=b"<sip:r;lr>"))
    assert (message.method, message.cseq, message.body) == (b"INVITE", 3, b"v=0\r\n")
    assert b"Route: <sip:r;lr>\r\n" in message.data
    assert b"Content-Type" not in made()


def test_contacts_routes_and_users_are_read() -> None:
    extra = (
        b'Contact: "a, b" <sip:me@127.0.0.9:5>;q=1\r\n'
        b"Record-Route: <sip:one;lr>, <sip:two;lr>\r\nRecord-Route: <sip:three;lr>\r\n"
    )
    message = scan(made(extra=extra))
    assert wire.contact_of(message) == b"sip:me@127.0.0.9:5"
    assert wire.routes_of(message) == [b"<sip:one;lr>", b"<sip:two;lr>", b"<sip:three;lr>"]
    assert wire.contact_of(scan(made())) == b""
    assert wire.contact_of(scan(made(extra=b"Contact: <<\r\n"))) == b""
    assert wire.user_of(b'"A" <sip:1001;x@b>;tag=1') == "1001"
    assert wire.user_of(b"<") == ""


def challenge(status: int, *lines: bytes) -> bytes:
    name = b"WWW" if status == 401 else b"Proxy"
    head = b"SIP/2.0 %d x\r\nVia: %b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: c\r\n"
    fields = b"".join(b"%b-Authenticate: %b\r\n" % (name, line) for line in lines)
    return head % (status, VIA) + b"CSeq: 1 INVITE\r\n" + fields + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "header"), [(401, b"Authorization: "), (407, b"Proxy-Authorization: ")]
)
def test_the_first_challenge_that_fits_is_answered(status: int, header: bytes) -> None:
    answer = scan(
        challenge(
            status,
            b'Basic realm="r"',
            b'Digest realm="r", nonce="n", algorithm=SHA-512',
            b'Digest realm="r", nonce="good", algorithm=MD5, qop="auth"',
        )
    )
    proof = wire.proof(answer, b"u", b"p", b"INVITE", b"sip:x@b")
    assert proof is not None
    line, nonce = proof
    assert nonce == b"good"
    assert line.startswith(header)
    given = digest.parse(line[len(header) :].strip())
    assert digest.verify(given, digest.ha1(b"u", b"r", b"p"), b"INVITE")


def test_what_cannot_be_answered_is_not() -> None:
    for line in (b'Basic realm="r"', b"Digest broken", b'Digest realm="r", nonce="n", qop="x"'):
        assert wire.proof(scan(challenge(401, line)), b"u", b"p", b"INVITE", b"sip:x") is None
