"""What the admin side asks about decisions: why, why not, what if, and the stored cases.

Plain values, made on the loop; replaying a case takes some milliseconds and is done by whoever
asks, in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.control import explain, replay
from sipfront.control.actions import ROLE_EVENTS
from sipfront.control.codec import decode
from sipfront.control.decision import Action, View, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sipfront.control.monitor import Monitor
    from sipfront.runtime.chronicle import Chronicle
    from sipfront.runtime.supervisor import Supervisor


class Decisions:
    """Questions about what was decided, and what would be."""

    def __init__(self, monitor: Monitor, supervisor: Supervisor, chronicle: Chronicle) -> None:
        self._monitor = monitor
        self._supervisor = supervisor
        self._chronicle = chronicle

    def explain(self, epoch: int | None) -> dict[str, Any] | None:
        """The change of role that began ``epoch`` (None: the last one), what it rests on, and what
        would have changed it; None when nothing is known (any more) of it."""
        changes = [e for e in self._supervisor.events if e.get("event") in ROLE_EVENTS]
        if epoch is not None:
            changes = [event for event in changes if event.get("epoch") == epoch]
        if not changes:
            return None
        event = changes[-1]
        told = {
            "event": event,
            "rule": event.get("rule", ""),
            "because": explain.RULES.get(str(event.get("rule")), ""),
            "would_change": [],
            "replay": False,
            **self._now(),
        }
        case = self._chronicle.case(int(event["epoch"]))
        if case is not None:
            told["replay"] = True
            view = _view(case.get("view"))
            if view is not None:
                told["would_change"] = explain.would_change(view)
        return told

    def _now(self) -> dict[str, Any]:
        view = self._monitor.view()
        decision = decide(view)
        return {
            "now": decision.sentence,
            "now_rule": decision.rule,
            "now_because": explain.RULES.get(decision.rule, ""),
            "now_would_change": explain.would_change(view),
            "redundant": self._monitor.redundancy()[1],
        }

    def why_not(self, node: str) -> dict[str, Any]:
        """What ``node`` needs to become active, point by point; raises ValueError."""
        checks, answer = explain.why_not(self._monitor.view(), node)
        return {
            "node": node,
            "ready": all(check.good for check in checks),
            "checks": [check._asdict() for check in checks],
            "answer": answer,
        }

    def what_if(self, changes: Mapping[str, str]) -> dict[str, Any]:
        """What would be decided if nodes were in another state; raises ValueError."""
        view = self._monitor.view()
        then = explain.what_if(view, changes)
        moves = then.action is Action.MOVE and then.target is not None
        return {
            "assumed": dict(changes),
            "answer": then.sentence,
            "rule": then.rule,
            "because": explain.RULES.get(then.rule, ""),
            "active": view.nodes[then.target].name if moves and then.target is not None else None,
            "now": decide(view).sentence,
        }

    def case(self, epoch: int) -> dict[str, Any] | None:
        """The file of a change of role."""
        return self._chronicle.case(epoch)

    def replay(self, case: dict[str, Any]) -> dict[str, Any]:
        """Decide a case again; raises ValueError.  Takes milliseconds, touches nothing."""
        return replayed(case)


def replayed(case: object, **other: object) -> dict[str, Any]:
    """What deciding a stored case again came to; raises ValueError."""
    found, answer = replay.read(case)
    done = replay.run(found, answer, **other)
    return {
        "same": done.same,
        "stored": answer._asdict(),
        "again": None if done.again is None else done.again._asdict(),
        "entries": len(found.entries),
        "events": [
            {"at": round(event.at - answer.at, 6), "event": event.kind, "text": event.sentence}
            for event in done.events
        ],
    }


def _view(stored: object) -> View | None:
    try:
        view = decode(stored)
    except (ValueError, TypeError, KeyError):
        return None
    return view if isinstance(view, View) else None
