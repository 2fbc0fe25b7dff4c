"""Requests that the front sends of its own: probes, and the end of calls that nobody else ends."""

from __future__ import annotations

from sipfront.sip.answer import KIND, description, refusal
from sipfront.sip.headers import FROM, RECORD_ROUTE, TO
from sipfront.sip.message import Message, scan
from sipfront.stack.forward import contact_uri, reversed_routes, routed


def in_dialog(sent: bytes, answer: Message, method: bytes, via: bytes, extra: bytes = b"") -> bytes:
    """ACK or BYE for the 2xx ``answer`` to the INVITE ``sent`` (RFC 3261 13.2.2.4, 15.1.1).

    If the answer made an offer, the ACK refuses all of it (RFC 3261 13.2.1): we have no media.
    """
    request = scan(sent)
    body = b""
    if method == b"ACK" and not description(request):
        body = refusal(description(answer), request.cseq)
    target = contact_uri(answer) or request.uri
    uri, routes = routed(target, reversed_routes(answer.values(RECORD_ROUTE)))
    cseq = request.cseq if method == b"ACK" else request.cseq + 1
    return speak(
        method,
        uri,
        via,
        routes,
        request.value(FROM) or b"",
        answer.value(TO) or b"",
        request.call_id,
        cseq,
        extra,
        body,
    )


def probe(
    method: bytes, uri: bytes, via: bytes, ident: bytes, cseq: int, tags: tuple[bytes, bytes]
) -> bytes:
    """An OPTIONS (RFC 3261 11.1), or a BYE for a dialog that does not exist.

    ``ident`` is fresh and makes Call-ID and From tag; ``tags`` are the user parts of From and To.
    """
    host = uri.partition(b":")[2].rpartition(b"@")[2]
    to_tag = b";tag=none" if method == b"BYE" else b""
    return speak(
        method,
        uri,
        via,
        b"",
        b"<sip:%b@%b>;tag=%b" % (tags[0], host, ident),
        b"<%b>%b" % (uri, to_tag),
        b"%b@sipfront-probe" % ident,
        cseq,
        b"X-Sipfront-Probe: 1\r\n",
    )


def speak(
    method: bytes,
    uri: bytes,
    via: bytes,
    routes: bytes,
    sender: bytes,
    to: bytes,
    call_id: bytes,
    cseq: int,
    extra: bytes,
    body: bytes = b"",
    kind: bytes = KIND,
) -> bytes:
    """A request.  ``sender`` and ``to`` are From and To values with their tags; ``kind`` is what
    the body is, if there is one."""
    route = b"Route: %b\r\n" % routes if routes else b""
    if body:
        extra += b"Content-Type: %b\r\n" % kind
    return (
        b"%b %b SIP/2.0\r\nVia: %b\r\n%bMax-Forwards: 70\r\nFrom: %b\r\nTo: %b\r\nCall-ID: %b\r\n"
        b"CSeq: %d %b\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (method, uri, via, route, sender, to, call_id, cseq, method, extra, len(body), body)
