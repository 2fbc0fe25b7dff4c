"""What the monitor tells: events with their evidence, the roles when they have changed, alarms.

It decides nothing; it only knows what was told already.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from sipfront.control.actions import ROLE_EVENTS, Do, Event, Roles
from sipfront.control.evidence import OfNode, gather
from sipfront.control.verdict import NEVER, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sipfront.control.decision import View
    from sipfront.control.journal import Journal
    from sipfront.control.pair import Pair
    from sipfront.control.roles import Book
    from sipfront.control.settings import Settings

#: events that ``history`` keeps; the runtime's store keeps more
HISTORY: Final = 64
#: how much evidence from before the trouble an event carries
BEFORE: Final = 1.0
#: evidence of deeper probes is older: they are asked seconds apart
BEFORE_DEEP: Final = 30.0

#: verdicts that are stored with what they rest on
_WITH_EVIDENCE = ROLE_EVENTS | {"down", "overloaded", "unknown", "lost", "veto", "kept", "verdict"}


class Teller:
    """The news of one monitor."""

    __slots__ = ("_book", "_pair", "_s", "_told", "alarm_at", "history", "journal", "out")

    def __init__(self, settings: Settings, pair: Pair, book: Book) -> None:
        self._s = settings
        self._pair = pair
        self._book = book
        self._told: tuple[object, ...] = ()
        #: when the alarm is to be repeated; None: there is none
        self.alarm_at: float | None = None
        self.history: deque[Event] = deque(maxlen=HISTORY)
        self.out: list[Do] = []
        #: what led to each moment, where it is kept
        self.journal: Journal | None = None

    def take(self) -> list[Do]:
        """What is to be done, in order; each action is handed out once."""
        out, self.out = self.out, []
        return out

    def event(
        self,
        now: float,
        kind: str,
        sentence: str,
        node: int | None = None,
        view: View | None = None,
        rule: str = "",
    ) -> None:
        """Something that a person may want to know."""
        evidence: tuple[OfNode, ...] = ()
        if kind in _WITH_EVIDENCE:
            evidence = gather((w.ring for w in self._pair.watches), self._since(now))
        name = "" if node is None else self._s.nodes[node]
        took = None
        if view is not None and view.active is not None:
            began = self._trouble(view.active)
            took = now - began if now >= began > NEVER else None
        case = None
        if kind in ROLE_EVENTS and self.journal is not None and not self.journal.off:
            case = self.journal.case(self._s)
        event = Event(
            now, kind, self._book.epoch, sentence, evidence, name, view, rule or kind, took, case
        )
        self.out.append(event)
        self.history.append(event)

    def _trouble(self, node: int) -> float:
        """Since when something was wrong with the node that is left; NEVER if nothing was."""
        watch = self._pair.watches[node]
        if watch.reach is State.DOWN:
            return watch.trouble
        return self._book.answers[node].bad_since()

    def _since(self, now: float) -> float:
        """Since when anything that matters now has been going on, a little earlier."""
        if any(answers.cannot for answers in self._book.answers):
            return now - BEFORE_DEEP
        recent = now - self._s.rescue_after
        starts: Iterable[float] = (max(w.began(), w.trouble) for w in self._pair.watches)
        return min((at for at in starts if at > recent), default=now) - BEFORE

    def roles(self, view: View, reasons: list[str]) -> None:
        """Push the roles if anything about them has changed."""
        states = tuple(node.state for node in view.nodes)
        standings = tuple(node.standing for node in view.nodes)
        ready = tuple(node.ready for node in view.nodes)
        lost = tuple(watch.certain for watch in self._pair.watches)
        told = (view.epoch, view.active, standings, states, ready, lost)
        if told == self._told:
            return
        self._told = told
        if not reasons:
            reasons = [node.why for node in view.nodes if node.state is not State.UP]
        why = "; ".join(reasons) or "all nodes are UP"
        self.out.append(Roles(view.epoch, view.active, standings, states, ready, why, lost))

    def alarm(self, view: View) -> bool:
        """No ready standby is an alarm of its own, repeated until mended; true if one was told."""
        now, every = view.now, self._s.alarm_every
        redundant, alarming, sentence = self._book.redundancy(view)
        if redundant or not alarming:
            mended = self.alarm_at is not None
            self.alarm_at = None
            if mended:
                self.event(now, "mended", f"redundant: {sentence}")
            return mended
        if self.alarm_at is None and now < self._book.settled:
            return False  # the first answers are still on their way
        if self.alarm_at is None or now >= self.alarm_at:
            first = self.alarm_at is None
            self.alarm_at = now + every
            self.event(now, "alarm", f"redundant: {sentence}")
            return first
        return False
