"""What is left of a node that was given up is ended, a slice at a time.

Which dialogs, and in what order, says :mod:`sipfront.rescue`; how it is said to the peers, the
engine.  Here is only the pace: a BYE for each of 20,000 legs in one turn of the loop would hold up
everybody who is being served.  Imported by the runtime only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from sipfront.rescue.calls import Fate, Verdict, given_up
from sipfront.stack.dialog import CONFIRMED

if TYPE_CHECKING:
    from sipfront.stack.dialog import Leg

#: Between two slices.
PACE = 0.005
#: Calls of one slice: 20,000 are told within the second that is promised.
CALLS = 100
#: Subscriptions of one slice: their phones all come back at once with a SUBSCRIBE.
SUBSCRIPTIONS = 8


class Ending(Protocol):
    """What the engine does for it."""

    def legs_of(self, node: int) -> list[Leg]:
        """The dialogs that live on a node."""

    def end(self, leg: Leg, now: float, reason: str) -> None:
        """End one in the node's name."""


class Rescuer:
    """Verdicts that wait for their turn."""

    def __init__(self, engine: Ending) -> None:
        self._engine = engine
        self._waiting: deque[Verdict] = deque()
        self._at: float | None = None

    def give_up(self, node: int) -> None:
        """``node`` is gone for good: its dialogs are ended, beginning with the next :meth:`act`."""
        self._waiting.extend(given_up(self._engine.legs_of(node)))
        if self._waiting and self._at is None:
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
            verdict = self._waiting.popleft()
            if verdict.leg.state != CONFIRMED:
                continue  # it ended meanwhile by itself
            self._engine.end(verdict.leg, now, verdict.reason)
            left -= SUBSCRIPTIONS if verdict.fate is Fate.END else CALLS
        self._at = now + PACE if self._waiting else None
        return True
