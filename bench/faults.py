"""Faults under load, on a real Asterisk pair: what the people outside would have seen.

``python -m bench faults kill`` starts two Asterisks, the front and SIPp on both sides in a network
namespace of their own, lets calls run, does the fault in the middle, and prints when the roles
changed and how much later each new call was set up.
"""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.lab import Lab
from bench.report import KINDS_OF_CHANGE, Ladder, Report, Written, judge_calls
from bench.sides import sides
from tests.lab.leaks import leaks

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.sipp.outcome import Stats
    from tests.lab.capture import Packet

FAULTS = (
    *("kill", "freeze", "blackhole", "storm", "flap", "slow"),
    *("stun", "switchover", "restart", "front", "loss", "none"),
)
#: Faults that the cable does: they need the wiring with a relay.
OF_THE_CABLE = ("loss", "blackhole", "slow")
#: An idle front needs a moment to know what its nodes usually do.
SETTLE = 3.0
#: How long a stunned node is stopped: a virtual machine of which a snapshot is taken.
STUN = 3.0
#: A call must be up before a stun and still be up well after it.
STUN_HOLD = 8.0
#: A node that flaps: how often it goes, and for how long it is away and back each time.
FLAPS, FLAP = 4, 1.2
#: How much later everything goes to a slow node, and comes from it, seconds.
SLOW = 0.25
#: What a node in a storm does with every call: 34, congestion, which is a 503 (RFC 3398 7.2.4.1).
STORM = "dialplan add extension _X.,1,Hangup(34) into {} replace"
#: Where calls come from on the node, by the side that they go to.
CONTEXTS = {"extension": "from-carrier", "trunk": "phones"}
#: After a switch-over, requests that were already on their way may still reach the old node.
GRACE = 0.1
#: A call in set-up when the front was killed, and never taken up again, is closed after 40 s; all
#: others within 50 ms.
WRITTEN = 60.0
#: Counters of the front that tell the story of a fault.
WORDS = ("hedged", "parked", "moved", "suspected", "late", "overflowed", "no answer", "refused")


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    fault: str
    target: str = "extension"  #: or "trunk"
    rate: float = 20.0
    seconds: float = 60.0
    hold: float = 0.0  #: seconds that a call lasts; 0: what suits the fault
    ring: int = 0  #: ms that the called party rings
    wiring: str = "loopback"
    icmp: bool = True
    loss: float = 0.05  #: of each packet, each way, in the lossy wiring
    keep: Path | None = None  #: where packets and logs are left
    against: str = ""  #: "kamailio": run it in the front's place

    @property
    def length(self) -> float:
        """Seconds that a call lasts."""
        return self.hold or (STUN_HOLD if self.fault in ("stun", "switchover") else 1.0)


async def run(plan: Plan, progress: Callable[[str], None] | None = None, **changes: Any) -> Report:
    """One run; ``changes`` replace sections of the front's configuration."""
    report = Report(plan.fault, plan.target, plan.rate, plan.seconds, plan.length)
    report.wiring = plan.wiring + ("" if plan.icmp else ", ICMP dropped")
    with tempfile.TemporaryDirectory(prefix="sipfront-faults-") as name:
        async with _lab(Path(name), plan, changes) as lab:
            report.what = lab.front.NAME if plan.against else "sipfront"
            await lab.register()
            await _load(plan, lab, report, progress)
    return report


def _lab(folder: Path, plan: Plan, changes: dict[str, Any]) -> Lab:
    if plan.against:
        from bench.kamailio import KamailioLab

        return KamailioLab(folder, plan.wiring, icmp=plan.icmp)
    return Lab(folder, plan.wiring, icmp=plan.icmp, **changes)


async def _load(
    plan: Plan, lab: Lab, report: Report, progress: Callable[[str], None] | None
) -> None:
    called, caller = sides(plan, lab)
    begun, since = time.monotonic(), time.time()

    def look(stats: Stats) -> None:
        if progress is not None:
            progress(
                f"{time.monotonic() - begun:.0f} of {plan.seconds + plan.length:.0f} s: "
                f"{stats.created} calls, {stats.up} up, {stats.failed} failed"
            )

    await asyncio.sleep(SETTLE)
    if lab.relay is not None and plan.fault == "loss":
        lab.relay.do(f"loss {plan.loss}")
    async with lab.start(called), lab.start(caller, look) as calls:
        await asyncio.sleep(0.5 if plan.fault == "loss" else plan.seconds / 2)
        active = (await lab.front.status())["active"]
        report.fault_at = time.time()
        await _inflict(plan, lab, active, report)
        result = await calls.wait()
    report.outcome = str(result)
    judge_calls(report, result.calls, result.failed)
    report.notes += [f"active at the fault: {active}"]
    if lab.relay is not None:
        report.relay = lab.relay.do("loss 0")
    await _explain(lab, report)
    if not plan.against:
        report.written = await _written(lab, report.made, since)
    packets = lab.packets()
    if plan.keep is not None:
        keep(plan.keep, lab, packets)
    ladder = Ladder(packets, {lab.address, lab.inside.split(":")[0]}, lab.addresses)
    report.first_packet_at = ladder.first_to(active, report.fault_at)
    if (last := ladder.last_given(active, report.fault_at)) is not None:
        report.last_to_it = last - report.fault_at
    ladder.judge(report)
    report.early_byes = ladder.early(plan.length, report.fault_at)
    if plan.fault == "switchover":
        report.strays = ladder.owners(active, report.fault_at, GRACE)
    if plan.wiring == "loopback" and not plan.against:
        report.leaks = leaks(packets)
    report.served = {node.name: answered(node.records()) for node in lab.nodes}


