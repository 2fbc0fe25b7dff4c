"""The addresses of this machine, asked of the kernel by netlink (RTM_GETADDR).

A wildcard is never bound: a socket bound to it answers from whatever address the routing likes,
not from the one that was asked.  It is expanded to every local address, bound one by one.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

_RTM_GETADDR = 22
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_DONE = 3
_NLMSG_ERROR = 2
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_TENTATIVE = 0x40 | 0x08  # not usable yet, or a duplicate (IFA_F_TENTATIVE, IFA_F_DADFAILED)

Address = IPv4Address | IPv6Address


def family_of(host: str) -> socket.AddressFamily:
    """AF_INET or AF_INET6 of a literal address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_wildcard(host: str) -> bool:
    """``0.0.0.0``, ``::`` and ``*`` mean every address."""
    return host in ("0.0.0.0", "::", "*")


def bracketed(host: str) -> str:
    """As it stands in a URI: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def canonical(host: str) -> str:
    """A literal address as the sockets spell it; anything else unchanged."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def expand(host: str) -> list[str]:
    """The addresses that ``host`` stands for: itself, or all of the wildcard's family."""
    if not is_wildcard(host):
        return [canonical(host)]
    return [
        str(address)
        for address in local_addresses()
        if host == "*" or (address.version == 6) == (host == "::")
    ]


def local_addresses() -> list[Address]:
    """Every address of this machine but IPv6 link-local ones (they need a scope)."""
    found: list[Address] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(2)
        netlink.send(struct.pack("=IHHIIB3x", 20, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0, 0))
        while True:
            chunk = netlink.recv(65536)
            at = 0
            while at + 16 <= len(chunk):
                length, kind = struct.unpack_from("=IH", chunk, at)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < 16:
                    return found
                address = _address(chunk[at + 16 : at + length])
                if address is not None and address not in found:
                    found.append(address)
                at += (length + 3) & ~3


def _address(body: bytes) -> Address | None:
    """The address that one ``ifaddrmsg`` tells."""
    family, flags = body[0], body[2]
    if family not in (socket.AF_INET, socket.AF_INET6) or flags & _TENTATIVE:
        return None
    at, raw = 8, b""
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if length < 4:
            break
        # On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, if there, is ours.
        if kind == _IFA_LOCAL or (kind == _IFA_ADDRESS and not raw):
            raw = body[at + 4 : at + length]
        at += (length + 3) & ~3
    if not raw:
        return None
    address = ip_address(raw)
    return None if address.version == 6 and address.is_link_local else address
