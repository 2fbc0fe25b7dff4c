"""How many REGISTERs reach a node in a second, and which of them first.

A registrar that restarts meets all its phones at once; what it then drops, they all send again.  So
REGISTERs wait here for their turn: what answers a challenge first (nonces live for 32 s), then
phones that come for the first time or have changed, then refreshes, then what must be sent again
because it was not answered (most of it is only late, and would be one more in the node's way), then
what the front itself has to tell the node.  Calls never wait.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The rate is kept over slices of this length, seconds: no longer burst than that, and therefore
#: never more than the rate in any second.
SLICE = 0.1
#: A node may see them closer together than they were sent, by a twentieth of a second.
SLACK = 1.05


class Turn(IntEnum):
    """Who comes first."""

    PROOF = 0  # a phone's answer to a challenge
    OWN_PROOF = 1  # ours
    CHANGED = 2  # a phone that is new, or different
    REFRESH = 3
    AGAIN = 4  # not answered yet
    OWN_SOON = 5  # the active node lacks it
    OWN = 6  # the standby's turn, refreshes, removals


class Waiting(Protocol):
    """What waits for its turn."""

    def go(self, now: float) -> bool:
        """Its turn has come; False when nothing was sent after all."""


class Bucket:
    """A rate that is never exceeded: so many in a slice, the slice beginning anywhere."""

    __slots__ = ("_length", "_sent")

    def __init__(self, rate: float) -> None:
        count = max(1, int(rate * SLICE))
        self._length = SLACK * count / rate
        self._sent: deque[float] = deque(maxlen=count)

    def at(self) -> float:
        """When the next one may go, at the earliest."""
        if len(self._sent) < (self._sent.maxlen or 0):
            return 0.0
        return self._sent[0] + self._length

    def spent(self, now: float) -> None:
        """One went."""
        self._sent.append(now)


class Queue:
    """The REGISTERs that wait for one node."""

    __slots__ = ("_turns", "bucket")

    def __init__(self, rate: float) -> None:
        self.bucket = Bucket(rate)
        self._turns: tuple[deque[Waiting], ...] = tuple(deque() for _ in Turn)

    def put(self, what: Waiting, turn: Turn) -> None:
        """Let it wait."""
        self._turns[turn].append(what)

    def free(self, now: float) -> bool:
        """Whether one may go at once: nobody waits, and the rate allows it."""
        return not any(self._turns) and self.bucket.at() <= now

    def waiting(self, turns: Sequence[Turn] = tuple(Turn)) -> int:
        """How many wait."""
        return sum(len(self._turns[turn]) for turn in turns)

    def next_deadline(self) -> float | None:
        """When the next one may go; None when nobody waits."""
        return self.bucket.at() if any(self._turns) else None

    def drain(self, now: float) -> None:
        """Let go whose turn it is."""
        for turn in self._turns:
            while turn and self.bucket.at() <= now:
                if turn.popleft().go(now):
                    self.bucket.spent(now)
            if turn:
                return
