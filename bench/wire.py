"""How long a datagram stays in what it passes through, by the kernel's own time stamps.

A packet socket with a ring in shared memory (``TPACKET_V3``) sees every UDP datagram of the
loopback at the moment in which it is sent; nobody reads the ring before a run is over, so that
looking costs the run nothing but the kernel's copy.  A datagram that goes to an address and the
one that leaves it again with the same Call-ID, CSeq and start line are one message, and the time
between them is what the program at that address added: waiting in its socket, and work.  Needs
root.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ETH_P_ALL = 0x0003
SOL_PACKET, SO_ATTACH_FILTER = 263, 26
RX_RING, STATISTICS, VERSION, IGNORE_OUTGOING = 5, 6, 10, 23
TPACKET_V3 = 2
#: Octets of one block of the ring, and milliseconds after which one that is not full is closed.
BLOCK, CLOSED_AFTER = 1 << 20, 60
#: Only IPv4 with UDP inside passes, whole (classic BPF: code, jump true, jump false, value).
FILTER = ((0x28, 0, 0, 12), (0x15, 0, 3, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 1, 17))
PASS, DROP = (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0)


class WireError(Exception):
    """The packet socket cannot be had."""


class Seen(NamedTuple):
    """One datagram."""

    at: int  #: nanoseconds
    source: str
    target: str
    data: bytes


@dataclass(frozen=True)
class Delays:
    """What the messages of a run were delayed by, in seconds, least first."""

    all: list[float]
    lost: int  #: came in and never went out: absorbed or answered on the spot

    def at(self, share: float) -> float:
        """The delay that this share of all messages did not exceed."""
        return percentile(self.all, share)


class Wire:
    """Records the UDP datagrams of the loopback while it is entered."""

    def __init__(self, megabytes: int) -> None:
        self.size = max(1, megabytes)
        self._socket: socket.socket | None = None
        self._ring: mmap.mmap | None = None
        self.unseen = 0  #: what came after the ring was full

    def __enter__(self) -> Self:
        try:
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError:
            raise WireError("time stamps of packets need root") from None
        words = (*FILTER, PASS, DROP)
        code = b"".join(struct.pack("HBBI", *word) for word in words)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(words), ctypes.addressof(buffer))
        tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        tap.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)  # on loopback each is seen twice otherwise
        tap.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
        frames = BLOCK // 2048 * self.size
        request = struct.pack("7I", BLOCK, self.size, 2048, frames, CLOSED_AFTER, 0, 0)
        tap.setsockopt(SOL_PACKET, RX_RING, request)
        self._ring = mmap.mmap(tap.fileno(), BLOCK * self.size)
        tap.bind(("lo", ETH_P_ALL))
        self._socket = tap
        return self

    def __exit__(self, *_: object) -> None:
        if self._ring is not None:
            self._ring.close()
        if self._socket is not None:
            self._socket.close()
        self._ring = self._socket = None

    def seen(self) -> list[Seen]:
        """Everything so far, in order, until the ring was full."""
        assert self._ring is not None
        assert self._socket is not None
        counts = self._socket.getsockopt(SOL_PACKET, STATISTICS, 12)
        self.unseen += struct.unpack("3I", counts)[1]
        blocks = [self._ring[n * BLOCK : (n + 1) * BLOCK] for n in range(self.size)]
        return sorted(one for block in blocks for one in read(block))


def read(block: bytes) -> Iterator[Seen]:
    """The datagrams of one block of the ring, if the kernel has closed it."""
    status, count, at = struct.unpack_from("3I", block, 8)
    for _ in range(count if status & 1 else 0):
        following, seconds, nano, kept = struct.unpack_from("4I", block, at)
        begun = at + struct.unpack_from("H", block, at + 24)[0]
        if found := datagram(seconds * 1_000_000_000 + nano, block[begun : begun + kept]):
            yield found
        at += following


def datagram(at: int, frame: bytes) -> Seen | None:
    """What an Ethernet frame carries; None for what is not a SIP message over UDP and IPv4."""
    head = 14 + (frame[14] & 0x0F) * 4
    size = struct.unpack_from("!H", frame, head + 4)[0]
    data = frame[head + 8 : head + size]
    if not data.strip(b"\r\n\0"):
        return None
    source, target = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
    return Seen(at, source, target, data)


def name(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """What a message keeps on its way: Call-ID, CSeq, and method or status."""
    first = data[:11] if data.startswith(b"SIP/2.0 ") else data.partition(b" ")[0]
    call_id, cseq = line(data, b"\r\nCall-ID:"), line(data, b"\r\nCSeq:")
    return (call_id, cseq, first) if call_id and cseq else None


def line(data: bytes, begin: bytes) -> bytes:
    """The value of a header in its long form."""
    at = data.find(begin)
    if at < 0:
        return b""
    at += len(begin)
    return data[at : data.find(b"\r", at)].strip()


def delays(seen: Iterable[Seen], address: str) -> Delays:
    """How long each message stayed at an address; what it sends of its own is left out.

    What was sent again counts once: from its first arrival to its first departure.
    """
    arrived: dict[tuple[bytes, bytes, bytes], int] = {}
    gone: set[tuple[bytes, bytes, bytes]] = set()
    found = []
    for one in seen:
        if address not in (one.source, one.target) or (key := name(one.data)) is None:
            continue
        if one.target == address:
            arrived.setdefault(key, one.at)
        elif key in arrived and key not in gone:
            gone.add(key)
            found.append((one.at - arrived[key]) / 1e9)
    return Delays(sorted(found), len(arrived) - len(gone))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed; 0 of nothing."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered) - 1e-9) - 1))]
