"""What really went over the wires: SIP messages seen at the sockets of this machine.

A thread reads an AF_PACKET socket (loopback by default) through a filter in the kernel that lets
only the SIP ports pass, so that audio costs nothing.  UDP datagrams are messages; TCP is put in
order and cut by Content-Length.  TLS cannot be read here: the phones' own traces have it
(:func:`traced`).  Needs root; imports nothing of sipfront, whose mistakes it is to find.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
PORTS = (5060, 5061, 5062)
UDP, TCP = 17, 6


@dataclass(frozen=True)
class Packet:
    """One SIP message at a socket; ``at`` is the kernel's time, as of time.time()."""

    at: float
    transport: str
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes

    @property
    def first_line(self) -> str:
        """The start line."""
        return self.data.split(b"\r\n", 1)[0].decode(errors="replace")

    @property
    def head(self) -> bytes:
        """Start line and headers."""
        return self.data.split(b"\r\n\r\n", 1)[0]

    def header(self, name: str) -> str | None:
        """Return the first value of a header, long form only, None when there is none."""
        found = re.search(
            rb"(?im)^" + re.escape(name.encode()) + rb"\s*:[ \t]*(.*?)\r?$", self.head
        )
        return found[1].decode(errors="replace") if found else None

    def __str__(self) -> str:
        way = f"{self.source[0]}:{self.source[1]} -> {self.target[0]}:{self.target[1]}"
        return f"{self.at:.4f} {self.transport} {way} {self.first_line}"


@dataclass
class _Stream:
    """One direction of a TCP connection."""

    expected: int | None = None
    waiting: dict[int, bytes] = field(default_factory=dict)
    data: bytes = b""

    def add(self, sequence: int, syn: bool, payload: bytes) -> None:
        if syn:
            self.expected = (sequence + 1) & 0xFFFFFFFF
            self.waiting.clear()
            self.data = b""
            return
        if not payload:
            return
        if self.expected is None:
            self.expected = sequence
        self.waiting[sequence] = payload
        while self.expected in self.waiting:
            piece = self.waiting.pop(self.expected)
            self.data += piece
            self.expected = (self.expected + len(piece)) & 0xFFFFFFFF

    def messages(self) -> Iterator[bytes]:
        while True:
            self.data = self.data.lstrip(b"\r\n")
            head, separator, rest = self.data.partition(b"\r\n\r\n")
            if not separator:
                return
            found = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            size = len(head) + 4 + length
            yield self.data[:size]
            self.data = self.data[size:]


class Capture:
    """Record from ``start`` to ``stop`` (a context manager); ``""`` is every interface."""

    def __init__(self, interface: str = "lo", ports: Iterable[int] = PORTS) -> None:
        self.interface = interface
        self.ports = tuple(ports)
        self.packets: list[Packet] = []
        self.refusals: list[tuple[float, str]] = []
        self._streams: dict[tuple[str, int, str, int], _Stream] = {}
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self) -> Capture:
        """Begin to record."""
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        code = _filter(self.ports)
        import ctypes

        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HL", len(code) // 8, ctypes.addressof(buffer))
        tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        if self.interface:
            tap.bind((self.interface, 0))
        tap.settimeout(0.1)
        self._socket = tap
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop recording; what was recorded stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        tap = self._socket
        assert tap is not None
        # What is still in the socket's buffer belongs to the record; what comes later does not.
        ends: float | None = None
        while ends is None or time.monotonic() < ends:
            if ends is None and self._stop.is_set():
                ends = time.monotonic() + 1.0
            try:
                frame, ancillary, _, address = tap.recvmsg(70000, 64)
            except TimeoutError:
                if self._stop.is_set():
                    return
                continue
            # On loopback each packet is seen leaving and coming: one of both is enough.
            if address[2] == PACKET_OUTGOING and self.interface == "lo":
                continue
            at = 0.0
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data[:16])
                    at = seconds + nanoseconds / 1e9
            self._frame(at, frame)

    def _frame(self, at: float, frame: bytes) -> None:
        if frame[12:14] == b"\x08\x00":
            head = 14 + (frame[14] & 0x0F) * 4
            protocol = frame[23]
            length = struct.unpack_from("!H", frame, 16)[0]
            source, target = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
            frame = frame[: 14 + length]
        else:
            head, protocol = 54, frame[20]
            source = socket.inet_ntop(socket.AF_INET6, frame[22:38])
            target = socket.inet_ntop(socket.AF_INET6, frame[38:54])
        from_port, to_port = struct.unpack_from("!HH", frame, head)
        if protocol == UDP:
            data = frame[head + 8 :]
            if data.strip(b"\r\n\0"):
                self._add(at, "UDP", (source, from_port), (target, to_port), data)
            return
        sequence = struct.unpack_from("!I", frame, head + 4)[0]
        start = head + (frame[head + 12] >> 4) * 4
        stream = self._streams.setdefault((source, from_port, target, to_port), _Stream())
        stream.add(sequence, bool(frame[head + 13] & 2), frame[start:])
        if 5061 in (from_port, to_port):
            stream.data = b""
            return
        for message in stream.messages():
            self._add(at, "TCP", (source, from_port), (target, to_port), message)

    def _add(
        self,
        at: float,
        transport: str,
        source: tuple[str, int],
        target: tuple[str, int],
        data: bytes,
    ) -> None:
        self.packets.append(Packet(at, transport, source, target, data))

    def find(
        self,
        *,
        source: str | None = None,
        target: str | None = None,
        call_id: str | None = None,
        start: str = "",
    ) -> list[Packet]:
        """Return the messages between these hosts, of this call, whose first line begins so."""
        return [
            packet
            for packet in list(self.packets)
            if (source is None or packet.source[0] == source)
            and (target is None or packet.target[0] == target)
            and (call_id is None or packet.header("Call-ID") == call_id)
            and packet.first_line.startswith(start)
        ]

    def ladder(self, call_id: str | None = None) -> str:
        """Return the story of a call, or of everything, one line a message."""
        return "\n".join(str(packet) for packet in self.find(call_id=call_id))

    def save(self, path: Path) -> None:
        """Write everything as text."""
        with path.open("w") as out:
            for packet in list(self.packets):
                out.write(f"#### {packet}\n{packet.data.decode(errors='replace')}\n")


