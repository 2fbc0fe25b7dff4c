"""One Via (RFC 3261 sections 20.42 and 18.2, RFC 3581).

It refuses to know what is done with it: no host is resolved here, ``maddr`` is only a parameter.
The protocol and the transport may be any tokens, because Vias below the first are only kept.

Anything of sipfront may import it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipfront.sip import params
from sipfront.sip.errors import Malformed
from sipfront.sip.host import host_key, host_port

if TYPE_CHECKING:
    from sipfront.sip.params import Pair

_SPACE = 32
_TAB = 9
_BLANKS = b" \t"
#: What a branch of RFC 3261 begins with (8.1.1.7); one without it, or with nothing behind it, is
#: matched by the rules of RFC 2543 (17.2.3).
COOKIE = b"z9hG4bK"
#: Whether this module runs compiled.
COMPILED = not __file__.endswith(".py")
#: The shape that nearly all have: nothing in it needs another look but the sent-by.
_USUAL = re.compile(
    rb"SIP/2\.0/(UDP|TCP|TLS|WS|WSS) ([0-9A-Za-z.:\[\]-]+)"
    rb"(;rport)?;branch=([0-9A-Za-z.!%*_+`'~-]+)(?(3)|(?:;rport)?)"
)
#: The same for :func:`by_octet`.
_TRANSPORTS = {name: name for name in (b"UDP", b"TCP", b"TLS", b"WS", b"WSS")}
_SENT_BY = params.octets(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:[]-")
_FLAG = b";rport"
_START = b"SIP/2.0/"
_BRANCH = b"branch="
_YES = 48  # what a table has for an octet that is allowed
_SEMICOLON = 59


class Via:
    """One via-parm, immutable by convention.

    ``protocol`` is ``SIP/2.0`` for SIP, ``transport`` is in upper case, ``host`` as received (an
    IPv6 one with its brackets), ``port`` None when absent, ``branch`` b"" when absent; ``sent_by``
    is host and port as received, in lower case, for comparisons.  ``params``
    is everything behind the sent-by, with the first ``;``.
    """

    __slots__ = (
        "_head",
        "_pairs",
        "branch",
        "host",
        "params",
        "port",
        "protocol",
        "sent_by",
        "transport",
    )

    def __init__(
        self,
        protocol: bytes,
        transport: bytes,
        host: bytes,
        port: int | None,
        params: bytes,
        pairs: list[Pair] | None,
        branch: bytes,
        head: bytes,
        sent_by: bytes,
    ) -> None:
        self.protocol = protocol
        self.transport = transport
        self.host = host
        self.port = port
        self.params = params
        self._pairs = pairs  # None: of the usual shape, and nobody has asked yet
        self.branch = branch
        self._head = head
        self.sent_by = sent_by.lower()

    @staticmethod
    def parse(value: bytes) -> Via:
        """The one Via that the whole of ``value`` is; raises :class:`Malformed`."""
        return parse_via(value)

    def __repr__(self) -> str:
        return f"Via({self._head + self.params!r})"

    def param(self, name: bytes) -> bytes | None:
        """A parameter (lower-case name) as received: b"" for a flag, None when absent."""
        pairs = self._pairs
        if pairs is None:
            pairs = self._pairs = params.parse(self.params)
        return params.get(pairs, name)

    @property
    def rport(self) -> bool:
        """Whether ``rport`` stands in it, with a value or without (RFC 3581 section 3)."""
        if self._pairs is None:
            return self.params.find(_FLAG) >= 0
        return params.get(self._pairs, b"rport") is not None

    def stamped(self, host: bytes, port: int, keep: int = 0) -> bytes:
        """The value to be sent back, with the true source of the request in it.

        ``host`` without brackets.  ``received`` is written when ``rport`` was asked for or the
        sent-by names another host (RFC 3261 18.2.1, RFC 3581 section 4); preset values of both are
        overwritten, and everything else keeps its octets.  ``keep``: the answer to a ``keep``
        without a value, how often the peer is to send a keep-alive, seconds (RFC 6223); 0: none.
        """
        if self._pairs is None:  # nothing but a branch and flags
            flag = self.params.find(_FLAG)
            if flag >= 0:
                text = self.params
                end = flag + len(_FLAG)
                return b"%b%b=%d%b;received=%b" % (self._head, text[:end], port, text[end:], host)
        out = [self._head]
        wanted = False
        for piece in params.pieces(self.params)[1:]:
            name = piece.partition(b"=")[0].strip(_BLANKS).lower()
            if name == b"rport":
                wanted = True
                out.append(b";rport=%d" % port)
            elif keep and name == b"keep" and b"=" not in piece:
                out.append(b";keep=%d" % keep)
            elif name != b"received":
                out.append(b";" + piece)
        shown = b"[" + host + b"]" if b":" in host else host
        if wanted or host_key(self.host) != host_key(shown):
            out.append(b";received=" + host)
        return b"".join(out)


def _is_token(data: bytes) -> bool:
    return data.translate(params.TOKEN).isdigit()


def by_method(value: bytes) -> Via | None:
    """A Via of the usual shape, for the interpreter; None for any other; raises :class:`Malformed`."""
    usual = _USUAL.fullmatch(value)
    if usual is None:
        return None
    transport, sent_by, _, branch = usual.groups()
    host, port = host_port(sent_by)
    at = usual.end(2)
    return Via(b"SIP/2.0", transport, host, port, value[at:], None, branch, value[:at], sent_by)


def by_octet(value: bytes) -> Via | None:
    """The same for the compiler."""
    octets, size = value, len(value)
    if not value.startswith(_START):
        return None
    at = 8
    while at < size and octets[at] > _SPACE:
        at += 1
    transport = _TRANSPORTS.get(octets[8:at])
    if transport is None or at == size or octets[at] != _SPACE:
        return None
    table = _SENT_BY
    at += 1
    begin = at
    while at < size and octets[at] != _SEMICOLON:
        if table[octets[at]] != _YES:
            return None
        at += 1
    if begin == at:
        return None
    end = at
    flag = octets[at : at + 6] == _FLAG if size - at > 6 else False
    if flag:
        at += 6
    if size - at < 9 or octets[at] != _SEMICOLON or octets[at + 1 : at + 8] != _BRANCH:
        return None
    at += 8
    start = at
    table = params.TOKEN
    while at < size and octets[at] != _SEMICOLON:
        if table[octets[at]] != _YES:
            return None
        at += 1
    if start == at or (at < size and (flag or octets[at:size] != _FLAG)):
        return None
    sent_by = octets[begin:end]
    host, port = host_port(sent_by)
    tail = octets[end:size]
    branch = octets[start:at]
    return Via(b"SIP/2.0", transport, host, port, tail, None, branch, octets[:end], sent_by)


def parse_via(value: bytes) -> Via:
    """The one Via that the whole of ``value`` is (folded or not); raises :class:`Malformed`."""
    usual = by_octet(value) if COMPILED else by_method(value)
    if usual is not None:
        return usual
    value = params.straight(value).strip(_BLANKS)
    if value[:8] == b"SIP/2.0/":
        protocol = b"SIP/2.0"
        at = 8
    else:
        name, _, rest = value.partition(b"/")
        version, slash, _ = rest.partition(b"/")
        at = len(name) + len(version) + 2
        name = name.strip(_BLANKS)
        version = version.strip(_BLANKS)
        if not slash or not _is_token(name) or not _is_token(version):
            raise Malformed("bad Via protocol")
        protocol = name.upper() + b"/" + version
    size = len(value)
    while at < size and value[at] in _BLANKS:
        at += 1
    begin = at
    while at < size and value[at] not in _BLANKS:
        at += 1
    transport = value[begin:at].upper()
    if transport != b"UDP" and not _is_token(transport):
        raise Malformed("bad Via transport")
    semicolon = value.find(b";", at)
    if semicolon < 0:
        semicolon = size
    sent_by = value[at:semicolon].strip(_BLANKS)
    if _SPACE in sent_by or _TAB in sent_by:
        # COLON may have blanks around it; the last colon is the port's, or the host is refused
        host, colon, digits = sent_by.rpartition(b":")
        sent_by = host.rstrip(_BLANKS) + colon + digits.lstrip(_BLANKS)
    host, port = host_port(sent_by)
    tail = value[semicolon:]
    pairs = params.parse(tail)
    branch = params.get(pairs, b"branch") or b""
    head = value[:semicolon]
    return Via(protocol, transport, host, port, tail, pairs, branch, head, sent_by)


#: For whoever reads ``via.parse``.
parse = parse_via
