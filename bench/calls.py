"""Calls, registrations and OPTIONS through the front and its peers: processor time of each.

SIPp on both sides; the front, Kamailio and the blind relays are all up at the same time, and runs
alternate between them, so that what else the machine does touches all alike.  A subject is
charged with everything that it used above its own idle, from the start of a run until the timers
of its transactions have ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench import loads, usage
from bench.builds import ROOT, builds
from bench.figures import Figures
from bench.peers import KamailioNew, KamailioOld
from bench.subjects import (
    NODES,
    PORT,
    PRIORITY,
    TLS_PORT,
    BlindC,
    BlindUvloop,
    Sipfront,
    Subject,
    SubjectError,
    prefer_session,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from bench.loads import Load
    from probes.sipp.process import Run

#: Transactions of UDP live for 64 * T1 (RFC 3261 17.2.2 timer J, RFC 6026 timer L).
TAIL = 33.0
#: Seconds over which the idle of all subjects is measured.
IDLE = 4.0
#: SIPp writes its statistics once a second.
STATS = 1.3
WARM_UP = 200
#: Retransmissions for each call above which a run is called unclean: its calls cost more than one
#: call does, because the machine was too busy or the rate too high.
CLEAN = 0.01


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    loads: tuple[str, ...] = tuple(loads.LOADS)
    subjects: tuple[str, ...] = ()  #: parts of names; none: everybody
    rate: float = 500.0
    seconds: float = 6.0
    rounds: int = 5
    tail: float = TAIL
    #: every load has subjects of its own, so that one waits for its timers while others are loaded
    spread: bool = False


@dataclass
class _Bill:
    """What a subject used since some moment."""

    at: float
    cpu: float
    load: Load
    count: int
    here: int  #: how many REGISTERs it had answered by itself before
    notes: dict[str, int] = field(default_factory=dict)


class Bench:
    """All subjects, side by side."""

    def __init__(self, plan: Plan, folder: Path, progress: Callable[[str], None]) -> None:
        self.plan, self.folder, self.progress = plan, folder, progress
        self.figures = Figures("calls", usage.machine())
        self.subjects: list[Subject] = []
        self.rows: list[list[Subject]] = []  #: the same, by load where each has its own
        self.idle: dict[Subject, float] = {}
        self._open: dict[Subject, _Bill] = {}
        self._called: list[Run] = []

    # ---- the stage ---------------------------------------------------------------------------

    def candidates(self, row: int = 0) -> list[Subject]:
        """Everybody who was asked for, each at an address of its own; ``row``: another set."""
        folder, net = self.folder, f"127.0.{10 + row}"
        made: list[Subject] = []
        for number, build in enumerate(builds()):
            made.append(Sipfront(folder, f"{net}.{20 + number}", build))
        made += [
            KamailioNew(folder, f"{net}.30", hiding=False),
            KamailioNew(folder, f"{net}.31", hiding=True),
            KamailioOld(folder, f"{net}.32", hiding=False),
            KamailioOld(folder, f"{net}.33", hiding=True),
            BlindC(folder, f"{net}.40"),
            BlindUvloop(folder, f"{net}.41"),
        ]
        wanted = self.plan.subjects
        return [one for one in made if not wanted or any(part in one.name for part in wanted)]

    async def start(self) -> None:
        """Start everybody; who cannot be here is named and left out."""
        for row in range(len(self.plan.loads) if self.plan.spread else 1):
            self.rows.append(await self._started(self.candidates(row)))
        self.figures.about["SIPp"] = sipp_version()
        self.figures.about["uvloop"] = version("uvloop")

    async def _started(self, candidates: list[Subject]) -> list[Subject]:
        there = []
        for subject in candidates:
            self.progress(f"starting {subject.name}")
            try:
                await subject.start()
            except SubjectError as error:
                await subject.stop()
                if isinstance(subject, Sipfront):
                    raise
                self.figures.remarks.append(f"{subject.name} was left out: {error}")
                continue
            self.subjects.append(subject)
            there.append(subject)
            self.figures.about[subject.name] = subject.version
        return there

    async def close(self) -> None:
        """End everybody."""
        for subject in self.subjects:
            await subject.stop()

    @contextlib.asynccontextmanager
    async def nodes(self, kind: str) -> AsyncIterator[None]:
        """Who answers behind the subjects."""
        async with contextlib.AsyncExitStack() as stack:
            if kind == "sipp":
                self._called = [
                    await stack.enter_async_context(agent.start()) for agent in loads.nodes()
                ]
            else:
                answerer = Answerer(self.folder)
                stack.push_async_callback(answerer.stop)
                await answerer.start()
            for subject in self.subjects:
                await subject.ready()
            try:
                yield
            finally:
                self._called = []

    # ---- running -----------------------------------------------------------------------------

    async def measure_idle(self) -> None:
        """What each subject uses while nobody calls."""
        self.progress("measuring what everybody uses when idle")
        before = {one: one.cpu() for one in self.subjects}
        await asyncio.sleep(IDLE)
        for subject in self.subjects:
            self.idle[subject] = (subject.cpu() - before[subject]) / IDLE

    async def load(self, *chosen: Load) -> None:
        """All rounds of a load; of several, when each has subjects of its own."""
        plan = self.plan
        count = int(plan.rate * plan.seconds)
        rows = self.rows if len(chosen) > 1 else [self.subjects]
        pairs = [
            (one, load)
            for load, row in zip(chosen, rows, strict=True)
            for one in row
            if load.transport in one.speaks
        ]
        for subject, load in pairs:
            self.progress(f"{load.name}: {subject.name} warms up")
            await self.send(subject, load, min(WARM_UP, count), batch=1)
            if load is loads.REFRESH:  # what is to be refreshed
                await self.send(subject, loads.REGISTER, count, batch=2)
        for number in range(plan.rounds):
            turn = number % max(1, len(pairs))
            for subject, load in pairs[turn:] + pairs[:turn]:
                self.progress(f"{load.name}: round {number + 1} of {plan.rounds}, {subject.name}")
                await self.settle(subject)
                # Those who were registered before everything, or somebody new in each round.
                batch = 2 if load is loads.REFRESH else 3 + number
                await self.sample(subject, load, count, batch, 2 + number)
        for subject in self.subjects:
            self.progress("the last timers run out")
            await self.settle(subject)

    async def sample(
        self, subject: Subject, load: Load, count: int, batch: int, number: int = 1
    ) -> None:
        """One run; its bill is closed by :meth:`settle`."""
        here = await answered_here(subject)
        bill = _Bill(time.monotonic(), subject.cpu(), load, count, here)
        drops = usage.receive_drops()
        repeated = self.repeated()
        self._open[subject] = bill
        bill.notes = await self.send(subject, load, count, batch, number)
        await asyncio.sleep(STATS)
        bill.notes["retransmitted"] += self.repeated() - repeated
        bill.notes["dropped"] = usage.receive_drops() - drops

    def repeated(self) -> int:
        """What the called parties have sent again so far."""
        return sum(run.stats.retransmissions for run in self._called if run.stats)

    async def send(
        self, subject: Subject, load: Load, count: int, batch: int, number: int = 1
    ) -> dict[str, int]:
        """Send ``count`` of a load; what SIPp says of it."""
        rate = self.plan.rate
        if load.transport != "udp":
            return await lightly(subject, load, rate, count)
        agent = loads.caller(load, subject.address, rate, count, batch=batch, number=number)
        result = await agent.run()
        if result.stats is None or result.stats.successful == 0:
            raise SubjectError(f"{subject.name}: no {load.name} came through: {result}")
        return {
            "failed": count - result.stats.successful,
            "retransmitted": result.stats.retransmissions,
        }

    async def settle(self, subject: Subject) -> None:
        """Close the bill of a subject's last run, once all its timers have ended."""
        bill = self._open.pop(subject, None)
        if bill is None:
            return
        ended = bill.at + self.plan.seconds + self.plan.tail
        await asyncio.sleep(max(0.0, ended - time.monotonic()))
        elapsed = time.monotonic() - bill.at
        used = subject.cpu() - bill.cpu - elapsed * self.idle[subject]
        self.figures.add(bill.load.name, subject.name, "us CPU", 1e6 * used / bill.count)
        if bill.load is loads.REFRESH and isinstance(subject, Sipfront):
            bill.notes["to_nodes"] = bill.count - (await answered_here(subject) - bill.here)
        figure = self.figures.find(bill.load.name, subject.name, "us CPU")
        assert figure is not None
        for key, value in bill.notes.items():
            figure.notes[key] = figure.notes.get(key, 0) + value
        if bill.notes["failed"] or bill.notes["retransmitted"] > CLEAN * bill.count:
            figure.notes["unclean"] = figure.notes.get("unclean", 0) + 1


