"""Hosts and ports of URIs and Vias (RFC 3261 section 25.1, ``hostport``).

What it refuses to know: what a name resolves to.  Strict where a resolver could take the text for
another address than a reader would; lax with ``_`` and with labels that begin with a digit, which
real networks have.

Anything of sipfront may import it.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from sipfront.sip.errors import Malformed
from sipfront.sip.params import octets

_HOST = octets(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
_NUMERIC = octets(b"0123456789.")
_IPV6 = octets(b"0123456789abcdefABCDEF:.")

#: RFC 1035 2.3.4: no name is longer; a longer one is an attack or a mistake.
MAX_HOST = 255
#: Hosts repeat, hence a cache; the number only bounds its memory (4,096 x 255 octets at most).
_HOST_CACHE = 4096


def _port(digits: bytes) -> int:
    """A port from its digits; five at most, because a longer one cannot be a port."""
    if len(digits) > 5 or not digits.isdigit():
        raise Malformed("bad port")
    port = int(digits)
    if port == 0 or port > 65535:
        raise Malformed("bad port")
    return port


def _check_name(host: bytes) -> None:
    """A host name or an IPv4 address, and nothing that some resolver takes for another address.

    ``2130706433``, ``127.1``, ``0177.0.0.1`` and ``0x7f.1`` are 127.0.0.1 to ``inet_aton``.
    """
    if not host:
        raise Malformed("empty host")
    if len(host) > MAX_HOST or not host.translate(_HOST).isdigit():
        raise Malformed("bad host")
    if host[0] in b".-" or b".." in host:
        raise Malformed("bad host")
    if host.translate(_NUMERIC).isdigit():
        quads = host.split(b".")
        if len(quads) != 4:
            raise Malformed("bad IPv4 address")
        for quad in quads:
            if not quad or len(quad) > 3 or int(quad) > 255 or (quad[0] == 48 and len(quad) > 1):
                raise Malformed("bad IPv4 address")
        return
    last = host.rstrip(b".").rpartition(b".")[2]
    if last[:2].lower() == b"0x" or last.isdigit():
        raise Malformed("bad host")


def _ipv6(text: bytes) -> IPv6Address:
    """The address inside the brackets; no zone (it means nothing to the other side)."""
    if not text.translate(_IPV6).isdigit():
        raise Malformed("bad IPv6 reference")
    try:
        return IPv6Address(text.decode("ascii"))
    except AddressValueError:
        raise Malformed("bad IPv6 reference") from None


@lru_cache(maxsize=_HOST_CACHE)
def host_port(data: bytes) -> tuple[bytes, int | None]:
    """``host [":" port]`` (section 25.1, ``hostport``) as (host as received, port or None).

    An IPv6 host keeps its brackets.  Raises :class:`Malformed`.
    """
    if data[:1] == b"[":
        close = data.find(b"]")
        if close < 0:
            raise Malformed("bad IPv6 reference")
        _ipv6(data[1:close])
        host = data[: close + 1]
        rest = data[close + 1 :]
        if not rest:
            return host, None
        if rest[:1] != b":":
            raise Malformed("bad host")
        return host, _port(rest[1:])
    host, colon, digits = data.partition(b":")
    host = _name(host)
    return host, _port(digits) if colon else None


@lru_cache(maxsize=_HOST_CACHE)
def _name(host: bytes) -> bytes:
    """``host`` itself, checked: many phones behind one address differ in the port only."""
    _check_name(host)
    return host


@lru_cache(maxsize=_HOST_CACHE)
def host_key(host: bytes) -> bytes:
    """The form of a host by which hosts are compared.

    Lower case, no final dot, and IPv6 references compressed in one way (RFC 5954 section 4.2).
    """
    if host[:1] == b"[":
        return b"[" + str(_ipv6(host[1:-1])).encode() + b"]"
    return host.lower().rstrip(b".")
