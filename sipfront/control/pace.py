"""How long a node usually takes to answer, and what follows for when silence is worth noticing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sipfront.control.settings import Settings

#: the soonest at which silence is worth a burst: a LAN node answers in 5 ms, a busy one in 50
SOON: Final = 0.1
#: the latest: seven sends still fit into 1 s after it
LATE: Final = 0.3
#: how long each send must have been out before it counts as unanswered, at most
GRACE: Final = 0.2
#: an answer later than this was asleep, and says nothing about how fast the node is awake
ASLEEP: Final = 5.0
#: answers over which the base forgets: half an hour at two a second
LONG: Final = 4096


class Pace:
    """The smoothed time of answers (RFC 6298 section 2), with bounds of ours."""

    __slots__ = ("_n", "_s", "_var", "base", "grace", "late", "quick", "usual")

    def __init__(self, settings: Settings) -> None:
        self._s = settings
        self._var = 0.0
        #: seconds, None before the first answer
        self.usual: float | None = None
        #: the same over many more answers: what it usually was
        self.base: float | None = None
        self._n = 0
        #: after how long the burst begins
        self.late = min(SOON, settings.timeout)
        #: after how long a send counts as unanswered
        self.grace = min(self.late, GRACE)
        #: the same when the node has refused, and a living one would answer at once
        self.quick = settings.quick

    def answered(self, took: float) -> None:
        """An answer took so long."""
        if not 0.0 <= took <= ASLEEP:
            return
        self._n = min(self._n + 1, LONG)
        self.base = took if self.base is None else self.base + (took - self.base) / self._n
        if self.usual is None:
            self.usual, self._var = took, took / 2
        else:
            self._var += (abs(self.usual - took) - self._var) / 4
            self.usual += (took - self.usual) / 8
        limit = self.usual + 4 * self._var
        self.late = min(max(limit, SOON), LATE, self._s.timeout)
        self.grace = min(self.late, GRACE)
        self.quick = min(max(limit, self._s.quick), LATE)
