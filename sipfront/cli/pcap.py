"""Writes SIP messages as a capture file that every tool reads: pcap, raw IP, nanoseconds left out.

The messages are in clear whatever they went by: those of UDP as one datagram each, those of TCP,
TLS and WebSocket as a TCP stream without encryption.  Ports at which readers expect TLS are written
as 5060, so that they look for SIP there; addresses and all other ports are the real ones.

Format: the classic pcap file (draft-ietf-opsawg-pcap), link type 101 (raw IP); RFC 791, RFC 8200,
RFC 768, RFC 9293.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC, RAW = 0xA1B2C3D4, 101
#: The largest packet that a reader must take.
SNAP = 65_535
#: Octets of a stream in one packet: a message is seen whole where it can be.
SEGMENT = 60_000
#: Readers look for TLS here and would not find it.
TLS_PORTS = {5061: 5060, 443: 5060, 8443: 5060}
UDP, TCP = 17, 6
_PSH_ACK = 0x18

Place = tuple[str, int]


class Packet(NamedTuple):
    """One message on its way."""

    at: float  #: seconds since the epoch of Unix
    source: Place
    target: Place
    stream: bool  #: TCP, TLS or WebSocket
    data: bytes


def place(text: str) -> Place:
    """``127.0.0.1:5060`` or ``[::1]:5060``.  Raises ValueError."""
    host, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def written(packets: Iterable[Packet]) -> Iterator[bytes]:
    """The file, piece by piece."""
    yield struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, SNAP, RAW)
    sent: dict[tuple[Place, Place], int] = {}
    for packet in packets:
        source, target = packet.source, packet.target
        if not packet.stream:
            yield _record(packet.at, _ip(source, target, UDP, _udp(source, target, packet.data)))
            continue
        source, target = _plain(source), _plain(target)
        for at in range(0, len(packet.data), SEGMENT):
            data = packet.data[at : at + SEGMENT]
            there, back = sent.get((source, target), 1), sent.get((target, source), 1)
            sent[source, target] = (there + len(data)) & 0xFFFFFFFF
            segment = _tcp(source, target, there, back, data)
            yield _record(packet.at, _ip(source, target, TCP, segment))


def _plain(where: Place) -> Place:
    return where[0], TLS_PORTS.get(where[1], where[1])


def _record(at: float, data: bytes) -> bytes:
    whole = round(at * 1_000_000)
    size = len(data)
    return struct.pack("<IIII", whole // 1_000_000, whole % 1_000_000, size, size) + data


def _ip(source: Place, target: Place, protocol: int, payload: bytes) -> bytes:
    one, other = _address(source), _address(target)
    if len(one) == 16:
        return struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64) + one + other + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + one + other
    return head[:10] + struct.pack("!H", _sum(head)) + head[12:] + payload


def _udp(source: Place, target: Place, data: bytes) -> bytes:
    # What is too long for a datagram never was one; it is shown as far as it fits.
    data = data[: SNAP - 48]
    head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
    check = _sum(_pseudo(source, target, UDP, 8 + len(data)) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", check) + data


def _tcp(source: Place, target: Place, there: int, back: int, data: bytes) -> bytes:
    head = struct.pack(
        "!HHIIBBHHH", source[1], target[1], there, back, 0x50, _PSH_ACK, 65_535, 0, 0
    )
    check = _sum(_pseudo(source, target, TCP, 20 + len(data)) + head + data)
    return head[:16] + struct.pack("!H", check) + head[18:] + data


def _pseudo(source: Place, target: Place, protocol: int, size: int) -> bytes:
    return _address(source) + _address(target) + struct.pack("!II", size, protocol)


def _address(where: Place) -> bytes:
    return ipaddress.ip_address(where[0]).packed


def _sum(data: bytes) -> int:
    """The checksum of the internet (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
