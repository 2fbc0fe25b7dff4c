"""What binds the next decision and must be remembered over a restart of the front.

Roles and modes say how things are; this says what was done lately: hold-down and the hourly limit
count from it, and a node that was left is still to be demoted.  Values only; times on the clock
of whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from sipfront.control.verdict import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable


class Left(NamedTuple):
    """A node that was left and has not been demoted."""

    node: int
    #: the epoch that began when it was left
    epoch: int
    #: why its demote hook failed the last time, empty: it has not
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What was done lately."""

    #: the last change of role, NEVER: none is known
    last_change: float = NEVER
    #: voluntary changes of role
    voluntary: tuple[float, ...] = ()
    #: when an active that lived and could not serve was left
    unwell: tuple[float, ...] = ()
    #: who is to be demoted
    owed: tuple[Left, ...] = ()

    def moved(self, clock: Callable[[float], float]) -> Past:
        """The same on another clock."""
        return replace(
            self,
            last_change=clock(self.last_change),
            voluntary=tuple(map(clock, self.voluntary)),
            unwell=tuple(map(clock, self.unwell)),
        )
