"""Answers that we give ourselves (RFC 3261 8.2.6), made out of the octets of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import CALL_ID, CSEQ, FROM, TIMESTAMP, TO, VIA

if TYPE_CHECKING:
    from sipfront.sip.message import Message

#: RFC 3261 section 21 and the registered extensions that a front gives.
REASONS: dict[int, bytes] = {
    100: b"Trying",
    180: b"Ringing",
    181: b"Call Is Being Forwarded",
    182: b"Queued",
    183: b"Session Progress",
    200: b"OK",
    202: b"Accepted",
    302: b"Moved Temporarily",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    416: b"Unsupported URI Scheme",
    420: b"Bad Extension",
    422: b"Session Interval Too Small",
    423: b"Interval Too Brief",
    430: b"Flow Failed",
    480: b"Temporarily Unavailable",
    481: b"Call/Transaction Does Not Exist",
    482: b"Loop Detected",
    483: b"Too Many Hops",
    486: b"Busy Here",
    487: b"Request Terminated",
    488: b"Not Acceptable Here",
    491: b"Request Pending",
    500: b"Server Internal Error",
    501: b"Not Implemented",
    503: b"Service Unavailable",
    504: b"Server Time-out",
    505: b"Version Not Supported",
    513: b"Message Too Large",
    603: b"Decline",
}


def reply(
    request: Message,
    status: int,
    *,
    reason: bytes | None = None,
    vias: bytes | None = None,
    to_tag: bytes = b"",
    extra: bytes = b"",
    body: bytes = b"",
) -> bytes:
    """An answer to ``request``.

    ``vias``: the Via lines to give back (with ``received`` and ``rport``, RFC 3581), those of the
    request when None.  ``to_tag`` is added when the request has none (RFC 3261 8.2.6.2; not in a
    100).  ``extra``: further header lines, each ended by CRLF.  What the request lacks is not
    invented (RFC 4475 3.3.1).
    """
    if reason is None:
        reason = REASONS.get(status, b"Unknown")
    parts = [
        b"SIP/2.0 %d %b\r\n" % (status, reason),
        request.lines(VIA) if vias is None else vias,
    ]
    for hid, name in ((FROM, b"From: "), (TO, b"To: "), (CALL_ID, b"Call-ID: "), (CSEQ, b"CSeq: ")):
        value = request.value(hid)
        if value is None:
            continue
        parts.append(name)
        parts.append(value)
        if hid == TO and to_tag and not request.to_tag:
            parts.append(b";tag=" + to_tag)
        parts.append(b"\r\n")
    if status == 100:
        parts.append(request.lines(TIMESTAMP))  # RFC 3261 8.2.6.1
    parts.append(extra)
    parts.append(b"Content-Length: %d\r\n\r\n" % len(body))
    parts.append(body)
    return b"".join(parts)
