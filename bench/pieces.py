"""What is measured of one message: scan, match, edit, and whole calls through the engine.

``python -m bench.pieces time`` and ``... count PIECE N`` run in a process of their own, so that a
build of the front can be chosen by the path; :mod:`bench.messages` starts them.  The reference is
a fixed loop of plain Python, which no build changes: figures divided by it compare between runs
on one machine that is more or less busy.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import TYPE_CHECKING

from bench.world import Call, World, register
from sipfront.sip.message import Message, scan
from sipfront.sip.uri import Uri
from sipfront.stack import forward
from sipfront.stack.matching import server_key, top_via, way_back

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Does its work so many times.
    Piece = Callable[[int], None]

#: Seconds of one sample, and how many there are of each piece.
SAMPLE = 0.08
SAMPLES = 9
#: Longer than any timer of a transaction over UDP, seconds.
ALL_TIMERS = 40.0
#: Simulated seconds between two calls or registrations.
APART = 0.002
#: Repetitions after which Python has specialised its instructions.
WARM_UP = 40
TOKEN = b"n00000000000000000000000000000000"


def reference(count: int) -> None:
    """The fixed loop: octets searched, cut, looked up and joined, as a proxy does all day.

    Never change it: every committed ratio is one to this loop.
    """
    line = b"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK776asdhds;rport\r\n" * 12
    names = {b"Via": 1, b"From": 2, b"To": 3}
    for _ in range(count):
        at = total = 0
        parts = []
        while True:
            end = line.find(b"\r\n", at)
            if end < 0:
                break
            colon = line.find(b":", at, end)
            total += names.get(line[at:colon], 0)
            value = line[colon + 2 : end]
            if value[-1] == 116:
                parts.append(value.partition(b";")[0])
            at = end + 2
        b",".join(parts)


def invite() -> tuple[World, bytes]:
    """An INVITE of a telephone, and the world in which it was sent."""
    world = World()
    return world, Call(1, world.phone(1)).invite()


def scanning() -> Piece:
    """Scan that INVITE."""
    _, data = invite()

    def run(count: int) -> None:
        for _ in range(count):
            scan(data)

    return run


def matching() -> Piece:
    """Find its transaction (there is none) and the way back of its answers."""
    world, data = invite()
    message = scan(data)
    flow, flows, known = world.phone(1), world.flows, dict.fromkeys([b"a", b"b"], 1)

    def run(count: int) -> None:
        for _ in range(count):
            via = top_via(message)
            known.get(server_key(message, via, flow, b"INVITE"))
            way_back(message, via, flow, flows)

    return run


def editing() -> Piece:
    """Forward it: Request-URI, Via, Max-Forwards, and the Contact hidden."""
    world, data = invite()
    message: Message = scan(data)
    listener = world.nodes[0].listener
    via = listener.via + b";branch=z9hG4bK0000000000000000;rport"

    def hide(uri: bytes) -> bytes:
        return forward.hidden(Uri.parse(uri), listener, TOKEN)

    def run(count: int) -> None:
        for _ in range(count):
            forward.request(message, uri=b"sip:600@10.0.0.11:5060", via=via, contact=hide)

    return run


class Calls:
    """Calls through one engine, each with all its timers."""

    def __init__(self) -> None:
        self.world = World()
        self.number = 0

    def __call__(self, count: int) -> None:
        """Set them up, end them, let all timers run out."""
        world = self.world
        for _ in range(count):
            self.number += 1
            world.wait(APART)
            world.hang_up(world.set_up(self.number, world.phone(self.number % 1000)))
        world.wait(ALL_TIMERS)


class Registrations:
    """Refreshing registrations of 500 phones."""

    def __init__(self) -> None:
        self.world = World()
        self.cseq = 0

    def __call__(self, count: int) -> None:
        """Register so often."""
        world = self.world
        for number in range(count):
            if number % 500 == 0:
                self.cseq += 1
            world.wait(APART)
            world.register(number % 500, world.phone(number % 500), self.cseq)
        world.wait(ALL_TIMERS)


class Options:
    """OPTIONS to the front itself."""

    def __init__(self) -> None:
        self.world = World()
        self.number = 0

    def __call__(self, count: int) -> None:
        """Ask so often."""
        world = self.world
        for _ in range(count):
            self.number += 1
            world.wait(APART)
            flow = world.phone(self.number % 500)
            data = register(self.number, flow, 1).replace(b"REGISTER", b"OPTIONS")
            world.hear(data.replace(b"sip:example.com SIP", b"sip:192.0.2.10:5060 SIP", 1), flow)
        world.wait(ALL_TIMERS)


#: Name to what makes it, and how often it is done when instructions are counted.
PIECES: dict[str, tuple[Callable[[], Piece], int]] = {
    "scan": (scanning, 400),
    "match": (matching, 400),
    "edit": (editing, 400),
    "engine: call": (Calls, 60),
    "engine: REGISTER": (Registrations, 100),
    "engine: OPTIONS": (Options, 100),
}
REFERENCE = "reference loop"
NOTHING = "nothing"


def settle() -> None:
    """Collect garbage as rarely as the running front does."""
    from sipfront.runtime.app import GC  # imports half of the world, slowly under callgrind

    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC)


def timed(sample: float = SAMPLE, samples: int = SAMPLES) -> dict[str, list[float]]:
    """Seconds of processor time for one of each piece, sampled in turns with the reference."""
    pieces: dict[str, Piece] = {REFERENCE: reference}
    pieces |= {name: make() for name, (make, _) in PIECES.items()}
    counts = {}
    for name, piece in pieces.items():
        piece(20)
        taken, count = 0.0, 20
        while taken < sample / 4:
            count *= 2
            taken = once(piece, count)
        counts[name] = max(1, int(count * sample / taken))
    settle()
    found: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(samples):
        for name, piece in pieces.items():
            found[name].append(once(piece, counts[name]) / counts[name])
    return found


def once(piece: Piece, count: int) -> float:
    """Seconds of processor time for ``count`` of a piece."""
    begun = time.process_time()
    piece(count)
    return time.process_time() - begun


def main(words: list[str]) -> None:
    """``time`` [SECONDS SAMPLES], or ``count`` PIECE N (to be run under an instruction counter)."""
    if words[0] == "time":
        sample, samples = (float(words[1]), int(words[2])) if words[1:] else (SAMPLE, SAMPLES)
        print(json.dumps(timed(sample, samples)))
        return
    # Everything is made and warmed up whatever is counted, so that one run without any piece is
    # what all others are compared with.
    pieces: dict[str, Piece] = {REFERENCE: reference}
    pieces |= {name: make() for name, (make, _) in PIECES.items()}
    gc.disable()
    for piece in pieces.values():
        piece(WARM_UP)
    if words[1] != NOTHING:
        pieces[words[1]](int(words[2]))


if __name__ == "__main__":
    main(sys.argv[1:])
