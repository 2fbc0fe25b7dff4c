"""Verdicts: what the evidence about a node comes to, one integer per question.

The integer runs from 0 to rise + fall - 1 and the answer is good from ``rise`` on, as HAProxy does
it: one failure takes one away, a success while good restores all, a failure while bad takes all.
For *reachable* only ``rise`` counts; the burst decides the fall (:mod:`sipfront.control.watch`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

#: a time that never was
NEVER: Final = float("-inf")


class State(IntEnum):
    """What all verdicts say of a node, in one word."""

    UP = 0
    SUSPECT = 1  # being confirmed
    OVERLOADED = 2  # lives, but does not take new requests: nothing is moved
    DOWN = 3
    UNKNOWN = 4  # not heard yet, or it is the front that is cut off


class Verdict:
    """The answer to one question about one node."""

    __slots__ = ("fall", "rise", "value")

    def __init__(self, rise: int, fall: int, good: bool) -> None:
        self.rise = rise
        self.fall = fall
        self.value = rise + fall - 1 if good else 0

    @property
    def good(self) -> bool:
        """The answer."""
        return self.value >= self.rise

    def succeed(self) -> bool:
        """One good outcome; true if the answer has become good by it."""
        if self.value >= self.rise:
            self.value = self.rise + self.fall - 1
            return False
        self.value += 1
        if self.value < self.rise:
            return False
        self.value = self.rise + self.fall - 1
        return True

    def fail(self) -> bool:
        """One bad outcome; true if the answer has become bad by it."""
        if self.value < self.rise:
            self.value = 0
            return False
        self.value -= 1
        if self.value >= self.rise:
            return False
        self.value = 0
        return True

    def settle(self, good: bool) -> None:
        """Decided by something else than counting."""
        self.value = self.rise + self.fall - 1 if good else 0
