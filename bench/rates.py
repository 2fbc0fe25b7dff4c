"""The highest rate that a subject carries cleanly, one rate for long, the memory of a call up."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import loads, usage
from bench.calls import CLEAN, STATS, TAIL, Bench, prefer, started_nodes

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


@dataclass(frozen=True)
class Wish:
    """What is to be found out of every subject."""

    highest: bool = False
    memory: bool = False
    sustain: float = 0.0  #: calls a second that are to be carried for ``lasting`` seconds; 0: none
    lasting: float = 60.0
    first: float = FIRST  #: where the search for the highest rate begins


async def run(plan: Plan, progress: Callable[[str], None], wish: Wish) -> Figures:
    """What was asked for, of every subject."""
    prefer()
    with tempfile.TemporaryDirectory(prefix="sipfront-bench-") as name:
        bench = Bench(plan, Path(name), progress)
        bench.figures.verb = "rates"
        bench.figures.about["run"] = f"{plan.seconds:.0f} s at each rate, {plan.rounds} rounds"
        try:
            async with started_nodes(bench, "sipp"):
                for number in range(plan.rounds if wish.highest else 0):
                    for subject in bench.subjects:
                        await subject.ready()
                        progress(f"highest rate, round {number + 1}: {subject.name}")
                        await climb(bench, subject, wish.first)
                for subject in bench.subjects if wish.sustain else []:
                    progress(f"{wish.sustain:.0f} calls/s for {wish.lasting:.0f} s: {subject.name}")
                    await rested(subject)
                    await sustain(bench, subject, wish.sustain, wish.lasting)
                for subject in bench.subjects if wish.memory else []:
                    progress(f"memory of a call: {subject.name}")
                    await weigh(bench, subject)
        finally:
            await bench.close()
        return bench.figures


async def rested(subject: Subject) -> None:
    """Wait until what a rate above its means left behind is over."""
    await asyncio.sleep(TAIL)
    await subject.ready()


async def sustain(bench: Bench, subject: Subject, rate: float, seconds: float) -> None:
    """One rate for long: calls that failed, and what the kernel dropped, at whom."""
    plan = bench.plan
    bench.plan = dataclasses.replace(plan, rate=rate)
    count = int(rate * seconds)
    drops, repeated = usage.receive_drops(), bench.repeated()
    own, spent = usage.socket_drops(subject.address), subject.cpu()
    begun = asyncio.get_running_loop().time()
    notes = await bench.send(subject, loads.CALL, count, batch=0)
    took = asyncio.get_running_loop().time() - begun
    await asyncio.sleep(STATS)
    bench.plan = plan
    bench.figures.add(
        f"{rate:.0f} calls/s for {seconds:.0f} s",
        subject.name,
        "calls/s reached",
        count / took,
        failed=notes["failed"],
        sent_again=notes["retransmitted"] + bench.repeated() - repeated,
        dropped_at_it=usage.socket_drops(subject.address) - own,
        dropped_anywhere=usage.receive_drops() - drops,
        core=f"{100 * (subject.cpu() - spent) / took:.0f} %",
    )


async def climb(bench: Bench, subject: Subject, first: float = FIRST) -> None:
    """Raise the rate until calls fail, something is sent again or dropped, or it is not kept."""
    plan = bench.plan
    rate, best, why = first, 0.0, "the last rate that is tried"
    while rate <= LAST:
        bench.plan = dataclasses.replace(plan, rate=rate)
        count = int(rate * plan.seconds)
        drops, repeated = usage.receive_drops(), bench.repeated()
        begun = asyncio.get_running_loop().time()
        notes = await bench.send(subject, loads.CALL, count, batch=0)
        took = asyncio.get_running_loop().time() - begun
        await asyncio.sleep(STATS)
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
