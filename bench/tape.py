"""What it costs to remember every message for ``sipfront trace``: ``python -m bench.tape``.

Whole calls go through the engine as in :mod:`bench.pieces`; the messages of each are handed to a
tape as the driver does it, with the bounds held as often as the running front holds them.  Both are
measured in turns, so that a busy machine changes both.
"""

from __future__ import annotations

import json
import statistics
import sys

from bench import pieces
from sipfront.config.tracing import Trace
from sipfront.runtime.tape import Tape

#: Messages of one call that pass the front: INVITE, 180, 200, ACK, BYE, 200, each in and out.
MESSAGES = 12
#: Messages between two looks at the bounds: 20 a second at 5,000 messages a second.
TURN = 250
SAMPLES = 15
CALLS, ADDED = 300, 30_000


def taping() -> pieces.Piece:
    """Hand messages to a tape that is full: the octets are there anyway, each its own object."""
    world, data = pieces.invite()
    flow = world.phone(1)
    tape = Tape(Trace())
    kept = [bytes(bytearray(data)) for _ in range(1000)]
    now = [0.0]

    def run(count: int) -> None:
        at = now[0]
        held = tape
        for number in range(count):
            at += 0.0002
            if held is not None:  # as the driver asks
                held.add((at, flow, kept[number % 1000], False))
            if number % TURN == 0:
                held.turn(at)
        now[0] = at

    run(100_000)
    return run


def measured() -> dict[str, float]:
    """Microseconds: one message, the messages of a call, and a call through the engine."""
    calls, tape = pieces.Calls(), taping()
    calls(CALLS)
    pieces.settle()
    took = [
        (pieces.once(calls, CALLS) / CALLS, pieces.once(tape, ADDED) / ADDED)
        for _ in range(SAMPLES)
    ]
    call = statistics.median(one for one, _ in took)
    message = statistics.median(one for _, one in took)
    return {
        "message_us": round(1e6 * message, 3),
        "call_us": round(1e6 * MESSAGES * message, 2),
        "engine_call_us": round(1e6 * call, 1),
        "share_percent": round(100 * MESSAGES * message / call, 2),
    }


if __name__ == "__main__":
    found = measured()
    if "--json" in sys.argv[1:]:
        print(json.dumps(found))
    else:
        print(
            f"{found['message_us']:.2f} us a message, {found['call_us']:.1f} us a call; "
            f"the engine needs {found['engine_call_us']:.0f} us for one: "
            f"{found['share_percent']:.1f} % more"
        )
