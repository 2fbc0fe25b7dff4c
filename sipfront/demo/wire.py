"""Requests as the demonstration writes them, and the few things read out of messages.

It keeps no state and opens no socket.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sipfront.sip import address, digest
from sipfront.sip.errors import SipError
from sipfront.sip.headers import (
    CONTACT,
    PROXY_AUTHENTICATE,
    RECORD_ROUTE,
    WWW_AUTHENTICATE,
)
from sipfront.sip.uri import Uri

if TYPE_CHECKING:
    from sipfront.sip.message import Message

COOKIE = b"z9hG4bK"
AGENT = b"sipfront-demo"
ALLOW = b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE\r\n"
SDP_TYPE = b"Content-Type: application/sdp\r\n"


def fresh() -> bytes:
    """A new tag, branch or Call-ID."""
    return secrets.token_hex(8).encode()


def request(
    method: bytes,
    uri: bytes,
    *,
    via: bytes,
    sender: bytes,
    to: bytes,
    call_id: bytes,
    cseq: int,
    routes: bytes = b"",
    extra: bytes = b"",
    body: bytes = b"",
) -> bytes:
    """A request (RFC 3261 8.1.1); ``extra``: header lines, ``body``: SDP if it is not empty."""
    return (
        b"%b %b SIP/2.0\r\nVia: %b\r\n%bMax-Forwards: 70\r\nFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\n"
        b"CSeq: %d %b\r\nUser-Agent: %b\r\n%b%bContent-Length: %d\r\n\r\n%b"
    ) % (
        method,
        uri,
        via,
        b"Route: %b\r\n" % routes if routes else b"",
        sender,
        to,
        call_id,
        cseq,
        method,
        AGENT,
        extra,
        SDP_TYPE if body else b"",
        len(body),
        body,
    )


def contact_of(message: Message) -> bytes:
    """The URI of the first Contact, b"" if there is none that can be read."""
    value = message.value(CONTACT)
    try:
        if value:
            start, end = address.split(value)[0]
            return address.parse(value[start:end]).uri
    except (SipError, IndexError):
        pass
    return b""


def routes_of(message: Message) -> list[bytes]:
    """The Record-Route values, one an element, as they stand."""
    found: list[bytes] = []
    for value in message.values(RECORD_ROUTE):
        found += [value[start:end].strip() for start, end in address.split(value)]
    return found


def user_of(value: bytes) -> str:
    """The user part of a From, To or Contact value (or of a bare URI)."""
    try:
        uri = Uri.parse(address.parse(value).uri)
    except SipError:
        return ""
    return (uri.user or b"").partition(b";")[0].decode("utf-8", "replace")


def proof(
    answer: Message, user: bytes, password: bytes, method: bytes, uri: bytes, body: bytes = b""
) -> tuple[bytes, bytes] | None:
    """(Header line that answers a 401 or 407, the nonce it is for); None when it cannot be."""
    hid = WWW_AUTHENTICATE if answer.status == 401 else PROXY_AUTHENTICATE
    name = b"Authorization" if answer.status == 401 else b"Proxy-Authorization"
    for value in answer.values(hid):
        if digest.scheme(value) != b"digest":
            continue
        try:
            found = digest.parse(value)
        except SipError:
            continue
        algorithm = found.get(b"algorithm", b"MD5")
        if algorithm.lower().removesuffix(b"-sess") not in digest.ALGORITHMS:
            continue
        held = digest.Credentials.of(user, found.get(b"realm", b""), password, algorithm)
        if held.answers(found):
            line = held.header(found, method, uri, fresh(), body=body)
            return b"%b: %b\r\n" % (name, line), found[b"nonce"]
    return None
