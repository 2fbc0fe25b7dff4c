"""Dialogs as they stand in the tables, made by hand."""

from __future__ import annotations

from sipfront.stack.dialog import CONFIRMED, Leg
from sipfront.stack.session import Session

NODE = b"10.0.0.11"
NODE_B = b"10.0.0.12"


def sdp(
    host: bytes, port: int, origin: bytes = b"- 1 1 IN IP4 192.0.2.1", more: bytes = b""
) -> bytes:
    """A description of one audio stream."""
    family = 6 if b":" in host else 4
    return (
        b"v=0\r\no=%b\r\ns=-\r\nc=IN IP%d %b\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=sendrecv\r\n%b"
    ) % (origin, family, host, port, more)


def leg(
    name: str,
    own: bytes,
    told: bytes,
    *,
    call: bytes = b"",
    owner: int = 0,
    state: int = CONFIRMED,
    kind: bytes = b"INVITE",
) -> Leg:
    """A dialog whose party said ``own`` of itself and was told ``told``."""
    made = Leg(b"call-" + name.encode(), b"out-" + name.encode(), b"in-" + name.encode(), owner)
    made.kind, made.state, made.correlation = kind, state, call
    if kind == b"INVITE":
        made.session = Session()
        made.session.outside_sdp, made.session.inside_sdp = own, told
    return made
