"""The few shapes in which nearly everybody writes what every message is read for.

The tag of a From or To, the number and method of a CSeq, a small number: each in its usual shape,
everything else is left to whoever asked (None, or -1).  As in :mod:`sipfront.sip.fields` one rule
stands here in two readings, and a test holds that they agree.  For :mod:`sipfront.sip.message`
only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.params import TOKEN, octets

if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

#: Whether this module runs compiled.
COMPILED = not __file__.endswith(".py")
#: Lines and values that come again and again (a start line, ``1 INVITE``, the From of a dialog) are
#: read once.  So many are remembered of each kind, and none longer than this: 2 MB at most.
REMEMBERED = 4096
LONGEST = 256

_LWS = b" \t\r\n"
TOKEN_LWS = octets(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~" + _LWS
)
#: What a Request-URI may hold (RFC 3261 25.1): no control, no space, nothing that must be escaped.
URI = octets(bytes(octet for octet in range(33, 127) if octet not in b'"<>\\^`{|}'))

_YES = 48  # what a table of ``octets`` has for an octet that is allowed
_QUOTE = 34
_BACKSLASH = 92
_LEFT = 60
_RIGHT = 62
_ZERO = 48
_NINE = 57

_TAGS: dict[bytes, bytes] = {}


def remember(known: dict[bytes, T], key: bytes, value: T) -> None:
    """Keep ``value`` under ``key``; all is forgotten at once when there are too many."""
    if len(key) <= LONGEST:
        if len(known) >= REMEMBERED:
            known.clear()
        known[key] = value


def tag(value: bytes) -> bytes | None:
    """The tag of a From or To value, b"" if it has none (RFC 3261 19.3).

    The usual shape is ``display <uri>;tag=x`` without escapes; None for any other.
    """
    if COMPILED:
        return tag_by_octet(value)
    known = _TAGS.get(value)
    if known is None:
        known = tag_by_method(value)
        if known is not None:
            remember(_TAGS, value, known)
    return known


def tag_by_method(value: bytes) -> bytes | None:
    """The reading for the interpreter."""
    left = 0
    if value[:1] == b'"':
        left = value.find(b'"', 1) + 1
        if left == 0 or value.find(b"\\", 1, left) >= 0:
            return None
    begin = value.find(b"<", left)
    end = value.find(b">", begin)
    if begin < 0 or end < 0:
        return None
    display = value[left:begin]
    if display and not display.translate(TOKEN_LWS).isdigit():
        return None
    if not value[begin + 1 : end].translate(URI).isdigit():
        return None
    tail = value[end + 1 :]
    if not tail:
        return b""
    if tail[:5] == b";tag=" and tail[5:].translate(TOKEN).isdigit():
        return tail[5:]
    return None


def tag_by_octet(value: bytes) -> bytes | None:
    """The reading for the compiler."""
    octets, size, at = value, len(value), 0
    display, uri, token = TOKEN_LWS, URI, TOKEN
    if size and octets[0] == _QUOTE:
        at = 1
        while at < size and octets[at] != _QUOTE:
            if octets[at] == _BACKSLASH:
                return None
            at += 1
        at += 1
    while at < size and octets[at] != _LEFT:
        if display[octets[at]] != _YES:
            return None
        at += 1
    at += 1
    begin = at
    while at < size and octets[at] != _RIGHT:
        if uri[octets[at]] != _YES:
            return None
        at += 1
    if at >= size or at == begin:
        return None
    at += 1
    if at == size:
        return b""
    if size - at < 6 or octets[at : at + 5] != b";tag=":
        return None
    at += 5
    begin = at
    while at < size:
        if token[octets[at]] != _YES:
            return None
        at += 1
    return octets[begin:size]


def number(value: bytes) -> int:
    """A number of one to ten digits, -1 for anything else."""
    if not COMPILED:
        return int(value) if len(value) <= 10 and value.isdigit() else -1
    octets, size = value, len(value)
    found = at = 0
    if size == 0 or size > 10:
        return -1
    while at < size:
        if octets[at] < _ZERO or octets[at] > _NINE:
            return -1
        found = found * 10 + octets[at] - _ZERO
        at += 1
    return found
