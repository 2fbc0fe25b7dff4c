"""What one fault run showed, in words and as JSON.  Values only; moments are the wall clock's.

Two witnesses: SIPp's log of the callers (when was each call sent, answered, ended, by whom) and
the packets at the front's sockets (which node served which call, who was rung for which call).
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from probes.sipp.timing import CallTiming
    from tests.lab.capture import Packet

#: A set-up is called longer when it is so by more than this; SIPp and the scheduler make less.
LATER = 0.02
#: Steps of the printed distribution, in seconds.
STEPS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0)
#: A call that ended so much before its length was ended by somebody else.
EARLY = 0.3
KINDS_OF_CHANGE = ("failover", "switchover", "switch-over", "fail-back", "drain")


@dataclass
class Written:
    """The call records of a run."""

    calls: int = 0
    open: int = 0  #: not over
    ended_by: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)  #: what was done for how many

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Written:
        """Count them."""
        made = cls()
        for call in records:
            made.calls += 1
            made.open += call["end"] is None
            made.ended_by[call["ended_by"] or "-"] = (
                made.ended_by.get(call["ended_by"] or "-", 0) + 1
            )
            for word in filter(None, str(call["done"]).split(", ")):
                made.done[word] = made.done.get(word, 0) + 1
        return made

    def line(self, made: int) -> str:
        """In words."""
        ended = ", ".join(f"{count} by {who}" for who, count in sorted(self.ended_by.items()))
        done = ", ".join(f"{count} {what}" for what, count in sorted(self.done.items()))
        same = "equal" if self.calls == made and not self.open else "NOT EQUAL"
        return (
            f"  call records {self.calls}, calls made {made}: {same}; ended {ended or '-'}; "
            f"{self.open} open; {done or 'nothing was done for any'}"
        )


@dataclass
class Report:
    """One run."""

    fault: str
    target: str
    rate: float
    seconds: float
    hold: float
    what: str = "sipfront"
    wiring: str = "loopback"
    made: int = 0
    answered: int = 0
    failed: int = 0  #: calls that began after the fault (without one: any) and were not answered
    caught_failed: int = 0  #: calls that were in set-up at the fault and were never answered
    cut: int = 0  #: calls that were up and were ended by somebody else than the caller
    early_byes: int = 0  #: the same, seen at the called party
    other: int = 0  #: calls that were up and could not be ended in order
    outcome: str = ""
    fault_at: float = 0.0
    decided_at: float | None = None
    first_packet_at: float | None = None
    last_to_it: float | None = None  #: seconds after the fault that a call was last given to it
    set_ups: list[tuple[float, float]] = field(default_factory=list)  #: (started, set-up time)
    rung_twice: int = 0
    rung_again: float = 0.0  #: the longest ring that began when the caller already had an answer
    rung_both: float = 0.0  #: the longest time that two rings of one call lasted side by side
    hedged_for: float = 0.0  #: the longest time between a hedge and the end of it
    written: Written | None = None  #: what the front wrote down of the calls
    served: dict[str, int] = field(default_factory=dict)  #: records of answered calls by node
    leaks: list[str] = field(default_factory=list)  #: addresses that betray a side
    strays: list[str] = field(default_factory=list)  #: what contradicts a clean switch-over
    changes: int = 0  #: changes of role since the start of the load
    events: list[str] = field(default_factory=list)
    counters: dict[str, float] = field(default_factory=dict)
    relay: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def usual(self) -> float:
        """The median set-up time before the fault."""
        before = [
            took
            for started, took in self.set_ups
            if started < self.fault_at - 0.5 or self.fault in ("loss", "none")
        ]
        return statistics.median(before) if before else 0.0

    @property
    def extra(self) -> list[float]:
        """How much longer than usual the calls that began after the fault took, longest first."""
        usual = self.usual
        return sorted(
            (took - usual for started, took in self.set_ups if started >= self.fault_at),
            reverse=True,
        )

    @property
    def caught(self) -> list[float]:
        """The same for the calls that were being set up at the moment of the fault."""
        usual = self.usual
        return sorted(
            (
                took - usual
                for started, took in self.set_ups
                if started < self.fault_at < started + took and self.fault not in ("loss", "none")
            ),
            reverse=True,
        )

    @property
    def first_good(self) -> float | None:
        """Seconds from the fault to the first answer to a call that began after it."""
        good = [at + took for at, took in self.set_ups if at >= self.fault_at]
        return min(good) - self.fault_at if good else None

    def counted(self, word: str) -> int:
        """What the front counted under all names with this word."""
        return int(sum(value for name, value in self.counters.items() if word in name))

    @property
    def decision(self) -> tuple[float, float] | None:
        """Seconds to the decision: from the fault, and from the first packet to the dead node."""
        if self.decided_at is None:
            return None
        first = self.first_packet_at or self.fault_at
        return self.decided_at - self.fault_at, self.decided_at - first

    def histogram(self) -> list[tuple[str, int]]:
        """How many calls after the fault were later by how much."""
        extra = self.extra
        rows = []
        for low, high in zip(STEPS, [*STEPS[1:], float("inf")], strict=True):
            count = sum(1 for value in extra if (value >= low or low == 0) and value < high)
            name = f"> {1000 * low:.0f}" if high == float("inf") else f"< {1000 * high:.0f}"
            rows.append((f"{name} ms", count))
        while rows and not rows[-1][1]:
            rows.pop()
        return rows

    def as_json(self) -> dict[str, Any]:
        """Everything, with the derived figures in milliseconds."""
        hidden = ("set_ups",)
        plain = {key: value for key, value in vars(self).items() if key not in hidden}
        decision = self.decision
        return {
            **plain,
            "written": None if self.written is None else vars(self.written),
            "usual_ms": round(1000 * self.usual, 2),
            "worst_extra_ms": round(1000 * max(self.extra, default=0.0), 1),
            "first_good_ms": _milliseconds(self.first_good),
            "last_to_it_ms": _milliseconds(self.last_to_it),
            "caught_ms": [round(1000 * value, 1) for value in self.caught],
            "later": [round(1000 * value, 1) for value in self.extra if value > LATER],
            "histogram": dict(self.histogram()),
            "decision_ms": None if decision is None else [round(1000 * d, 1) for d in decision],
        }

    def lines(self) -> list[str]:
        """The report in words."""
        where = "" if self.wiring == "loopback" else f", {self.wiring}"
        load = f"{self.rate:g} calls/s for {self.seconds:g} s, each {self.hold:g} s long"
        up = f"ended by a BYE {self.cut}, lost {self.other}, called parties {self.early_byes}"
        caught = f", and {self.caught_failed} in set-up" if self.caught_failed else ""
        text = [
            f"{self.what}: {self.fault} under load, to the {self.target}{where}: {load}",
            f"  new calls {self.made}, answered {self.answered}, failed {self.failed}{caught}",
            f"  calls that were up: {up}",
        ]
        if self.failed or self.caught_failed or not self.made:
            text.append(f"  {self.outcome[:600]}")
        if self.decision is not None:
            text.append(
                f"  decision {1000 * self.decision[0]:.0f} ms after the fault, "
                f"{1000 * self.decision[1]:.0f} ms after the first packet to the dead node"
            )
        elif self.fault not in ("none", "loss"):
            text.append("  no change of role was told")
        if extra := self.extra:
            late = [value for value in extra if value > LATER]
            text.append(
                f"  set-up usually {1000 * self.usual:.1f} ms; after the fault longer by at most "
                f"{1000 * extra[0]:.0f} ms; {len(late)} calls by more than {1000 * LATER:.0f} ms"
            )
            text.append("  " + ", ".join(f"{name}: {count}" for name, count in self.histogram()))
            if late:
                text.append("  (ms) " + " ".join(f"{1000 * value:.0f}" for value in late[:40]))
        if in_set_up := self.caught:
            text.append(
                f"  calls in set-up at the fault: {len(in_set_up)}, longer by at most "
                f"{1000 * in_set_up[0]:.0f} ms"
            )
        if self.rung_twice or self.hedged_for:
            text.append(
                f"  rung twice {self.rung_twice}, side by side for {1000 * self.rung_both:.0f} ms "
                f"at most, again after the answer {1000 * self.rung_again:.0f} ms at most; "
                f"hedges lasted {1000 * self.hedged_for:.0f} ms at most"
            )
        if self.written is not None:
            text.append(self.written.line(self.made))
        if self.served:
            served = ", ".join(f"{name} {count}" for name, count in self.served.items())
            text.append(f"  answered calls in the nodes' records: {served}")
        text += [f"  leak: {leak}" for leak in self.leaks[:10]]
        text += [f"  stray: {stray}" for stray in self.strays[:10]]
        text += [f"  {note}" for note in self.notes]
        text += [f"  {name}: {counts}" for name, counts in self.relay.items()]
        text += [f"  event {event}" for event in self.events]
        text += [f"  {name} {value:g}" for name, value in sorted(self.counters.items())]
        return text


def judge_calls(report: Report, callers: Sequence[CallTiming], failed: int) -> None:
    """Take what the callers saw."""
    report.made = len(callers)
    answered = [call for call in callers if call.answered is not None]
    report.answered = len(answered)
    unanswered = [call for call in callers if call.answered is None]
    whole = report.fault in ("loss", "none")
    report.failed = sum(1 for call in unanswered if whole or call.started >= report.fault_at)
    report.caught_failed = len(unanswered) - report.failed
    report.cut = sum(1 for call in answered if call.ended is not None and not call.ended_here)
    report.other = max(0, failed - len(unanswered) - report.cut)
    report.set_ups = [(call.started, call.set_up) for call in answered if call.set_up is not None]


class Ladder:
    """The packets of a run, sorted by call."""

    def __init__(self, packets: Iterable[Packet], front: set[str], nodes: dict[str, str]) -> None:
        """``front``: its addresses; ``nodes``: name to address."""
        self.names = {address: name for name, address in nodes.items()}
        self.front = front
        #: token of our correlation header -> Call-ID of the caller
        self.callers: dict[str, str] = {}
        #: Call-ID of the caller -> (time, node) of each INVITE given to a node
        self.given: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.answered_by: dict[str, str] = {}
        self.answers: dict[str, float] = {}
        self.byes: dict[str, tuple[float, str]] = {}
        #: Call-ID of the called party's leg -> Call-ID of the caller
        self.legs: dict[str, str] = {}
        self.rings: dict[str, list[float]] = {}
        self.leg_ends: dict[str, tuple[float, bool]] = {}
        self.cancelled: dict[tuple[str, str], float] = {}
        self.to_nodes: dict[str, list[float]] = defaultdict(list)
        for packet in packets:
            self._take(packet)

    def _take(self, packet: Packet) -> None:
        source, target = packet.source[0], packet.target[0]
        call_id = packet.header("Call-ID") or ""
        method, _, rest = packet.first_line.partition(" ")
        cseq = (packet.header("CSeq") or "").partition(" ")[2]
        if source in self.front and target in self.names:
            node = self.names[target]
            self.to_nodes[node].append(packet.at)
            if method == "INVITE" and not _tagged(packet):
                if token := packet.header("X-Sipfront-Call"):
                    self.callers[token] = call_id
                if call_id not in self.legs:
                    self.given[call_id].append((packet.at, node))
            elif method == "BYE":
                self.byes.setdefault(call_id, (packet.at, node))
            elif method == "CANCEL":
                self.cancelled[call_id, node] = packet.at
        elif source in self.names and target in self.front:
            if method == "INVITE" and (token := packet.header("X-Sipfront-Call")):
                self.legs.setdefault(call_id, self.callers.get(token, token))
            elif method == "SIP/2.0" and cseq == "INVITE" and rest[:1] == "2":
                self.answered_by.setdefault(call_id, self.names[source])
                self.answers.setdefault(call_id, packet.at)
        elif source in self.front:
            if call_id in self.legs and method in ("BYE", "CANCEL"):
                self.leg_ends.setdefault(call_id, (packet.at, False))
                if method == "CANCEL" and call_id in self.rings:
                    self.rings[call_id][1] = min(self.rings[call_id][1], packet.at)
        elif target in self.front and call_id in self.legs:
            if method == "BYE":
                self.leg_ends.setdefault(call_id, (packet.at, True))
            if method != "SIP/2.0" or cseq != "INVITE":
                return
            if rest[:3] == "180":
                self.rings.setdefault(call_id, [packet.at, float("inf")])
            elif rest[:1] >= "2" and call_id in self.rings:
                self.rings[call_id][1] = min(self.rings[call_id][1], packet.at)

    def first_to(self, node: str, since: float) -> float | None:
        """The first packet to a node from then on."""
        return next((at for at in self.to_nodes[node] if at >= since), None)

    def last_given(self, node: str, since: float) -> float | None:
        """When a new call was last given to a node, after some moment, before any other node."""
        return max(
            (g[0][0] for g in self.given.values() if g[0][1] == node and g[0][0] >= since),
            default=None,
        )

    def judge(self, report: Report) -> None:
        """Who was rung twice for one call, how long, and how long hedges lasted."""
        legs: dict[str, list[str]] = defaultdict(list)
        for leg, caller in self.legs.items():
            legs[caller].append(leg)
        for caller, mine in legs.items():
            rings = [self.rings[leg] for leg in mine if leg in self.rings]
            if len(rings) < 2:
                continue
            report.rung_twice += 1
            answered = self.answers.get(caller, float("inf"))
            for index, one in enumerate(rings):
                for other in rings[index + 1 :]:
                    both = min(one[1], other[1]) - max(one[0], other[0])
                    report.rung_both = max(report.rung_both, both)
                    second = max(one, other)
                    if second[0] > answered:
                        report.rung_again = max(report.rung_again, second[1] - second[0])
        for caller, given in self.given.items():
            nodes = {node: at for at, node in reversed(given)}
            if len(nodes) < 2:
                continue
            begun = max(nodes.values())
            ends = [at for (call, _), at in self.cancelled.items() if call == caller]
            ends += [at for at in (self.answers.get(caller), report.decided_at) if at]
            lasted = min([at for at in ends if at > begun], default=begun) - begun
            report.hedged_for = max(report.hedged_for, lasted)

    def early(self, hold: float, fault_at: float) -> int:
        """How many called parties of calls that were up got a BYE before the caller's own time."""
        count = 0
        for leg, (at, theirs) in self.leg_ends.items():
            ring = self.rings.get(leg)
            if theirs or ring is None or ring[1] >= at:
                continue
            # Calls in set-up at the fault may have been moved: their first legs are not "up".
            if self.answers.get(self.legs[leg], fault_at) >= fault_at:
                continue
            count += at - ring[1] < hold - EARLY
        return count

    def owners(self, left: str, moved_at: float, grace: float) -> list[str]:
        """What contradicts "old calls end on the old node, new ones start on the new one"."""
        found = []
        for caller, given in self.given.items():
            at, _ = given[0]
            owner = self.answered_by.get(caller)
            if owner == left and at > moved_at + grace:
                found.append(f"{caller} began on {left} {1000 * (at - moved_at):.0f} ms after")
            bye = self.byes.get(caller)
            if owner and bye and bye[1] != owner:
                found.append(f"{caller} lived on {owner}, its BYE went to {bye[1]}")
        return found


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _tagged(packet: Packet) -> bool:
    return re.search(r";\s*tag=", packet.header("To") or "") is not None


def tally(texts: Iterable[str]) -> str:
    """The different ones and how often."""
    return ", ".join(f"{text} ({count})" for text, count in Counter(texts).most_common(5))
