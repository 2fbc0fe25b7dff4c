"""Values of From, To, Contact, Route, Record-Route and their kin (RFC 3261 section 20.10).

``name-addr`` (``"Display" <uri>;params``) or ``addr-spec`` (``uri;params``: the parameters are the
header's, and the URI may hold no ``,``, ``;`` or ``?``).  The URI is checked for octets that no URI
may hold, and otherwise left to :mod:`sipfront.sip.uri` for whoever asks.

Strict where two readers could see two different URIs; lax with an unquoted display name that is
not made of tokens only (UTF-8, parentheses), as real telephones send it.

Anything of sipfront may import it.
"""

from __future__ import annotations

from sipfront.sip import params
from sipfront.sip.errors import Malformed
from sipfront.sip.params import Pair, split
from sipfront.sip.uri import URI, Uri, is_scheme, parse_uri

__all__ = ["Address", "parse", "split"]

_COMMA = 44
_QUESTION = 63
_BLANKS = b" \t"
#: Octets that an unquoted display name may not hold: it would be unclear where the URI starts.
_NOT_DISPLAY = bytes(range(9)) + bytes(range(10, 32)) + b'",:;<>@\\\x7f'
_DISPLAY = params.octets(bytes(octet for octet in range(256) if octet not in _NOT_DISPLAY))


class Address:
    """One address, immutable by convention.

    ``display``: the display name as received (quotes included), b"" when there is none.
    ``uri``: the URI; it stands at ``value[uri_start:uri_end]`` of what was parsed, without the
    brackets.  ``bracketed``: whether it stands in ``<>``; one that does not must be given brackets
    when it is replaced by a URI with parameters.  ``params``: everything behind the URI and its
    bracket, with the first ``;``.
    """

    __slots__ = ("bracketed", "display", "pairs", "params", "uri", "uri_end", "uri_start")

    def __init__(
        self,
        display: bytes,
        uri: bytes,
        params: bytes,
        uri_start: int,
        uri_end: int,
        bracketed: bool,
        pairs: list[Pair],
    ) -> None:
        self.display = display
        self.uri = uri
        self.params = params
        self.uri_start = uri_start
        self.uri_end = uri_end
        self.bracketed = bracketed
        self.pairs = pairs

    @staticmethod
    def parse(value: bytes) -> Address:
        """The one address that the whole of ``value`` is; raises :class:`Malformed`."""
        return parse_address(value)

    def __repr__(self) -> str:
        return f"Address({self.display!r}, {self.uri!r}, {self.params!r})"

    def param(self, name: bytes) -> bytes | None:
        """A header parameter (lower-case name) as received: b"" for a flag, None when absent.

        The value of a quoted one keeps its quotes; see :func:`sipfront.sip.params.unquote`.
        """
        for key, value in self.pairs:
            if key == name:
                return value
        return None

    def parsed(self) -> Uri:
        """The URI in parts; raises :class:`Malformed`."""
        return parse_uri(self.uri)


def parse_address(value: bytes) -> Address:
    """The one address that the whole of ``value`` is; raises :class:`Malformed`.

    Folding and blanks at both ends are allowed; offsets are those of ``value`` as given.
    """
    value = params.straight(value)
    at = 0
    size = len(value)
    while at < size and value[at] in _BLANKS:
        at += 1
    display = b""
    if value[at : at + 1] == b'"':
        close = params.quote_end(value, at)
        display = value[at : close + 1]
        params.check_quoted(display)
        left = close + 1
        while left < size and value[left] in _BLANKS:
            left += 1
        if value[left : left + 1] != b"<":
            raise Malformed("display name without URI")
    else:
        left = value.find(b"<", at)
        if left > at:
            quote = value.find(b'"', at, left)
            if quote >= 0:
                left = -1  # "<" inside a quoted parameter of an addr-spec
            else:
                display = value[at:left].rstrip(_BLANKS)
                if display and not display.translate(_DISPLAY).isdigit():
                    raise Malformed("bad display name")
    if left >= 0:
        start = left + 1
        end = value.find(b">", start)
        if end < 0:
            raise Malformed("missing >")
        uri = value[start:end]
        tail = value[end + 1 :]
    else:
        start = at
        end = value.find(b";", start)
        if end < 0:
            end = size
        uri = value[start:end].rstrip(_BLANKS)
        end = start + len(uri)
        if _COMMA in uri or _QUESTION in uri:
            raise Malformed("URI with , or ? needs <>")
        tail = value[end:]
    _check_uri(uri)
    return Address(display, uri, tail, start, end, left >= 0, params.parse(tail))


def _check_uri(uri: bytes) -> None:
    """A scheme, and only octets of URIs: no blanks, brackets, quotes, controls."""
    if not uri.translate(URI).isdigit():
        raise Malformed("bad octet in URI")
    if uri[:4] == b"sip:":
        if len(uri) == 4:
            raise Malformed("empty URI")
        return
    scheme, colon, rest = uri.partition(b":")
    if not colon or not rest or not is_scheme(scheme):
        raise Malformed("URI without a scheme")


#: For whoever reads ``address.parse``.
parse = parse_address
