"""The front with a town in its memory: what a call costs then, and how much later it arrives.

A front that holds 100,000 bindings and 10,000 calls, an empty one, and the blind relay in C stand
before the same light nodes; runs alternate between them.  The bindings came by REGISTER, then the
front was started again, so that its memory is that of bindings and not of the rush that brought
them.  Delays are the kernel's (:mod:`bench.wire`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import loads
from bench.builds import builds
from bench.calls import STATS, TAIL, Answerer, Bench, prefer
from bench.subjects import BlindC, Sipfront, SubjectError
from bench.wire import Wire, delays

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bench.calls import Plan
    from bench.figures import Figures
    from bench.loads import Load
    from bench.subjects import Subject

BINDINGS, CALLS = 100_000, 10_000
#: Light nodes at addresses that SIPp's called parties do not use.
NODES = ("127.0.10.13", "127.0.10.14")
#: A second: how fast the bindings come, and the calls that stay up.
COMING, CALLING = 1_000, 300
#: Share of the phones that may fail to register: the rush is not what is measured.
ABSENT = 0.02
#: Seconds that the calls stay up: longer than any run.
UP = 3_000
#: Megabytes of the ring: some 20 s at 1,000 calls/s.
RING = 192
DELAY = "added delay of a message"
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
#: What the two SDPs of a held call measure, octets: SIPp's and the light node's.
SDP = 2 * 190


class Held(Sipfront):
    """A front whose phones stay for an hour."""

    nodes = NODES

    def __init__(self, folder: Path, address: str, build: Any, held: str = "") -> None:
        super().__init__(folder, address, build)
        self.name += f", {held}" if held else ", empty"
        self.holds = bool(held)

    def config(self) -> dict[str, Any]:
        """Its configuration."""
        made = super().config()
        made["registrations"] |= {"phone_expiry": "3600s", "lan_expiry": "3600s"}
        return made


class Laden(Bench):
    """The stage."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        progress: Callable[[str], None],
        bindings: int = BINDINGS,
        calls: int = CALLS,
    ) -> None:
        super().__init__(plan, folder, progress)
        self.bindings, self.calls = bindings, calls
        self.there = bindings  #: how many phones did register

    def candidates(self, row: int = 0) -> list[Subject]:  # noqa: ARG002 - there is one set
        """An empty front, a full one, the floor."""
        build = builds()[-1]
        held = f"{self.bindings:,} bindings, {self.calls:,} calls up"
        blind = BlindC(self.folder, "127.0.10.52")
        blind.nodes = NODES
        return [
            Held(self.folder, "127.0.10.50", build),
            Held(self.folder, "127.0.10.51", build, held),
            blind,
        ]

    def laden(self) -> Held:
        """The full one."""
        return next(one for one in self.subjects if isinstance(one, Held) and one.holds)

    async def load_up(self) -> None:
        """Register the phones, start again, set up the calls; weigh."""
        subject = self.laden()
        await asyncio.sleep(1.0)
        empty = subject.memory()
        await self.register(subject)
        await subject.stop()
        await subject.start()
        await asyncio.sleep(1.0)
        weight = (subject.memory() - empty) / self.there
        self.figures.add("memory of a binding, after a restart", subject.name, "octets", weight)

    async def register(self, subject: Held) -> None:
        """All phones."""
        self.progress(f"{self.bindings:,} phones register, {COMING} a second")
        plan = dataclasses.replace(self.plan, rate=COMING)
        self.plan, kept = plan, self.plan
        try:
            notes = await self.send(subject, loads.REGISTER, self.bindings, batch=0)
        finally:
            self.plan = kept
        self.there = self.bindings - notes["failed"]
        if notes["failed"] > ABSENT * self.bindings:
            raise SubjectError(f"{notes['failed']} of {self.bindings} phones did not register")

    @contextlib.asynccontextmanager
    async def calls_up(self) -> AsyncIterator[None]:
        """The calls that stay up."""
        subject = self.laden()
        before = subject.memory()
        agent = loads.caller(loads.CALL, subject.address, CALLING, self.calls, hold=UP * 1000)
        async with agent.start() as run:
            for _ in range(int(2 * self.calls / CALLING) + 20):
                up = run.stats.up if run.stats else 0
                self.progress(f"{up:,} of {self.calls:,} calls are up")
                if up >= self.calls:
                    break
                await asyncio.sleep(1.0)
            else:
                raise SubjectError(f"only {up} of {self.calls} calls came up")
            self.progress("the timers of their transactions run out")
            await asyncio.sleep(TAIL)
            weight = (subject.memory() - before) / self.calls
            self.figures.add("memory of a call up, with its rush", subject.name, "octets", weight)
            yield

    async def send(
        self, subject: Subject, load: Load, count: int, batch: int, number: int = 1
    ) -> dict[str, int]:
        """As ever, with the ring open while calls are counted."""
        if load is not loads.CALL or batch < 2:
            return await super().send(subject, load, count, batch, number)
        with Wire(RING) as wire:
            notes = await super().send(subject, load, count, batch, number)
            await asyncio.sleep(STATS)
            found = await asyncio.to_thread(lambda: delays(wire.seen(), subject.address))
        for word, share in SHARES.items():
            self.figures.add(f"{DELAY}, {word}", subject.name, "ms", 1e3 * found.at(share))
        self.figures.add(
            f"{DELAY}, longest",
            subject.name,
            "ms",
            1e3 * found.at(1.0),
            messages=len(found.all),
            unseen=wire.unseen,
        )
        return notes


async def run(
    plan: Plan,
    progress: Callable[[str], None],
    bindings: int = BINDINGS,
    calls: int = CALLS,
) -> Figures:
    """All of it."""
    prefer()
    with tempfile.TemporaryDirectory(prefix="sipfront-bench-") as name:
        bench = Laden(plan, Path(name), progress, bindings, calls)
        bench.figures.verb = "laden"
        bench.figures.about["run"] = (
            f"{plan.rate:.0f} calls/s for {plan.seconds:.0f} s, {plan.rounds} alternating rounds"
        )
        nodes = Answerer(Path(name), NODES)
        try:
            await nodes.start()
            await bench.start()
            await bench.load_up()
            async with bench.calls_up():
                await bench.measure_idle()
                await bench.load(loads.CALL)
        finally:
            await bench.close()
            await nodes.stop()
        order = {one.name: number for number, one in enumerate(bench.subjects)}
        bench.figures.figures.sort(key=lambda one: order.get(one.name, 0))
        return bench.figures
