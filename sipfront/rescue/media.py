"""Where media goes, as far as session descriptions say it.

Made for thousands of descriptions in the second after a node died, so it reads two kinds of lines
and nothing else; what looks unusual has no places, and a call without places is not kept.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Address and port of one stream; None for a stream that is switched off (port 0).
Place = tuple[bytes, int] | None

_NULL = (b"0.0.0.0", b"::")


def places(sdp: bytes) -> tuple[Place, ...]:
    """Where each ``m=`` line wants its media (RFC 8866 5.7, 5.14), in order; () when the
    description cannot be read, has no stream that is on, or names no address."""
    if not sdp.startswith(b"v=0"):
        return ()
    session = b""
    ports: list[int] = []
    own: list[bytes] = []
    for line in sdp.split(b"\n"):
        kind = line[:2]
        if kind == b"c=":
            words = line[2:].split()
            if len(words) != 3:
                return ()
            address = _canonical(words[2].partition(b"/")[0])
            if not ports:
                session = address
            elif not own[-1]:
                own[-1] = address
        elif kind == b"m=":
            words = line[2:].split()
            port = words[1].partition(b"/")[0] if len(words) > 3 else b""
            if not port.isdigit() or len(port) > 5:
                return ()
            ports.append(int(port))
            own.append(b"")
    found: list[Place] = []
    for number, mine in zip(ports, own, strict=True):
        address = mine or session
        if number and (not address or address in _NULL):
            return ()
        found.append((address, number) if number else None)
    return tuple(found) if any(found) else ()


def _canonical(address: bytes) -> bytes:
    """An address as it is compared; one IPv6 address can be written in many ways."""
    if b":" in address:
        try:
            return IPv6Address(address.decode("ascii")).compressed.encode()
        except (ValueError, UnicodeDecodeError):
            return b""
    return address.lower()


def origin_address(sdp: bytes) -> bytes:
    """The address in ``o=``: whoever wrote the description says there who it is."""
    at = sdp.find(b"\no=")
    words = sdp[at + 3 : sdp.find(b"\n", at + 3)].split() if at >= 0 else []
    return _canonical(words[5]) if len(words) == 6 else b""


class Hosts:
    """The addresses of a node, sought in descriptions."""

    def __init__(self, hosts: Iterable[bytes]) -> None:
        names = [host.strip(b"[]").lower() for host in hosts]
        names = sorted({*names, *map(_canonical, names)} - {b""}, key=len, reverse=True)
        # Not in o=: that is only a name.  Candidates and a=rtcp count as well as c=.
        self._pattern = re.compile(
            rb"\n[ca]=[^\n]*(?<![0-9A-Za-z.:\-])(?:"
            + b"|".join(map(re.escape, names))
            + rb")(?![0-9A-Za-z.\-])",
            re.IGNORECASE,
        )
        self._some = bool(names)

    def touched(self, sdp: bytes) -> bool:
        """Whether media that follows this description may pass the node."""
        return self._some and self._pattern.search(sdp) is not None
