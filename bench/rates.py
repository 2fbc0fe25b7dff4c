"""The highest rate that a subject carries cleanly, and the memory of a call that is up."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import loads, usage
from bench.calls import CLEAN, TAIL, Bench, prefer, started_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.calls import Plan
    from bench.figures import Figures
    from bench.subjects import Subject

#: The rates that are tried, calls a second: each a quarter more than the one before.
FIRST, STEP, LAST = 100.0, 1.25, 6000.0
#: A rate was kept when SIPp began at least this share of the calls in the time that it had.
KEPT = 0.97
#: Calls that are held up at once.
HELD = 3000


async def run(
    plan: Plan, progress: Callable[[str], None], *, highest: bool, memory: bool
) -> Figures:
    """What was asked for, of every subject."""
    prefer()
    with tempfile.TemporaryDirectory(prefix="sipfront-bench-") as name:
        bench = Bench(plan, Path(name), progress)
        bench.figures.verb = "rates"
        bench.figures.about["run"] = f"{plan.seconds:.0f} s at each rate, {plan.rounds} rounds"
        try:
            async with started_nodes(bench, "sipp"):
                for number in range(plan.rounds if highest else 0):
                    for subject in bench.subjects:
                        progress(f"highest rate, round {number + 1}: {subject.name}")
                        await climb(bench, subject)
                for subject in bench.subjects if memory else []:
                    progress(f"memory of a call: {subject.name}")
                    await weigh(bench, subject)
        finally:
            await bench.close()
        return bench.figures


async def climb(bench: Bench, subject: Subject) -> None:
    """Raise the rate until calls fail, something is sent again or dropped, or it is not kept."""
    plan = bench.plan
    rate, best, why = FIRST, 0.0, "the last rate that is tried"
    while rate <= LAST:
        bench.plan = dataclasses.replace(plan, rate=rate)
        count = int(rate * plan.seconds)
        drops, repeated = usage.receive_drops(), bench.repeated()
        begun = asyncio.get_running_loop().time()
        notes = await bench.send(subject, loads.CALL, count, batch=0)
        took = asyncio.get_running_loop().time() - begun
        await asyncio.sleep(1.3)
        again = notes["retransmitted"] + bench.repeated() - repeated
        if notes["failed"]:
            why = f"{notes['failed']} of {count} failed at {rate:.0f}"
        elif again > CLEAN * count:
            why = f"{again} sent again at {rate:.0f}"
        elif usage.receive_drops() > drops:
            why = f"{usage.receive_drops() - drops} dropped at {rate:.0f}"
        elif count / took < KEPT * rate * plan.seconds / (plan.seconds + 1.0):
            why = f"SIPp did not keep {rate:.0f}"
        else:
            best, rate = rate, rate * STEP
            continue
        break
    bench.plan = plan
    bench.figures.add("highest clean rate", subject.name, "calls/s", best, ended=why)


async def weigh(bench: Bench, subject: Subject) -> None:
    """Hold calls up until the transactions that began them are gone; weigh, end, weigh again."""
    plan = bench.plan
    await asyncio.sleep(TAIL)
    before = subject.memory()
    filling = HELD / plan.rate
    hold = filling + TAIL + 6.0
    agent = loads.caller(loads.CALL, subject.address, plan.rate, HELD, hold=int(1000 * hold))
    async with agent.start() as run:
        await asyncio.sleep(filling + TAIL + 3.0)
        up = run.stats.up if run.stats else 0
        held = subject.memory()
        result = await run.wait()
    if up:
        failed = result.stats.failed if result.stats else up
        bench.figures.add(
            "memory of a call up",
            subject.name,
            "octets",
            (held - before) / up,
            up=up,
            failed=failed,
        )
