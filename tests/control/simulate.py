"""Random schedules by the thousand: ``python tests/control/simulate.py --first 0 --count 10000``.

Prints the seeds and what happened in them; ends with 1 and the failing seeds if an invariant was
broken.  One seed again, with its events: ``python tests/control/simulate.py --seed 4711``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from invariants import Broken
from schedules import PROBES, schedule
from sim import Sim, settings

from sipfront.control.actions import ROLE_EVENTS

#: schedules of one task: so many are as good as done when one fails
CHUNK = 100

Part = tuple[int, int, Counter[str], list[str]]


def part(first: int, last: int) -> Part:
    """The schedules ``first`` to ``last - 1``: what happened, and what was broken."""
    kinds: Counter[str] = Counter()
    broken = []
    for seed in range(first, last):
        try:
            sim = schedule(seed)
        except Broken as error:
            broken.append(str(error))
            continue
        kinds.update(sim.kinds())
        kinds["steps"] += sim.steps
        kinds["cannot serve"] += sum(event.rule == "cannot serve" for _, event in sim.changes)
    return first, last, kinds, broken


def parts(first: int, count: int, processes: int) -> Iterator[Part]:
    """All schedules, in pieces, by so many processes."""
    ends = range(first, first + count, CHUNK)
    pieces = [(at, min(at + CHUNK, first + count)) for at in ends]
    if processes < 2:
        yield from (part(*piece) for piece in pieces)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(part, *zip(*pieces, strict=True))


def lossy(
    seed: int,
    loss: float,
    hours: float,
    jitter: float = 0.001,
    calls: float = 0.0,
    **what: object,
) -> Sim:
    """A pair whose packets are lost in both directions; nothing else is wrong."""
    sim = Sim(seed, settings(**what), calls=calls, chatter=calls, check=False)
    for i in range(2):
        sim.change(i, loss_to=loss, loss_from=loss, jitter=jitter)
    sim.run(hours * 3600.0)
    return sim


def troubles(sim: Sim) -> list[str]:
    """Events that loss alone must not lead to."""
    wrong = ROLE_EVENTS | {"down", "kept", "moving"}
    return [event.sentence for event in sim.events if event.kind in wrong]


def nights() -> int:
    """A day of loss, and a night of loss and jitter, on a moved clock."""
    bad = 0
    for name, hours, jitter, probes in (("day", 24.0, 0.001, ()), ("night", 12.0, 0.2, PROBES[1])):
        sim = lossy(1, 0.05, hours, jitter, probes=probes)
        found = troubles(sim)
        bad += len(found)
        print(
            f"a {name} ({hours:g} h) with 5 % lost each way and up to {1000 * jitter:.0f} ms of "
            f"jitter: {sim.sent} OPTIONS, {len(sim.outcomes[0])} probe calls a node, "
            f"{len(found)} failovers or verdicts",
            flush=True,
        )
    return bad


def again(seed: int) -> int:
    """Run one schedule and show it."""
    made: list[Sim] = []
    code = 0
    try:
        schedule(seed, made.append)
    except Broken as error:
        print(error)
        code = 1
    sim = made[0]
    print(f"seed {seed}: {sim.settings}")
    for event in sim.events:
        print(f"{event.at - 1000:9.3f}  {event.kind:<11} {event.node:<6} {event.sentence}")
    return code


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="run this one and show it")
    parser.add_argument("--nights", action="store_true", help="a day and a night of loss as well")
    args = parser.parse_args()
    if args.seed is not None:
        return again(args.seed)
    begun, total, broken = time.monotonic(), Counter[str](), []
    for first, last, kinds, found in parts(args.first, args.count, args.processes):
        total += kinds
        broken += found
        for text in found:
            print(text)
        if (last - args.first) % 1000 == 0:
            print(f"seeds {args.first} to {last - 1}: {len(broken)} broken", flush=True)
        del first
    took = time.monotonic() - begun
    print(f"{args.count} schedules from seed {args.first} in {took:.0f} s: {dict(total)}")
    print(f"{len(broken)} broke an invariant")
    lost = nights() if args.nights else 0
    return 1 if broken or lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
