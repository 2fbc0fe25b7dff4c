"""No node outside, no outside address in what leads a node: looked for in what went over the wire.

Call-ID and SDP are excepted (design: message rules).  This is written against what peers receive,
with no help from the front's own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.lab.capture import Packet, traced

NODES = (b"127.0.0.11", b"127.0.0.12")
INSIDE = b"127.0.0.10:5062"
NODE_HOSTS = tuple(host.decode() for host in NODES)
FRONT = "127.0.0.10"
#: Where phones and trunks live in the lab.
OUTSIDE = re.compile(rb"127\.0\.[1-9]\d*\.\d+")
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


def in_outside(data: bytes) -> list[bytes]:
    """Return what of the inside can be read in a message that a phone or trunk received."""
    text = clear_text(data)
    found = [host for host in NODES if re.search(re.escape(host) + rb"(?!\d)", text)]
    if INSIDE in text:
        found.append(INSIDE)
    if re.search(rb"(?im)^x-sipfront-", text):
        found.append(b"X-Sipfront-")
    return found


def in_inside(data: bytes) -> list[bytes]:
    """Return the lines by which a node could reach the outside around the front."""
    head = re.sub(rb"\r\n[ \t]+", b" ", clear_text(data).split(b"\r\n\r\n")[0])
    return [
        line
        for line in head.split(b"\r\n")
        if (match := LEADING.match(line)) and OUTSIDE.search(match[2])
    ]


def leaks(packets: Iterable[Packet], logs: Iterable[Path] = ()) -> list[str]:
    """Search all packets, and the traces of phones (for TLS); return what is wrong, in words."""
    found = []
    for packet in packets:
        if packet.source[0] != FRONT:
            continue
        if packet.target[0] in NODE_HOSTS:
            found += [f"{packet}: a node reads {line!r}" for line in in_inside(packet.data)]
        else:
            found += [f"{packet}: outside reads {word!r}" for word in in_outside(packet.data)]
    for log in logs:
        for way, data in traced(log):
            if way == "RX" and (words := in_outside(data)):
                line = data.split(b"\n", 1)[0].decode(errors="replace")
                found.append(f"{log.parent.name}: {line}: outside reads {words!r}")
    return found
