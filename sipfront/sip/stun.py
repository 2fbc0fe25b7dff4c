"""STUN on the SIP port (RFC 5626 section 4.4.2, RFC 8489): the keep-alive of phones behind NAT.

Only the Binding method, only as a server, only with the magic cookie (not the classic STUN of
RFC 3489).  No authentication is asked for and none is offered (RFC 5626 section 8).

Anything of sipfront may import it.
"""

from __future__ import annotations

import zlib
from ipaddress import IPv4Address, IPv6Address, ip_address

COOKIE = b"\x21\x12\xa4\x42"
_BINDING_REQUEST = b"\x00\x01"
_BINDING_SUCCESS = b"\x01\x01"
_BINDING_ERROR = b"\x01\x11"
_ERROR_CODE = b"\x00\x09"
_UNKNOWN_ATTRIBUTES = b"\x00\x0a"
_XOR_MAPPED_ADDRESS = b"\x00\x20"
_FINGERPRINT = 0x8028
_FINGERPRINT_MASK = 0x5354554E
#: Attributes below this number must be understood by the server (RFC 8489 section 5).
_OPTIONAL = 0x8000
#: The credentials that nobody asked for: known, and ignored (they prove nothing to us).
_IGNORED = frozenset((0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E))
#: A request longer than this is not a keep-alive; it bounds what one datagram can cost.
MAX_REQUEST = 548


def is_binding_request(data: bytes) -> bool:
    """Whether this datagram is a STUN Binding request, well framed.

    No SIP message can be one: the first octet of SIP is a letter.
    """
    return (
        20 <= len(data) <= MAX_REQUEST
        and data[:2] == _BINDING_REQUEST
        and data[4:8] == COOKIE
        and len(data) % 4 == 0
        and int.from_bytes(data[2:4], "big") == len(data) - 20
    )


def answer(data: bytes, host: str, port: int) -> bytes:
    """The answer to a Binding request (:func:`is_binding_request`) that came from ``host:port``.

    b"" when there is to be none: attributes that overrun the message, or a wrong fingerprint
    (RFC 8489 section 6.3: such a message is silently discarded).
    """
    unknown = []
    stamped = False
    at = 20
    while at < len(data):
        kind = int.from_bytes(data[at : at + 2], "big")
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + size > len(data):
            return b""
        if kind == _FINGERPRINT:
            if size != 4 or at + 8 != len(data) or data[at + 4 :] != _checksum(data[:at]):
                return b""
            stamped = True
        elif kind < _OPTIONAL and kind not in _IGNORED:
            unknown.append(data[at : at + 2])
        at += 4 + (size + 3) // 4 * 4
    if unknown:
        codes = b"".join(unknown)
        reason = b"Unknown Attribute"
        attributes = _attribute(_ERROR_CODE, b"\x00\x00\x04\x14" + reason)
        attributes += _attribute(_UNKNOWN_ATTRIBUTES, codes)
        return _message(_BINDING_ERROR, data[8:20], attributes, stamped)
    mapped = _attribute(_XOR_MAPPED_ADDRESS, _xor_mapped(host, port, data[4:20]))
    return _message(_BINDING_SUCCESS, data[8:20], mapped, stamped)


def _xor_mapped(host: str, port: int, mask: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 8489 section 14.2); ``mask``: cookie, transaction id."""
    address: IPv4Address | IPv6Address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    family = b"\x00\x01" if address.version == 4 else b"\x00\x02"
    packed = address.packed
    hidden = bytes(a ^ b for a, b in zip(packed, mask, strict=False))
    return family + (port ^ 0x2112).to_bytes(2, "big") + hidden


def _attribute(kind: bytes, value: bytes) -> bytes:
    return kind + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def _checksum(data: bytes) -> bytes:
    """The value of FINGERPRINT over what precedes it (RFC 8489 section 14.7)."""
    return (zlib.crc32(data) ^ _FINGERPRINT_MASK).to_bytes(4, "big")


def _message(kind: bytes, transaction: bytes, attributes: bytes, stamped: bool) -> bytes:
    size = len(attributes) + (8 if stamped else 0)
    message = kind + size.to_bytes(2, "big") + COOKIE + transaction + attributes
    if stamped:
        message += _FINGERPRINT.to_bytes(2, "big") + b"\x00\x04" + _checksum(message)
    return message
