"""Faults under load, on a real Asterisk pair: what the people outside would have seen.

``python -m bench faults kill`` starts two Asterisks, the front and SIPp on both sides, lets calls
run, kills (or freezes, or stuns) the active node in the middle, and prints when the roles changed
and how much later each new call was set up.  Moments are the wall clock's.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes import sipp
from tests.lab.asterisk import Asterisk, password
from tests.lab.front import ADDRESS, CARRIER, NODES, Front, configuration

if TYPE_CHECKING:
    from probes.sipp.timing import CallTiming

PHONE = "127.0.1.1"
FAULTS = ("kill", "freeze", "stun", "switchover", "none")
#: An idle front needs a moment to know what its nodes usually do.
SETTLE = 3.0


@dataclass
class Report:
    """What one run showed."""

    fault: str
    target: str
    rate: float
    seconds: float
    made: int = 0
    failed: int = 0
    failures: str = ""
    outcome: str = ""
    fault_at: float = 0.0
    decided_at: float = 0.0
    first_packet_at: float = 0.0
    set_ups: list[tuple[float, float]] = field(default_factory=list)  #: (started, set-up time)
    events: list[str] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)

    @property
    def usual(self) -> float:
        """The median set-up time before the fault."""
        before = [took for started, took in self.set_ups if started < self.fault_at - 0.5]
        return statistics.median(before) if before else 0.0

    @property
    def extra(self) -> list[float]:
        """How much longer than usual the calls after the fault took, longest first."""
        return sorted(
            (took - self.usual for started, took in self.set_ups if started >= self.fault_at),
            reverse=True,
        )

    def lines(self) -> list[str]:
        """The report in words."""
        extra = self.extra
        text = [
            f"{self.fault} under load, to the {self.target}: {self.rate:g} calls/s "
            f"for {self.seconds:g} s",
            f"  calls made {self.made}, failed {self.failed} {self.failures}".rstrip(),
        ]
        if self.failed or not self.made:
            text.append(f"  {self.outcome}")
        if self.decided_at:
            text.append(
                f"  decision {1000 * (self.decided_at - self.fault_at):.0f} ms after the fault, "
                f"{1000 * (self.decided_at - self.first_packet_at):.0f} ms after the first packet "
                "to the dead node"
            )
        elif self.fault not in ("none", "stun"):
            text.append("  no decision")
        if extra:
            later = [value for value in extra if value > 0.02]
            text.append(
                f"  set-up usually {1000 * self.usual:.1f} ms; after the fault longer by at most "
                f"{1000 * extra[0]:.0f} ms; {len(later)} calls longer by more than 20 ms, "
                f"{len([v for v in extra if v > 0.25])} by more than 250 ms"
            )
            if later:
                text.append(
                    "  extra delays (ms): " + " ".join(f"{1000 * value:.0f}" for value in later[:40])
                )
        text += [f"  event {event}" for event in self.events]
        text += [f"  {name} {value:g}" for name, value in sorted(self.counters.items())]
        return text


class Lab:
    """The pair, the front, one phone that answers, and a carrier on both ends."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.nodes = [
            Asterisk(name, address, folder, static=True, number=index)
            for index, (name, address) in enumerate(NODES.items())
        ]
        self.front = Front(folder / "front", configuration(folder / "front", **changes))

    async def __aenter__(self) -> Lab:
        await asyncio.gather(*[node.start() for node in self.nodes])
        await self.front.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.front.stop()
        for node in self.nodes:
            node.kill()

    async def register(self, user: str = "1001", address: str = PHONE) -> None:
        """The phone registers through the front."""
        result = await sipp.client(
            scen_name="register",
            srcaddr=(address, 5060),
            destaddr=(ADDRESS, 5060),
            domain="example.com",
            users=((user, password(user)),),
            call_count=1,
            timeout=10,
        ).run()
        if not result.ok:
            raise RuntimeError(f"registration failed: {result}\n{self.front.log_end()}")


async def run(
    fault: str, target: str, rate: float, seconds: float, hold: float = 1.0
) -> Report:
    """One run; ``target`` is "extension" or "trunk"."""
    report = Report(fault, target, rate, seconds)
    with tempfile.TemporaryDirectory(prefix="sipfront-faults-") as name:
        async with Lab(Path(name)) as lab:
            await lab.register()
            if target == "extension":
                called = sipp.server(
                    scen_name="uas", srcaddr=(PHONE, 5060), ring=0, auto_answer=True
                )
                caller = sipp.client(
                    scen_name="trunk_uac", srcaddr=(CARRIER, 5060), uri_username="1001"
                )
            else:
                called = sipp.server(scen_name="uas", srcaddr=(CARRIER, 5060), auto_answer=True)
                caller = sipp.client(
                    scen_name="uac_auth",
                    srcaddr=(PHONE, 5060),
                    uri_username="9100",
                    caller="1001",
                    auth_username="1001",
                    auth_password=password("1001"),
                )
            caller = caller.but(
                destaddr=(ADDRESS, 5060),
                domain="example.com",
                rate=rate,
                call_count=int(rate * seconds),
                pause_duration=int(1000 * hold),
                timings=True,
                timeout=seconds + 15,
            )
            await asyncio.sleep(SETTLE)
            async with called.start(), caller.start() as calls:
                await asyncio.sleep(seconds / 2)
                report.fault_at = time.time()
                await _inflict(lab, fault)
                result = await calls.wait()
            report.outcome = str(result)
            report.made = result.stats.created if result.stats else 0
            report.failed = result.failed
            report.failures = ", ".join(
                f"{kind} {count}"
                for kind, count in (result.stats.failures if result.stats else {}).items()
            )
            _measure(report, result.calls)
            await _explain(report, lab)
    return report


async def _inflict(lab: Lab, fault: str) -> None:
    active = lab.nodes[0]
    if fault == "kill":
        active.kill()
    elif fault == "freeze":
        active.freeze()
    elif fault == "stun":
        active.freeze()
        await asyncio.sleep(3.0)
        active.thaw()
    elif fault == "switchover":
        answer = await lab.front.switchover()
        print(f"  {answer}")


def _measure(report: Report, calls: tuple[CallTiming, ...]) -> None:
    report.set_ups = [(call.started, call.set_up) for call in calls if call.set_up is not None]
    after = [call.started for call in calls if call.started >= report.fault_at]
    report.first_packet_at = min(after, default=report.fault_at)


async def _explain(report: Report, lab: Lab) -> None:
    for event in await lab.front.events():
        at = float(event.get("at", 0.0))
        if at >= report.fault_at - 0.5:
            report.events.append(
                f"{1000 * (at - report.fault_at):+.0f} ms {event.get('event', event.get('kind'))}: "
                f"{event.get('text', event.get('sentence', ''))}"
            )
            if event.get("event", event.get("kind")) in ("failover", "switchover"):
                report.decided_at = report.decided_at or at
    for line in (await lab.front.metrics()).splitlines():
        for word in ("hedged", "parked", "moved", "suspected", "late", "overflowed", "no answer"):
            if word in line and not line.startswith("#"):
                label, _, value = line.rpartition(" ")
                report.counters[label] = float(value)
