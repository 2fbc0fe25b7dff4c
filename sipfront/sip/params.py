"""What header field values share: blanks, quoted strings, ``;name=value`` parameters, lists.

RFC 3261 section 25.1: LWS, quoted-string, generic-param, COMMA.  Values are looked at, never
rewritten.  It refuses to know which parameters exist.

For :mod:`sipfront.sip.address`, :mod:`sipfront.sip.via` and :mod:`sipfront.sip.digest`; others
usually want one of these.
"""

from __future__ import annotations

from sipfront.sip.errors import Malformed


def octets(allowed: bytes) -> bytes:
    """A table for ``data.translate(table).isdigit()``: true when ``data`` has only ``allowed``.

    False for b"".  Four times as fast as ``translate(None, allowed)``, which builds its own table
    at every call.
    """
    return bytes(48 if octet in allowed else 45 for octet in range(256))


BLANKS = b" \t"
_LWS = b" \t\r\n"
TOKEN = octets(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
#: Controls that a quoted string may hold only behind a backslash; the tab is a blank.
_CONTROLS = bytes(range(9)) + bytes(range(10, 32)) + b"\x7f"
_PLAIN = octets(bytes(octet for octet in range(256) if octet not in _CONTROLS))
#: A parameter's value without quotes: more than ``token`` and ``host`` (peers put ``=`` of base64,
#: ``@``, ``/`` there), but nothing that ends or starts anything.
_VALUE = octets(bytes(octet for octet in range(33, 127) if octet not in b'",;<>\\'))

_LF = 10
_CR = 13
_BACKSLASH = 92
_QUOTE = 34
_COMMA = 44
_LEFT = 60

#: One parameter: name in lower case, value as received (quotes included, b"" for a flag).
Pair = tuple[bytes, bytes]


def straight(value: bytes) -> bytes:
    """A folded value with blanks for its line ends, octet for octet, so that offsets stay true.

    Raises :class:`Malformed` for a CR or LF that folds nothing.
    """
    if _LF not in value and _CR not in value:
        return value
    value = value.replace(b"\r\n ", b"   ").replace(b"\r\n\t", b"  \t")
    if _LF in value or _CR in value:
        raise Malformed("stray line end")
    return value


def quote_end(data: bytes, start: int) -> int:
    """The offset of the quote that closes the one at ``start``; raises :class:`Malformed`."""
    at = start + 1
    close = data.find(b'"', at)
    while close >= 0:
        slash = data.find(b"\\", at, close)
        if slash < 0:
            return close
        at = slash + 2
        if at > close:
            close = data.find(b'"', at)
    raise Malformed("unbalanced quotes")


def check_quoted(quoted: bytes) -> None:
    r"""A quoted string, quotes included, without bare control octets (``\\`` may precede one)."""
    if quoted.translate(_PLAIN).isdigit():
        return
    at = 1
    while at < len(quoted):
        octet = quoted[at]
        if octet == 92:
            at += 1
        elif octet in _CONTROLS:
            raise Malformed("control octet in quoted string")
        at += 1


def unquote(value: bytes) -> bytes:
    """The text of a quoted string, escapes undone; anything else comes back as it is."""
    if len(value) < 2 or value[0] != _QUOTE or value[-1] != _QUOTE:
        return value
    text = value[1:-1]
    if _BACKSLASH not in text:
        return text
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] == 92 and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    return bytes(out)


def quote(text: bytes) -> bytes:
    """``text`` as a quoted string; ValueError for CR and LF, which would begin another field."""
    if _LF in text or _CR in text:
        raise ValueError("line end in quoted string")
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def pieces(raw: bytes, separator: bytes = b";") -> list[bytes]:
    """``raw`` cut at every separator outside of quoted strings."""
    if _QUOTE not in raw:
        return raw.split(separator)
    found = []
    begin = at = 0
    end = raw.find(separator)
    opening = raw.find(b'"')
    while end >= 0 or opening >= 0:
        if opening >= 0 and (end < 0 or opening < end):
            at = quote_end(raw, opening) + 1
            opening = raw.find(b'"', at)
            if 0 <= end < at:
                end = raw.find(separator, at)
        else:
            found.append(raw[begin:end])
            begin = at = end + 1
            end = raw.find(separator, at)
    found.append(raw[begin:])
    return found


def pair(piece: bytes) -> Pair:
    """One ``name [= value]`` with blanks around its parts; raises :class:`Malformed`."""
    name, equals, value = piece.partition(b"=")
    name = name.strip(BLANKS).lower()
    if not name.translate(TOKEN).isdigit():
        raise Malformed("bad parameter name")
    if not equals:
        return name, b""
    value = value.strip(BLANKS)
    if value[:1] == b'"':
        if quote_end(value, 0) != len(value) - 1:
            raise Malformed("bad parameter value")
        check_quoted(value)
    elif value and not value.translate(_VALUE).isdigit():
        raise Malformed("bad parameter value")
    return name, value


def parse(raw: bytes) -> list[Pair]:
    """``*( SEMI generic-param )``: all of ``raw``; every name once (RFC 3261 7.3.1).

    ``raw`` is what follows a URI or a sent-by, already :func:`straight`; b"" and blanks give [].
    Raises :class:`Malformed`.
    """
    if not raw:
        return []
    found = pieces(raw)
    if found[0].strip(BLANKS):
        raise Malformed("garbage before parameters")
    if len(found) == 2:
        return [pair(found[1])]
    pairs = [pair(piece) for piece in found[1:]]
    if len({name for name, _ in pairs}) != len(pairs):
        raise Malformed("repeated parameter")
    return pairs


def get(pairs: list[Pair], name: bytes) -> bytes | None:
    """The value of ``name`` (lower case) as received; b"" for a flag, None when absent."""
    for key, value in pairs:
        if key == name:
            return value
    return None


def split(value: bytes) -> list[tuple[int, int]]:
    """Where the elements of a comma separated list stand in ``value``, blanks stripped.

    Commas in quoted strings and between ``<`` and ``>`` separate nothing.  A blank value gives [];
    an empty element among others is not allowed (section 25.1 has no empty elements).
    Raises :class:`Malformed`.
    """
    ends: list[int] = []
    if _COMMA in value:
        if _QUOTE in value or _LEFT in value:
            ends = _commas(value)
        else:
            at = value.find(b",")
            while at >= 0:
                ends.append(at)
                at = value.find(b",", at + 1)
    ends.append(len(value))
    spans = []
    begin = 0
    for end in ends:
        start, stop = begin, end
        while start < stop and value[start] in _LWS:
            start += 1
        while stop > start and value[stop - 1] in _LWS:
            stop -= 1
        if start < stop:
            spans.append((start, stop))
        elif len(ends) > 1:
            raise Malformed("empty element in list")
        begin = end + 1
    return spans


def _commas(value: bytes) -> list[int]:
    """The offsets of the commas that separate elements."""
    found = []
    at = 0
    size = len(value)
    while at < size:
        octet = value[at]
        if octet == _QUOTE:
            at = quote_end(value, at)
        elif octet == _LEFT:
            at = value.find(b">", at)
            if at < 0:
                raise Malformed("missing >")
        elif octet == _COMMA:
            found.append(at)
        at += 1
    return found
