"""A cable that loses packets: a relay of frames between interfaces, in user space and seeded.

It runs as a process of its own, in a namespace that holds the inner ends of the cables, so both
sides keep their addresses and know nothing of it.  Only IPv4 is lost, delayed or cut: an ARP that
is lost would look like a host that is gone for a second.  Knows nothing of SIP.

``python -m bench.relay w0:w1 w2:w3`` then reads commands from stdin, one a line, and answers
each with a line of JSON: ``loss 0.05``, ``delay 0.01``, ``cut`` (all cables), ``cut 0``, ``mend``,
``away ADDRESS`` (what goes there or comes from there vanishes), ``slow ADDRESS SECONDS``,
``well ADDRESS``, ``counts``.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.spaces import Namespace


ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_VNET_HDR = 263, 15
PACKET_OUTGOING = 4
#: virtio_net_hdr, which carries an unfinished checksum from one veth to the next
VNET = 10
ROOT = Path(__file__).resolve().parents[1]


class Way:
    """One direction of one cable."""

    def __init__(self, name: str, source: socket.socket, sink: socket.socket, seed: int) -> None:
        self.name, self.source, self.sink = name, source, sink
        self.dice = random.Random(seed)
        self.passed = self.lost = self.cut_off = 0
        self.cut = False


class Forwarder:
    """The relay itself: every frame that comes in on one end goes out on the other, or not."""

    def __init__(self, cables: list[tuple[str, str]], seed: int) -> None:
        self.loss = self.delay = 0.0
        #: hosts that are slow, by so many seconds each way, or away (infinity)
        self.ill: dict[bytes, float] = {}
        self.ways: list[Way] = []
        self.waiting: list[tuple[float, int, Way, bytes]] = []
        self._count = 0
        for number, (one, other) in enumerate(cables):
            a, b = tap(one), tap(other)
            self.ways.append(Way(f"{one}>{other}", a, b, seed + 2 * number))
            self.ways.append(Way(f"{other}>{one}", b, a, seed + 2 * number + 1))

    def carry(self, way: Way) -> None:
        """Take one frame from the source of this way."""
        frame, address = way.source.recvfrom(0x20000)
        if address[2] == PACKET_OUTGOING:
            return
        if frame[VNET + 12 : VNET + 14] == b"\x08\x00":
            if way.cut:
                way.cut_off += 1
                return
            # Rolled for each packet, so that the sequence depends on the seed alone.
            if way.dice.random() < self.loss:
                way.lost += 1
                return
            delay = self.delay + (self._illness(frame) if self.ill else 0.0)
            if delay == inf:
                way.cut_off += 1
                return
            if delay:
                self._count += 1
                at = time.monotonic() + delay
                heapq.heappush(self.waiting, (at, self._count, way, frame))
                return
        self.send(way, frame)

    def _illness(self, frame: bytes) -> float:
        """How much the two hosts of an IPv4 frame are ill."""
        at = VNET + 26
        ends = frame[at : at + 4], frame[at + 4 : at + 8]
        return max(self.ill.get(end, 0.0) for end in ends)

    def send(self, way: Way, frame: bytes) -> None:
        """Put a frame on the other end."""
        try:
            way.sink.send(frame)
            way.passed += 1
        except OSError:
            way.lost += 1

    def due(self) -> float | None:
        """Send what has waited long enough; return the seconds until the next, None: nothing."""
        while self.waiting:
            left = self.waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, way, frame = heapq.heappop(self.waiting)
            self.send(way, frame)
        return None

    def obey(self, line: str) -> dict[str, Any]:
        """Carry out a command."""
        verb, *rest = line.split()
        if verb in ("loss", "delay"):
            setattr(self, verb, float(rest[0]))
        elif verb in ("away", "slow"):
            self.ill[socket.inet_aton(rest[0])] = inf if verb == "away" else float(rest[1])
        elif verb == "well":
            self.ill.pop(socket.inet_aton(rest[0]), None)
        elif verb in ("cut", "mend"):
            for number, way in enumerate(self.ways):
                if not rest or number // 2 == int(rest[0]):
                    way.cut = verb == "cut"
        return {
            way.name: {"passed": way.passed, "lost": way.lost, "cut": way.cut_off}
            for way in self.ways
        }


def tap(interface: str) -> socket.socket:
    """Return a socket that has every frame of an interface."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    tap.bind((interface, 0))
    return tap


def main(cables: list[str], seed: int = 1) -> None:
    """Forward until stdin ends."""
    pairs = []
    for cable in cables:
        one, _, other = cable.partition(":")
        pairs.append((one, other))
    forwarder = Forwarder(pairs, seed)
    poll = select.poll()
    poll.register(sys.stdin.fileno(), select.POLLIN)
    ways = {way.source.fileno(): way for way in forwarder.ways}
    for number in ways:
        poll.register(number, select.POLLIN)
    print("{}", flush=True)
    while True:
        left = forwarder.due()
        for number, _ in poll.poll(None if left is None else max(1, left * 1000)):
            if number in ways:
                forwarder.carry(ways[number])
                continue
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(forwarder.obey(line)), flush=True)


class Relay:
    """The relay process, from the side of a test."""

    def __init__(self, space: Namespace, *cables: str) -> None:
        """``space`` holds the interfaces; each cable is ``ONE:OTHER``."""
        self.space, self.cables = space, cables
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Relay:
        """Start it and wait until it forwards."""
        dying = ("setpriv", "--pdeathsig", "KILL")
        self.process = subprocess.Popen(
            [*self.space.within, *dying, sys.executable, "-m", "bench.relay", *self.cables],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._answer()
        return self

    def _answer(self) -> dict[str, dict[str, int]]:
        assert self.process is not None
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def do(self, command: str) -> dict[str, dict[str, int]]:
        """Give it a command; the answer has the counts of every way."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        return self._answer()

    def close(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


if __name__ == "__main__":
    main(sys.argv[1:])