async def _inflict(plan: Plan, lab: Lab, name: str, report: Report) -> None:
    active = lab.node(name)
    if plan.fault == "kill":
        active.kill()
    elif plan.fault == "freeze":
        active.freeze()
    elif plan.fault == "stun":
        active.freeze()
        await asyncio.sleep(STUN)
        active.thaw()
    elif plan.fault == "restart":
        active.kill()
        await lab.start_node(active)
        report.notes.append(f"{name} was back after {time.time() - report.fault_at:.1f} s")
    elif plan.fault == "front":
        lab.front.kill()
        took = await lab.front.start()
        report.notes.append(f"the front was back after {took:.2f} s")
    elif plan.fault == "blackhole":
        _cable(lab, f"away {active.ip}")
    elif plan.fault == "slow":
        _cable(lab, f"slow {active.ip} {SLOW}")
    elif plan.fault == "storm":
        report.notes.append(await active.cli(STORM.format(CONTEXTS[plan.target])))
    elif plan.fault == "flap":
        for _ in range(FLAPS):
            active.freeze()
            await asyncio.sleep(FLAP)
            active.thaw()
            await asyncio.sleep(FLAP)
    elif plan.fault == "switchover":
        answer = await lab.front.switchover(force=True)
        report.notes.append(
            f"answered in {1000 * (time.time() - report.fault_at):.0f} ms: {answer}"
        )


def _cable(lab: Lab, command: str) -> None:
    if lab.relay is None:
        raise ValueError("there is no relay in this wiring: --wiring lossy")
    lab.relay.do(command)


async def _explain(lab: Lab, report: Report) -> None:
    """What the front itself tells."""
    for event in await lab.front.events():
        at = float(event.get("at", 0.0))
        if at < report.fault_at - 0.5:
            continue
        kind = str(event.get("event", event.get("kind")))
        report.events.append(
            f"{1000 * (at - report.fault_at):+.0f} ms {kind}: {event.get('text', '')}"
        )
        if kind in KINDS_OF_CHANGE:
            report.changes += 1
            if report.decided_at is None:
                report.decided_at = at
    for line in (await lab.front.metrics()).splitlines():
        if not line.startswith("#") and any(word in line for word in WORDS):
            label, _, value = line.rpartition(" ")
            found = label.partition('what="')[2].partition('"')[0]
            report.counters[found or label] = float(value)
    for line in lab.front.log_end(100000).splitlines():
        if " error " in line:
            report.notes.append(line[:300])


async def _written(lab: Lab, made: int, since: float) -> Written:
    """What the front wrote down of the calls of the load; the last of it is a moment late."""
    ends = time.monotonic() + WRITTEN
    while True:
        written = Written.of(await lab.front.records(since))
        if (written.calls >= made and not written.open) or time.monotonic() > ends:
            return written
        await asyncio.sleep(0.2)


def answered(records: list[str]) -> int:
    """How many of a node's call records are of answered calls between two parties."""
    return sum(1 for row in csv.reader(records) if len(row) > 14 and row[14] == "ANSWERED")


def keep(folder: Path, lab: Lab, packets: list[Packet]) -> None:
    """Leave what a human needs to understand a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "packets.txt").open("w") as out:
        for packet in packets:
            out.write(f"#### {packet}\n{packet.data.decode(errors='replace')}\n")
    (folder / "ladder.txt").write_text("".join(f"{packet}\n" for packet in packets))
    (folder / "front.log").write_text(lab.front.log_end(1_000_000))
    for node in lab.nodes:
        (folder / f"{node.name}.log").write_text(node.log_end(1_000_000))


def against(plan: Plan, other: str) -> Plan:
    """The same plan with another proxy in the front's place."""
    return dataclasses.replace(plan, against=other)


def show(text: str) -> None:
    """Progress: one line that is overwritten on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r  {text:<76}", end="", file=sys.stderr, flush=True)
