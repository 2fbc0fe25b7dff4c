"""What is left of a node that was given up is ended or kept, a slice at a time.

Which dialogs, and in what order, says :mod:`sipfront.rescue`; how it is said to the peers, the
engine.  Here is only the pace: a BYE for each of 20,000 legs in one turn of the loop would hold up
everybody who is being served.  Imported by the runtime only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from sipfront.rescue.calls import REASON, Fate, Verdict, given_up
from sipfront.stack.dialog import CONFIRMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sipfront.rescue.pairing import Feed
    from sipfront.stack.dialog import Gone, Leg

#: Between two slices.
PACE = 0.005
#: Calls of one slice: 20,000 are told within the second that is promised.
CALLS = 100
#: Subscriptions of one slice: their phones all come back at once with a SUBSCRIBE.
SUBSCRIPTIONS = 8


class Ending(Protocol):
    """What the engine does for it."""

    def live(self) -> list[Leg]:
        """The dialogs of all nodes."""

    def just_ended(self, now: float) -> Iterable[Gone]:
        """Calls that ended a moment ago."""

    def hosts(self, node: int) -> tuple[bytes, ...]:
        """The addresses of a node."""

    def end(self, leg: Leg, now: float, reason: str) -> None:
        """End one in the node's name."""

    def keep(self, leg: Leg, other: Leg, now: float) -> None:
        """Be the node's end of both from now on."""


class Rescuer:
    """Verdicts that wait for their turn."""

    def __init__(self, engine: Ending, feed: Feed | None = None) -> None:
        self._engine = engine
        self._feed = feed
        self._waiting: deque[Iterator[Verdict | None]] = deque()
        self._at: float | None = None
        #: what was done so far, by the verdict
        self.done = dict.fromkeys(Fate, 0)

    def give_up(self, node: int, now: float) -> None:
        """``node`` is gone for good: its dialogs are dealt with, beginning with the next
        :meth:`act`."""
        engine = self._engine
        live = engine.live()
        if all(leg.owner != node for leg in live):
            return
        self._waiting.append(
            given_up(node, live, engine.just_ended(now), engine.hosts(node), self._feed)
        )
        if self._at is None:
            self._at = 0.0

    def next_deadline(self) -> float | None:
        """When the next slice is due; None when nothing is left."""
        return self._at

    def act(self, now: float) -> bool:
        """Do a slice, if one is due; false if there was nothing to do."""
        if self._at is None or now < self._at:
            return False
        left = CALLS * SUBSCRIPTIONS
        while self._waiting and left > 0:
            for verdict in self._waiting[0]:
                left -= self._carry_out(verdict, now)
                if left <= 0:
                    break
            else:
                self._waiting.popleft()
        self._at = now + PACE if self._waiting else None
        return True

    def _carry_out(self, verdict: Verdict | None, now: float) -> int:
        """Do it; what it takes of a slice."""
        if verdict is None:
            return CALLS * SUBSCRIPTIONS // 2
        leg, other = verdict.leg, verdict.other
        if other is not None:
            if leg.state == other.state == CONFIRMED:
                self._engine.keep(leg, other, now)
                self.done[Fate.KEEP] += 1
                return 2 * SUBSCRIPTIONS
            leg = other if leg.state != CONFIRMED else leg  # one has hung up meanwhile
        if leg.state != CONFIRMED:
            return 0  # it ended meanwhile by itself
        self._engine.end(leg, now, verdict.reason or REASON)
        fate = Fate.END if other is not None else verdict.fate
        self.done[fate] += 1
        return SUBSCRIPTIONS if fate is Fate.END else CALLS
