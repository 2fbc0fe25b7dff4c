"""How soon is it seen that a PBX cannot serve?  Real Asterisks with real faults, one after the other.

``python -m bench health`` starts two Asterisks whose probe account is in a PostgreSQL, the front with
its deeper probes, does one fault at a time to the active one, and prints when the front knew and when
the roles changed.  Then the fault is mended, and the next one waits until all is well again.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.ills import FAULTS, Fault
from bench.report import KINDS_OF_CHANGE
from bench.talk import Heard, Talk, together
from probes import sipp
from tests.lab.front import NODES, Front, configuration
from tests.lab.postgres import Postgres
from tests.lab.realtime import MOST_CALLS, PASSWORD, PROMPT, USER, Realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DATABASES = ("127.0.0.21", "127.0.0.22")
#: Until all probes are good again after a fault was mended.
WELL = 60.0
#: What a fault that must change nothing is given.
CALM = 10.0
#: How long a role change is waited for, whatever the target is.
PATIENCE = 30.0
#: Events that say that the front knows.
KNOWS = ("down", "verdict", "overloaded", "unknown", "lost", *KINDS_OF_CHANGE)


@dataclass
class Finding:
    """One fault, all its repetitions."""

    name: str
    target: float | None
    #: it is promised from the first refusal on, not from the fault
    refused: bool = False
    #: the roles may change or not
    free: bool = False
    known: list[float] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    #: the same from the first thing that the front could have noticed: a refusal
    noticed: list[float] = field(default_factory=list)
    #: repetitions in which the roles did not change
    stayed: int = 0
    #: what became of calls, where some were made
    heard: list[Heard] = field(default_factory=list)
    said: str = ""

    @property
    def good(self) -> bool:
        """Was the promise held every time?"""
        if not all(heard.good for heard in self.heard):
            return False
        if self.free:
            return True
        if self.target is None:
            return not self.moved
        # A kill counts from the first packet that reaches the dead process.
        times = self.noticed if self.refused else self.moved
        return not self.stayed and max(times, default=0) <= self.target

    def row(self) -> tuple[str, ...]:
        """For the table."""

        def two(times: list[float]) -> tuple[str, str]:
            if not times:
                return "-", "-"
            return f"{statistics.median(times):.2f} s", f"{max(times):.2f} s"

        promise = "no switch" if self.target is None else f"{self.target:g} s"
        if self.free:
            promise = "no call fails"
        if self.refused and self.noticed:
            promise += f" from the first refusal: at most {max(self.noticed):.3f} s"
        count = str(len(self.moved) + self.stayed)
        result = "held" if self.good else "BROKEN"
        return (
            self.name, count, *two(self.known), *two(self.moved), str(self.stayed), promise, result,
        )  # fmt: skip


HEAD = (
    "fault", "times", "known p50", "worst", "roles changed p50", "worst", "stayed", "promise", "",
)  # fmt: skip


class Stage:
    """The pair with its databases, and the front."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: list[Realtime] = []
        self.databases = [Postgres(ip) for ip in DATABASES]
        self.front: Front | None = None
        self.held: Any = None

    async def __aenter__(self) -> Self:
        try:
            first, second = self.databases
            await asyncio.to_thread(first.prepare)
            await asyncio.to_thread(second.copy, first)
            for number, (name, ip) in enumerate(NODES.items()):
                database = self.databases[number]
                await database.start()
                node = Realtime(
                    name, ip, self.folder, database=database, static=True, number=number
                )
                await node.fill()
                self.nodes.append(node)
            await asyncio.gather(*(node.start() for node in self.nodes))
            folder = self.folder / "front"
            secret = folder / "probe.secret"
            folder.mkdir(parents=True)
            secret.write_text(PASSWORD + "\n")
            self.front = Front(folder, configuration(folder, **sections(secret)))
            await self.front.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.held is not None:
            await self.release()
        if self.front is not None:
            await self.front.stop()
        for node in self.nodes:
            node.kill()
        for database in self.databases:
            database.close()

    async def well(self) -> str:
        """Wait until the pair is redundant and every probe is good; the active node's name."""
        assert self.front is not None
        ends = time.monotonic() + WELL
        while True:
            status = await self.front.status()
            outcomes = {(row["probe"], row["node"]): row["outcome"] for row in status["probes"]}
            good = len(outcomes) == 2 * len(probes()) and set(outcomes.values()) == {"good"}
            if status["redundant"] and good:
                return str(status["active"])
            if time.monotonic() > ends:
                told = "\n".join(
                    f"{row['node']} {row['probe']}: {row['text']}" for row in status["probes"]
                )
                raise RuntimeError(f"it did not become well: {status['why']}\n{told}")
            await asyncio.sleep(0.1)

    def node(self, name: str) -> Realtime:
        """The node of this name."""
        return next(node for node in self.nodes if node.name == name)

    async def occupy(self, node: Realtime) -> None:
        """Have as many calls on a node as it takes at most."""
        agent = sipp.client(
            scen_file=Path(__file__).with_name("probe_call.xml"),
            srcaddr=("127.0.0.30", None),
            destaddr=(node.ip, 5060),
            uri_username="600",
            call_count=MOST_CALLS,
            rate=50,
            pause_duration=60_000,
        )
        self.held = agent.start()
        await self.held.__aenter__()
        ends = time.monotonic() + 10
        while self.held.stats is None or self.held.stats.up < 1:
            if time.monotonic() > ends:
                break
            await asyncio.sleep(0.05)

    async def release(self) -> None:
        """End those calls."""
        held, self.held = self.held, None
        await held.__aexit__(None, None, None)
        for node in self.nodes:
            if node.process is not None:
                await node.cli("channel request hangup all")