async def answered_here(subject: Subject) -> int:
    """How many REGISTERs a front has answered by itself so far."""
    if not isinstance(subject, Sipfront):
        return 0
    return await asyncio.to_thread(subject.counter, "refreshes answered here")


async def lightly(subject: Subject, load: Load, rate: float, count: int) -> dict[str, int]:
    """The same by the light caller, over a stream."""
    port = PORT if load.transport == "tcp" else TLS_PORT
    words = [load.transport, subject.address, str(port), str(rate), str(count)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.light", *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        said, error = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        raise SubjectError(f"{subject.name}, {load.name}: {error.decode()[-400:]}")
    found = json.loads(said)
    if found["failed"] == count:
        raise SubjectError(f"{subject.name}: no {load.name} came through: {found}")
    return {"failed": found["failed"], "retransmitted": 0}


class Answerer(Subject):
    """The light nodes."""

    name = "the light nodes"

    def __init__(self, folder: Path, at: tuple[str, ...] = NODES) -> None:
        super().__init__(folder, at[0])
        self.nodes = at

    async def start(self) -> None:
        """Start them."""
        self.log.unlink(missing_ok=True)
        self.launch([sys.executable, "-m", "bench.answerer", str(PORT), *self.nodes], ROOT)
        await self.until(lambda: "ready" in self.log_end(), "did not start")


def prefer() -> None:
    """Let us and what we start go before what else runs here, where that is allowed.

    A sender that waits for the processor sends in bursts, and what is dropped is sent again.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(PRIORITY, os.getpriority(os.PRIO_PROCESS, 0)))
    prefer_session("self")


def sipp_version() -> str:
    """What SIPp calls itself."""
    done = subprocess.run(["sipp", "-v"], capture_output=True, text=True, check=False)
    words = [word for word in done.stdout.split() if word.startswith("v3") or word[:1] == "v"]
    return words[0].rstrip(",.") if words else "?"


async def run(plan: Plan, progress: Callable[[str], None]) -> Figures:
    """All of it."""
    prefer()
    with tempfile.TemporaryDirectory(prefix="sipfront-bench-") as name:
        bench = Bench(plan, Path(name), progress)
        bench.figures.about["run"] = (
            f"{plan.rate:.0f} a second for {plan.seconds:.0f} s, {plan.rounds} alternating rounds"
        )
        try:
            chosen = [loads.LOADS[word] for word in plan.loads]
            kinds = dict.fromkeys(load.nodes for load in chosen)
            for number, kind in enumerate(kinds):
                if number == 0:
                    async with started_nodes(bench, kind):
                        await part(bench, [load for load in chosen if load.nodes == kind])
                else:
                    async with bench.nodes(kind):
                        await part(bench, [load for load in chosen if load.nodes == kind])
        finally:
            await bench.close()
        order = {name: number for number, name in enumerate(bench.figures.about)}
        # Rounds begin with a different one each; a reader wants the same order everywhere.
        bench.figures.figures.sort(key=lambda one: order.get(one.name, 0))
        bench.figures.figures.sort(key=lambda one: [load.name for load in chosen].index(one.group))
        return bench.figures


@contextlib.asynccontextmanager
async def started_nodes(bench: Bench, kind: str) -> AsyncIterator[None]:
    """Nodes first, then the subjects before them."""
    async with bench.nodes(kind):
        await bench.start()
        await bench.measure_idle()
        yield


async def part(bench: Bench, chosen: Sequence[Load]) -> None:
    """The loads of one kind of nodes."""
    if bench.plan.spread:
        await bench.load(*chosen)
        return
    for load in chosen:
        await bench.load(load)
