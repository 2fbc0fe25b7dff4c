"""One engine that holds so many bindings and calls: what they weigh, and what more costs then.

``python -m bench.held BINDINGS CALLS`` prints JSON; :mod:`bench.scale` starts it, one process for
each size, because memory that was used once is not given back.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from bench.pieces import ALL_TIMERS, APART
from bench.usage import resident
from bench.world import World
from sipfront.runtime.app import GC

#: Calls and registrations of one sample: many, beside what 100,000 bindings cost meanwhile.
COUNT = 2_000
SAMPLES = 5
#: Simulated seconds between two things that fill the engine: 100 a second, so that the memory of
#: transactions, which live for 32 s, is soon all there and used again.
SLOW = 0.01
#: More than one lifetime of transactions at that rate.
WARM_UP = 3_300


class Pauses:
    """The collections of garbage, from the interpreter's own call-backs."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0
        self._begun = 0.0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:  # noqa: ARG002 - its signature
        """The interpreter begins or ends a collection."""
        if phase == "start":
            self._begun = time.perf_counter()
        else:
            self.count += 1
            self.longest = max(self.longest, time.perf_counter() - self._begun)


def fill(world: World, bindings: int, calls: int) -> dict[str, float]:
    """Register so many phones, set up so many calls; octets of memory for each."""
    weighed = {}
    before = resident()
    for number in range(bindings):
        world.wait(SLOW)
        world.register(number, world.phone(number), WARM_UP + 1)
    world.wait(ALL_TIMERS)
    if bindings:
        weighed["binding"] = (resident() - before) / bindings
    before = resident()
    for number in range(calls):
        world.wait(SLOW)
        world.set_up(number, world.phone(number))
    world.wait(ALL_TIMERS)
    if calls:
        weighed["call"] = (resident() - before) / calls
    return weighed


def measure(bindings: int, calls: int) -> dict[str, Any]:
    """Fill an engine, then sample calls, refreshes and the longest single step."""
    world = World()
    # The code, the interpreter's own tables and the first chunks of memory are nobody's weight.
    for number in range(WARM_UP):
        world.wait(SLOW)
        world.hang_up(world.set_up(2_000_000 + number, world.phone(0)))
        world.register(0, world.phone(0), number)
    world.wait(ALL_TIMERS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC)
    pauses = Pauses()
    weighed = fill(world, bindings, calls)
    stall = [0.0]
    found: dict[str, list[float]] = {"call": [], "refresh REGISTER": []}
    number, cseq = 3_000_000, 1
    registered = max(1, bindings)
    cseq += WARM_UP
    upkeep = []
    for _ in range(SAMPLES):
        # What is held costs something by itself (looks at bindings, refreshes at the nodes), however
        # many calls there are: it is no part of a call, and is shown apart.
        begun = time.process_time()
        for _ in range(COUNT):
            step(stall, world.wait, APART)
        world.wait(ALL_TIMERS)
        idle = time.process_time() - begun
        upkeep.append(idle / (COUNT * APART + ALL_TIMERS))
        begun = time.process_time()
        for _ in range(COUNT):
            number += 1
            step(stall, world.wait, APART)
            flow = world.phone(number % registered)
            call = step(stall, world.set_up, number, flow)
            step(stall, world.hang_up, call)
        world.wait(ALL_TIMERS)
        found["call"].append((time.process_time() - begun - idle) / COUNT)
        if bindings:
            cseq += 1
            begun = time.process_time()
            for count in range(COUNT):
                who = count * registered // COUNT
                step(stall, world.wait, APART)
                world.register(who, world.phone(who), cseq)
            world.wait(ALL_TIMERS)
            took = time.process_time() - begun - idle
            found["refresh REGISTER"].append(took / COUNT)
    held = {"bindings": len(world.engine.shared.bindings), "legs": len(world.engine.shared.legs)}
    return {
        "weighed": weighed,
        "costs": found,
        "upkeep": upkeep,
        "stall": stall[0],
        "pause": pauses.longest,
        "pauses": pauses.count,
        "held": held,
    }


def step(stall: list[float], what: Any, *words: Any) -> Any:
    """Do one thing, and remember how long the longest took."""
    begun = time.perf_counter()
    made = what(*words)
    stall[0] = max(stall[0], time.perf_counter() - begun)
    return made


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
