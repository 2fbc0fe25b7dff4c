"""What is counted of decisions, for the metrics: rules, times, events, hooks.

A listener of the supervisor; it keeps numbers only.  Imported by the runtime only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sipfront.control.actions import ROLE_EVENTS
from sipfront.control.settings import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sipfront.control.evidence import HookDone
    from sipfront.control.status import NodeStatus, Status

#: Upper bounds of the buckets, seconds: a kill takes 0.05, a freeze 1, what probes find 10.
BOUNDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)

#: name, help, kind, labels, value; a histogram's value: buckets (bound, count so far), and the sum
Buckets = tuple[tuple[tuple[str, float], ...], float]
Metric = tuple[str, str, str, "Mapping[str, str]", "float | Buckets"]


class Histogram:
    """Counts of times by their length."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._sum += seconds

    def value(self) -> Buckets:
        """As the text format wants it: each bucket counts the shorter ones too."""
        total, buckets = 0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return tuple(buckets), self._sum


class Measures:
    """The numbers of one front since its start."""

    def __init__(self) -> None:
        self._rules: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._hooks: Counter[tuple[str, str]] = Counter()
        self._took = Histogram()
        self._changed = 0.0

    def event(self, entry: Mapping[str, Any]) -> None:
        """Something happened."""
        kind = str(entry.get("event"))
        self._events[kind] += 1
        if kind in ROLE_EVENTS:
            self._rules[str(entry.get("rule") or kind)] += 1
            self._changed = float(entry["at"])
            if "took" in entry:
                self._took.add(float(entry["took"]))
        elif kind == "kept":
            self._rules[str(entry.get("rule") or kind)] += 1

    def hook(self, done: HookDone) -> None:
        """A hook has ended."""
        self._hooks[done.hook, "good" if done.good else "bad"] += 1

    def metrics(self, status: Status) -> Iterator[Metric]:
        """All samples of now; samples of one name stand together."""
        for node in status.nodes:
            for question, word in verdicts(node).items():
                for answer in ("good", "bad", "unknown"):
                    labels = {"node": node.name, "question": question, "answer": answer}
                    text = "1 at the answer to each question about the node"
                    yield "sipfront_node_verdict", text, "gauge", labels, float(word == answer)
        for node in status.nodes:
            for mode in ("in-service", "drain", "maintenance"):
                text = "1 at what the operator wishes of the node"
                labels = {"node": node.name, "mode": mode}
                yield "sipfront_node_mode", text, "gauge", labels, float(node.mode == mode)
        for rule, count in sorted(self._rules.items()):
            text = "Decisions by the rule: changes of role, and a bad active that was kept"
            yield "sipfront_decisions_total", text, "counter", {"rule": rule}, count
        text = "From the first sign of trouble to the change of role"
        yield "sipfront_decision_seconds", text, "histogram", {}, self._took.value()
        text = "When a role changed last, seconds since the epoch of Unix; 0: not since the start"
        yield "sipfront_role_changed_timestamp_seconds", text, "gauge", {}, self._changed
        for kind, count in sorted(self._events.items()):
            yield "sipfront_events_total", "Events by kind", "counter", {"event": kind}, count
        for (hook, outcome), count in sorted(self._hooks.items()):
            text = "Hooks that have ended, by outcome"
            labels = {"hook": hook, "outcome": outcome}
            yield "sipfront_hooks_total", text, "counter", labels, count


def verdicts(node: NodeStatus) -> dict[str, str]:
    """The answer to every question about a node: good, bad or unknown."""
    states = {"UNKNOWN": "unknown", "DOWN": "bad"}
    found = {
        "reachable": states.get(node.state, "good"),
        # Said so that good is good: it takes new requests.
        "not overloaded": "bad" if node.state == "OVERLOADED" else states.get(node.state, "good"),
    }
    for question in QUESTIONS:
        words = [a.answer for a in node.answers if a.required and a.question == question]
        if question == "reachable":
            words.append(found["reachable"])
        if words:
            found[question] = next((w for w in ("bad", "unknown") if w in words), "good")
    found["takeover"] = "good" if node.ready else "bad"
    return found


def grounds(node: NodeStatus) -> dict[str, str]:
    """What each of these verdicts rests on, in a few words."""
    heard = "never heard" if node.heard_ms is None else f"heard {ago(node.heard_ms / 1000)}"
    options = heard
    if node.answered_ms is not None:
        took = "" if node.rtt_ms is None else f" within {node.rtt_ms:.1f} ms"
        options += f", OPTIONS answered {node.status}{took} {ago(node.answered_ms / 1000)}"
    if node.state == "DOWN":
        options = node.why
    busy = node.why if node.state == "OVERLOADED" else "takes new requests"
    found = {}
    for question in verdicts(node):
        asked = [a for a in node.answers if a.required and a.question == question]
        said = [
            f"{a.probe} {a.answer}" + ("" if a.age_ms is None else f" {ago(a.age_ms / 1000)}")
            for a in asked
        ]
        if question == "reachable":
            said.insert(0, options)
        elif question == "not overloaded":
            said = [busy if node.state in ("UP", "SUSPECT", "OVERLOADED") else node.why]
        elif question == "takeover":
            said = ["it is active" if node.role == "active" and node.ready else node.why]
        found[question] = ", ".join(said)
    return found


def ago(seconds: float) -> str:
    """A time before now, as sentences say it."""
    return f"{seconds:.1f} s ago" if seconds < 60 else f"{seconds / 60:.0f} min ago"