def _filter(ports: tuple[int, ...]) -> bytes:
    """Return the kernel's filter: UDP or TCP, IPv4 or IPv6, one of the ports on either side."""
    ldh, ldb, ldx_msh, ldh_x, jeq, ja, ret = 0x28, 0x30, 0xB1, 0x48, 0x15, 0x05, 0x06
    ldx_imm = 0x01
    # Jumps are by label here and become offsets at the end.
    code: list[tuple[int, str | None, str | None, int]] = [
        (ldh, None, None, 12),
        (jeq, "v4", None, 0x0800),
        (jeq, None, "drop", 0x86DD),
        (ldb, None, None, 20),
        (jeq, "v6", None, UDP),
        (jeq, "v6", "drop", TCP),
    ]
    labels = {"v6": len(code)}
    code += [(ldx_imm, None, None, 40), (ja, "ports", None, 0)]
    labels["v4"] = len(code)
    code += [
        (ldb, None, None, 23),
        (jeq, "v4ports", None, UDP),
        (jeq, None, "drop", TCP),
    ]
    labels["v4ports"] = len(code)
    code += [(ldx_msh, None, None, 14)]
    labels["ports"] = len(code)
    for offset in (14, 16):
        code.append((ldh_x, None, None, offset))
        code += [(jeq, "take", None, port) for port in ports]
    labels["drop"] = len(code)
    code.append((ret, None, None, 0))
    labels["take"] = len(code)
    code.append((ret, None, None, 0x40000))
    packed = b""
    for at, (op, yes, no, value) in enumerate(code):
        if op == ja:
            packed += struct.pack("HBBI", op, 0, 0, labels[str(yes)] - at - 1)
        else:
            to_yes = labels[yes] - at - 1 if yes else 0
            to_no = labels[no] - at - 1 if no else 0
            packed += struct.pack("HBBI", op, to_yes, to_no, value)
    return packed


def traced(log: Path) -> list[tuple[str, bytes]]:
    """Return the messages in a phone's own log as (``TX`` or ``RX``, octets): TLS included.

    Understands PJSIP's log at level 5 and baresip's SIP trace (which has no direction: ``??``).
    """
    text = log.read_bytes()
    found = [
        (match[1].decode(), match[2])
        for match in re.finditer(rb" (TX|RX) \d+ bytes [^\n]*:\n((?:.|\n)*?)\n--end msg--", text)
    ]
    found += [
        ("??", match[1])
        for match in re.finditer(rb"\n(?:UDP|TCP|TLS) \S+ -> \S+\n((?:.|\n)*?)\x1b\[;m", text)
    ]
    return found
