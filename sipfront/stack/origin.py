"""The ``o=`` line of a description that takes another one's place.

Whoever got descriptions of a node, and now gets those of the other party through the front, must
see one session that goes on: the same ``o=`` but for a version that rises by one with each change
and stays with none (RFC 3264 section 8).
"""

from __future__ import annotations

from sipfront.sip.errors import Malformed
from sipfront.sip.sdp import Sdp, parse


def following(new: bytes, last: bytes) -> bytes:
    """``new`` with the ``o=`` of ``last``, the description that its reader had before it.

    What cannot be read, on either side, passes as it came: the ends may understand it.
    """
    try:
        was, now = parse(last), parse(new)
    except Malformed:
        return new
    version = was.version
    if _rest(new, now) != _rest(last, was):
        version = b"%d" % (int(was.version) + 1)
    start, end = was.version_span
    base = was.origin_span[0]
    origin = was.origin[: start - base] + version + was.origin[end - base :]
    start, end = now.origin_span
    return new[:start] + origin + new[end:]


def _rest(body: bytes, sdp: Sdp) -> bytes:
    start, end = sdp.origin_span
    return (body[:start] + body[end:]).replace(b"\r\n", b"\n").rstrip(b"\n")