def probes() -> list[dict[str, Any]]:
    """What the front asks in these runs; passwords are added."""
    account = {"user": USER, "password_file": ""}
    return [
        {"probe": "call", "extension": "600", "interval": "2s", "timeout": "1500ms", **account},
        {"probe": "call", "name": "prompt", "extension": PROMPT, "hear": 600, "interval": "2s"},
        {"probe": "register", "interval": "2s", "timeout": "1500ms", **account},
        {"probe": "options", "name": "dialplan", "extension": "health", "interval": "2s"},
    ]


def sections(secret: Path) -> dict[str, Any]:
    """The front's configuration beside the usual."""
    asked = [
        probe | ({"password_file": str(secret)} if "password_file" in probe else {})
        for probe in probes()
    ]
    return {
        "probes": asked,
        "failover": {"hold_down": "0s", "max_per_hour": 1000},
        "log": {"level": "debug"},
    }


# ---------------------------------------------------------------------- a run


async def run(
    names: list[str], times: int, progress: Callable[[str], None] | None = None
) -> list[Finding]:
    """Every fault so often."""
    findings = []
    with tempfile.TemporaryDirectory(prefix="sipfront-health-") as folder:
        async with Stage(Path(folder)) as stage:
            for name in names:
                fault = FAULTS[name]
                finding = Finding(fault.words, fault.target, fault.refused, fault.free)
                findings.append(finding)
                for count in range(times):
                    if progress is not None:
                        progress(f"{finding.name}: {count + 1} of {times}")
                    await _once(stage, fault, finding)
    return findings


async def _once(stage: Stage, fault: Fault, finding: Finding) -> None:
    assert stage.front is not None
    active = await stage.well()
    node = stage.node(active)
    talk = Talk(stage.front, active, fault.talk) if fault.talk else None
    if talk is not None:
        await talk.begin()
    number = max((event["id"] for event in await stage.front.events()), default=0)
    at = time.time()
    doing = asyncio.create_task(fault.do(stage, node))
    try:
        ends = time.monotonic() + (CALM if fault.target is None or fault.free else PATIENCE)
        change = None
        known = None
        while change is None and time.monotonic() < ends:
            async for event in _since(stage.front, number):
                number = event["id"]
                kind = str(event["event"])
                if known is None and kind in KNOWS and event.get("node", active) == active:
                    known = float(event["at"]) - at
                if change is None and kind in KINDS_OF_CHANGE:
                    change = float(event["at"]) - at
                    known = change if known is None else known
                    finding.said = str(event["text"])
                    if (noticed := _noticed(event, stage.nodes.index(node), change)) is not None:
                        finding.noticed.append(noticed)
            await asyncio.sleep(0.05)
    finally:
        await doing
        await fault.mend(stage, node)
        if talk is not None:
            finding.heard.append(await talk.end())
    if known is not None:
        finding.known.append(known)
    if change is None:
        finding.stayed += 1
    else:
        finding.moved.append(change)


def _noticed(event: dict[str, Any], node: int, change: float) -> float | None:
    """Seconds from the first refusal of this fault to the change of role."""
    ages = [
        -item["at"]
        for item in event["evidence"]
        if item["kind"] == "refused" and item["node"] == node
    ]
    return max((age for age in ages if age <= change), default=None)


async def _since(front: Front, number: int) -> AsyncIterator[dict[str, Any]]:
    for event in await front.events():
        if event["id"] > number:
            yield event


def lines(findings: list[Finding]) -> list[str]:
    """The table, and what the front said the last time."""
    rows = [HEAD, *(finding.row() for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    made = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [
        *made,
        *(f"{one.name}: {together(one.heard)}" for one in findings if one.heard),
        *(f"{one.name}: {one.said}" for one in findings if one.said),
    ]
