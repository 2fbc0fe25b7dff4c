"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966): located, checked, compared.

What it refuses to know: what a URI resolves to, and who may be sent to.  Escapes are checked but
never undone for routing: ``%73ip`` stays ``%73ip`` on its way, and only the comparisons
(:meth:`Uri.key`, :meth:`Uri.same`) look through them (section 19.1.4).

Strict where laxness would make two readers see two different URIs (a second ``@``, a repeated
parameter, a host that ``inet_aton`` reads as an address, spaces, control octets).  Lax where real
peers break the letter of section 25 and nothing becomes ambiguous: ``_`` in host names, ``#`` in
the user part, ``name=`` without a value.

Anything of sipfront may import it.
"""

from __future__ import annotations

from sipfront.sip.errors import Malformed
from sipfront.sip.host import host_key, host_port
from sipfront.sip.params import octets
from sipfront.sip.shapes import remember

# Octets as numbers: ``37 in data`` is fifteen times as fast as ``b"%" in data``.
_PERCENT = 37
_SEMICOLON = 59
_EQUALS = 61
_ALNUM = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_UNRESERVED = _ALNUM + b"-_.!~*'()"
# ``%`` is in these tables, and _check_escapes looks at what follows it.
_USER = octets(_UNRESERVED + b"%&=+$,;?/#")
_PASSWORD = octets(_UNRESERVED + b"%&=+$,")
_PARAMS = octets(_UNRESERVED + b"%[]/:&+$;=")
_HEADERS = octets(_UNRESERVED + b"%[]/?:+$&=")
_HEX = octets(b"0123456789abcdefABCDEF")
_SCHEME = octets(_ALNUM + b"+-.")
#: The octets of any URI at all (RFC 2396 section 2, and ``[]#``).
URI = octets(_UNRESERVED + b"%;/?:@&=+$,[]#")
_NUMBER_MARKS = b"-.()"
_UNRESERVED_SET = frozenset(_UNRESERVED)

_KNOWN: dict[bytes, Uri] = {}

#: URI parameters that must be in both URIs or in none for these to be the same (19.1.4).
_BOTH_OR_NONE = (b"user", b"ttl", b"method", b"maddr", b"transport")


def _check_escapes(data: bytes) -> None:
    """Every ``%`` must be followed by two hexadecimal digits (section 25.1, ``escaped``)."""
    at = data.find(b"%")
    while at >= 0:
        pair = data[at + 1 : at + 3]
        if len(pair) != 2 or not pair.translate(_HEX).isdigit():
            raise Malformed("bad escape in URI")
        at = data.find(b"%", at + 3)


def normalised(data: bytes) -> bytes:
    """Octets for comparison: escapes of unreserved characters undone, the others in upper case.

    Reserved characters and their escapes stay different (section 19.1.4), and so do control
    octets: ``%00`` stays three characters and can cut nothing.
    """
    if _PERCENT not in data:
        return data
    first, *rest = data.split(b"%")
    out = [first]
    for piece in rest:
        code = int(piece[:2], 16)
        if code in _UNRESERVED_SET:
            out.append(bytes((code,)))
        else:
            out.append(b"%" + piece[:2].upper())
        out.append(piece[2:])
    return b"".join(out)


def _check_params(params: bytes) -> None:
    """``name [= value]`` between semicolons, every name at most once (section 19.1.1)."""
    if not params.translate(_PARAMS).isdigit():
        raise Malformed("bad octet in URI parameters" if params else "empty URI parameter")
    if _PERCENT in params:
        _check_escapes(params)
    if _SEMICOLON not in params:
        if params[0] == 61 or params.count(b"=") > 1:
            raise Malformed("bad URI parameter")
        return
    names: list[bytes] = []
    for piece in params.split(b";"):
        name, _, value = piece.partition(b"=")
        if not name or _EQUALS in value:
            raise Malformed("bad URI parameter")
        names.append(name.lower())
    if len(set(names)) != len(names):
        raise Malformed("repeated URI parameter")


def _check_headers(headers: bytes) -> None:
    """``hname=hvalue`` between ampersands (section 25.1, ``headers``)."""
    if not headers.translate(_HEADERS).isdigit():
        raise Malformed("bad octet in URI headers")
    if _PERCENT in headers:
        _check_escapes(headers)
    for piece in headers.split(b"&"):
        name, equals, value = piece.partition(b"=")
        if not name or not equals or _EQUALS in value:
            raise Malformed("bad URI header")


def _check_user(userinfo: bytes) -> None:
    """``user [":" password]`` (section 25.1, ``userinfo`` without the ``@``)."""
    if userinfo.isalnum():
        return
    if not userinfo.translate(_USER).isdigit():
        user, colon, password = userinfo.partition(b":")
        if not user:
            raise Malformed("empty URI user")
        if (
            not colon
            or not user.translate(_USER).isdigit()
            or (password and not password.translate(_PASSWORD).isdigit())
        ):
            raise Malformed("bad octet in URI user")
    if _PERCENT in userinfo:
        _check_escapes(userinfo)


def is_scheme(scheme: bytes) -> bool:
    """Whether this can be a scheme (section 25.1): a letter, then letters, digits, ``+-.``."""
    return scheme[:1].isalpha() and scheme.translate(_SCHEME).isdigit()


class Uri:
    """One URI, immutable by convention.

    ``raw`` is the whole of it as received.  ``scheme`` is in lower case.  For ``sip`` and ``sips``:
    ``user`` (with the password, if any; None when there is no ``@``), ``host`` as received, ``port``
    (None when absent), ``params`` without the first ``;``, ``headers`` without the ``?``.  For
    ``tel``: ``user`` is the number and ``host`` is empty.  For every other scheme only ``opaque``,
    what follows the colon, is set (it is empty for sip and sips).
    """

    __slots__ = (
        "_host_key",
        "_pairs",
        "headers",
        "host",
        "opaque",
        "params",
        "port",
        "raw",
        "scheme",
        "user",
    )

    def __init__(
        self,
        raw: bytes,
        scheme: bytes,
        user: bytes | None,
        host: bytes,
        port: int | None,
        params: bytes,
        headers: bytes,
        opaque: bytes,
    ) -> None:
        self.raw = raw
        self.scheme = scheme
        self.user = user
        self.host = host
        self.port = port
        self.params = params
        self.headers = headers
        self.opaque = opaque
        # Made when they are first asked for: a URI that is remembered is asked often.
        self._host_key: bytes | None = None
        self._pairs: dict[bytes, bytes] | None = None

    @staticmethod
    def parse(data: bytes) -> Uri:
        """The URI that the whole of ``data`` is; raises :class:`Malformed`."""
        return parse_uri(data)

    def __bytes__(self) -> bytes:
        return self.raw

    def __repr__(self) -> str:
        return f"Uri({self.raw!r})"

    def __eq__(self, other: object) -> bool:
        """Octet equality; :meth:`same` is the comparison of RFC 3261."""
        if not isinstance(other, Uri):
            return NotImplemented
        return self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    @property
    def host_key(self) -> bytes:
        """The host for comparison, see :func:`host_key`."""
        folded = self._host_key
        if folded is None:
            folded = self._host_key = host_key(self.host)
        return folded

    def param(self, name: bytes) -> bytes | None:
        """The value of the parameter ``name`` (lower case): b"" for a flag, None when absent."""
        if not self.params:
            return None
        pairs = self._pairs
        if pairs is None:
            pairs = {}
            for piece in self.params.split(b";"):
                key, _, value = piece.partition(b"=")
                pairs.setdefault(key.lower(), value)
            self._pairs = pairs
        return pairs.get(name)

    def without(self, *names: bytes) -> Uri:
        """The URI without the parameters ``names`` (lower case).

        The others keep order and octets.
        """
        if not self.params:
            return self
        pieces = self.params.split(b";")
        kept = [piece for piece in pieces if piece.partition(b"=")[0].lower() not in names]
        if len(kept) == len(pieces):
            return self
        return self._with_params(b";".join(kept))

    def with_param(self, name: bytes, value: bytes = b"") -> Uri:
        """The URI with the parameter ``name`` (lower case) at the end, replacing one of its name.

        ``value`` must already be escaped for a URI parameter; an empty one makes a flag.
        """
        rest = self.without(name).params
        own = name + b"=" + value if value else name
        return self._with_params(rest + b";" + own if rest else own)

    def _with_params(self, params: bytes) -> Uri:
        tail = b";" + params if params else b""
        if self.scheme in (b"sip", b"sips"):
            # ``params`` begin at the first ";" after the "@": cut there, whatever the user holds.
            colon = self.raw.find(b":")
            at = self.raw.find(b"@")
            cut = self.raw.find(b";", max(at, colon)) if self.params else -1
            if cut < 0:
                cut = len(self.raw) - len(self.headers) - 1 if self.headers else len(self.raw)
            head = self.raw[:cut]
            raw = head + tail + (b"?" + self.headers if self.headers else b"")
            opaque = b""
        else:
            head = self.raw[: self.raw.find(b":") + 1] + (self.user or b"")
            raw = head + tail
            opaque = raw[raw.find(b":") + 1 :]
        return Uri(raw, self.scheme, self.user, self.host, self.port, params, self.headers, opaque)

    def key(self) -> bytes:
        """The canonical octets of an address-of-record (10.3 step 5, 19.1.4): ``user@host``.

        Without scheme, port and URI parameters.  The user keeps its case, its own ``;parameters``
        and its escapes of reserved and control characters.  A tel URI gives ``tel:`` and the
        number without visual separators (RFC 3966 section 4), with its context if it has one;
        every other scheme gives the URI itself.
        """
        if self.host:
            host = host_key(self.host)
            return normalised(self.user) + b"@" + host if self.user is not None else host
        if self.scheme == b"tel" and self.user is not None:
            number = b"tel:" + self.user.translate(None, _NUMBER_MARKS).lower()
            context = self.param(b"phone-context")
            return number + b";phone-context=" + context.lower() if context else number
        return self.scheme + b":" + self.opaque

    def same(self, other: Uri) -> bool:
        """Whether both are the same URI in the sense of RFC 3261 section 19.1.4."""
        if self.raw == other.raw:
            return True
        if self.scheme != other.scheme or self.port != other.port:
            return False
        if (self.user is None) != (other.user is None) or self.key() != other.key():
            return False
        if not self.host and self.scheme != b"tel":
            return True
        return _same_params(self.params, other.params) and _pairs(self.headers, b"&") == _pairs(
            other.headers, b"&"
        )


def parse_uri(data: bytes) -> Uri:
    """The URI that the whole of ``data`` is; raises :class:`Malformed`.

    The same ones come again and again (a node's Contact in every answer), so they are remembered.
    """
    known = _KNOWN.get(data)
    if known is None:
        known = _parsed(data)
        remember(_KNOWN, data, known)
    return known


#: For whoever reads ``uri.parse``.
parse = parse_uri


def _parsed(data: bytes) -> Uri:
    colon = data.find(b":")
    if colon < 1:
        raise Malformed("URI without a scheme")
    scheme = data[:colon].lower()
    if scheme not in (b"sip", b"sips"):
        return _parse_other(data, scheme, colon + 1)
    start = colon + 1
    user: bytes | None = None
    at = data.find(b"@", start)
    if at >= 0:
        user = data[start:at]
        _check_user(user)
        start = at + 1
    end = len(data)
    headers = b""
    question = data.find(b"?", start)
    if question >= 0:
        headers = data[question + 1 :]
        _check_headers(headers)
        end = question
    params = b""
    semicolon = data.find(b";", start, end)
    if semicolon >= 0:
        params = data[semicolon + 1 : end]
        _check_params(params)
        end = semicolon
    host, port = host_port(data[start:end])
    return Uri(data, scheme, user, host, port, params, headers, b"")


def _pairs(data: bytes, separator: bytes) -> dict[bytes, bytes]:
    """Names and values for comparison: both case-insensitive, escapes looked through."""
    pairs: dict[bytes, bytes] = {}
    if data:
        for piece in data.split(separator):
            name, _, value = normalised(piece).lower().partition(b"=")
            pairs[name] = value
    return pairs


def _same_params(mine: bytes, theirs: bytes) -> bool:
    if mine == theirs:
        return True
    a = _pairs(mine, b";")
    b = _pairs(theirs, b";")
    for name in _BOTH_OR_NONE:
        if (name in a) != (name in b):
            return False
    return all(b.get(name, value) == value for name, value in a.items())


def _parse_other(data: bytes, scheme: bytes, start: int) -> Uri:
    """A URI of another scheme: checked for octets that no URI may hold, and left alone."""
    if not is_scheme(scheme):
        raise Malformed("bad URI scheme")
    opaque = data[start:]
    if not opaque.translate(URI).isdigit():
        raise Malformed("bad octet in URI")
    _check_escapes(opaque)
    if scheme != b"tel":
        return Uri(data, scheme, None, b"", None, b"", b"", opaque)
    number, semicolon, params = opaque.partition(b";")
    if not number:
        raise Malformed("empty telephone number")
    if semicolon:
        _check_params(params)
    return Uri(data, scheme, number, b"", None, params, b"", opaque)
