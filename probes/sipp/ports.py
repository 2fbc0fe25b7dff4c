"""Which port a process has bound, asked from the kernel.

``/proc/PID/fd`` names the sockets of the process by inode, ``/proc/PID/net/udp`` and its sisters
give the local address of each inode.  Linux only, as SIPp's other conveniences here.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from pathlib import Path

_LISTEN = "0A"  # state TCP_LISTEN in /proc/net/tcp


def bound(pid: int, host: str, *, stream: bool) -> int | None:
    """The port of the first socket that ``pid`` has bound to ``host``; None when there is none.

    SIPp opens its SIP socket before its media and control sockets, and descriptors are given in
    rising order: the lowest one is the SIP socket.
    """
    descriptors = _sockets(pid)
    if not descriptors:
        return None
    address = ipaddress.ip_address(host)
    kind = ("tcp" if stream else "udp") + ("6" if address.version == 6 else "")
    ports = _local(pid, kind, _hex(address), listening=stream)
    for inode in descriptors:
        if inode in ports:
            return ports[inode]
    return None


def _sockets(pid: int) -> list[str]:
    """The inodes of the process's sockets, lowest descriptor first."""
    found: list[tuple[int, str]] = []
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []
    for name in names:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            found.append((int(name), target[8:-1]))
    return [inode for _, inode in sorted(found)]


def _local(pid: int, kind: str, address: str, *, listening: bool) -> dict[str, int]:
    """Inode to local port of all sockets of that kind with that local address."""
    made: dict[str, int] = {}
    try:
        lines = Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
    except OSError:
        return made
    for line in lines:
        cells = line.split()
        host, port = cells[1].split(":")
        if host == address and (not listening or cells[3] == _LISTEN):
            made[cells[9]] = int(port, 16)
    return made


def _hex(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as ``/proc/net`` writes it: 32-bit words in the machine's own octet order."""
    words = struct.unpack(f"={len(address.packed) // 4}I", address.packed)
    return "".join(f"{word:08X}" for word in words)
