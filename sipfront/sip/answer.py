"""The one answer that the front gives to an offer: no to every stream (RFC 3264 section 6).

A call that nobody wants any more was answered with an offer, or an early dialog whose node is gone
gets one: an offer must be answered, and we have no media.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CONTENT_TYPE
from sipfront.sip.sdp import parse

if TYPE_CHECKING:
    from sipfront.sip.message import Message

#: What a body of SDP is called.
KIND = b"application/sdp"


def description(message: Message) -> bytes:
    """The session description in ``message``, b"" if there is none (one of several parts is none
    here: nobody but the two ends can tell what the others mean)."""
    kind = message.value(CONTENT_TYPE)
    if kind is None or kind.partition(b";")[0].strip().lower() != KIND:
        return b""
    return message.body


def refusal(offer: bytes, ident: int) -> bytes:
    """The answer to ``offer`` with port 0 in every stream; b"" if the offer cannot be read.

    The streams stand in the offer's order, each with its first format (one must be there), and the
    time is the offer's (RFC 3264 section 6).  ``ident``: the number of the session in ``o=``.
    """
    try:
        sdp = parse(offer)
    except Malformed:
        return b""
    origin = sdp.origin_connection
    address = b"IN IP%d %b" % (origin.family, origin.address) if origin else b"IN IP4 0.0.0.0"
    times = [line for line in offer.replace(b"\r\n", b"\n").split(b"\n") if line[:2] == b"t="]
    lines = [b"v=0", b"o=- %d 1 %b" % (ident, address), b"s=-", b"c=%b" % address]
    lines += times or [b"t=0 0"]
    for media in sdp.media:
        lines.append(b"m=%b 0 %b %b" % (media.kind, media.protocol, media.formats[0]))
    return b"\r\n".join(lines) + b"\r\n"
