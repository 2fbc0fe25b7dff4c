"""No node outside, no outside address in what leads a node: looked for in what went over the wire.

Call-ID and SDP are excepted (design: message rules).  This is written against what peers receive,
with no help from the front's own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.capture import Packet, traced


@dataclass(frozen=True)
class Places:
    """Who is who in a lab: the front's hosts, the nodes' hosts, the front's inside address, and
    the addresses of phones and trunks."""

    fronts: tuple[str, ...]
    nodes: tuple[bytes, ...]
    inside: bytes
    outside: re.Pattern[bytes]


#: The lab on loopback.
LOOPBACK = Places(
    ("127.0.0.10", "::1"),
    (b"127.0.0.11", b"127.0.0.12"),
    b"127.0.0.10:5062",
    re.compile(rb"127\.0\.[1-9]\d*\.\d+|\[::1\]"),
)
#: Headers by which a node sends something: these must name the front and nothing else.
LEADING = re.compile(
    rb"(?i)^(via|v|route|record-route|contact|m|path|service-route|reply-to)\s*:(.*)$"
)


def clear_text(data: bytes) -> bytes:
    """Return a message without Call-ID and SDP."""
    head, _, body = data.partition(b"\r\n\r\n")
    head = b"\r\n".join(
        line
        for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
        if not re.match(rb"(?i)(call-id|i)\s*:", line)
    )
    sdp = re.search(rb"(?im)^(?:content-type|c)\s*:\s*application/sdp", head)
    return head + (b"" if sdp else b"\r\n\r\n" + body)


def in_outside(data: bytes, places: Places = LOOPBACK) -> list[bytes]:
    """Return what of the inside can be read in a message that a phone or trunk received."""
    text = clear_text(data)
    found = [host for host in places.nodes if re.search(re.escape(host) + rb"(?!\d)", text)]
    if places.inside in text:
        found.append(places.inside)
    if re.search(rb"(?im)^x-sipfront-", text):
        found.append(b"X-Sipfront-")
    return found


def in_inside(data: bytes, places: Places = LOOPBACK) -> list[bytes]:
    """Return the lines by which a node could reach the outside around the front."""
    head = re.sub(rb"\r\n[ \t]+", b" ", clear_text(data).split(b"\r\n\r\n")[0])
    return [
        line
        for line in head.split(b"\r\n")
        if (match := LEADING.match(line)) and places.outside.search(match[2])
    ]


def leaks(
    packets: Iterable[Packet], logs: Iterable[Path] = (), places: Places = LOOPBACK
) -> list[str]:
    """Search all packets, and the traces of phones (for TLS); return what is wrong, in words."""
    found = []
    nodes = [host.decode() for host in places.nodes]
    for packet in packets:
        if packet.source[0] not in places.fronts:
            continue
        if packet.target[0] in nodes:
            found += [f"{packet}: a node reads {line!r}" for line in in_inside(packet.data, places)]
        else:
            found += [
                f"{packet}: outside reads {word!r}" for word in in_outside(packet.data, places)
            ]
    for log in logs:
        for way, data in traced(log):
            if way == "RX" and (words := in_outside(data, places)):
                line = data.split(b"\n", 1)[0].decode(errors="replace")
                found.append(f"{log.parent.name}: {line}: outside reads {words!r}")
    return found
