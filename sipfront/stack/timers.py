"""Timers without an entry in any heap: one queue per length, cancelled lazily.

All timers of one length fire in the order in which they were started, so a queue per length is
always sorted, and starting a timer is one append.  A timer is cancelled by changing the slot of
its owner: an entry whose deadline is no longer the owner's is dropped when its time comes.
"""

from __future__ import annotations

from collections import deque

RESEND = 0  #: timers A, E, G of RFC 3261 17 and the 100 Trying of a server transaction
UNTIL = 1  #: all others: how long the owner may stay in its present state
_NEVER = float("inf")
#: Transactions that only linger (timers D, H, I, J, K, L, M) and requests that are given up after
#: 32 s (B, F) end a little later than they could, all of an eighth of a second at once: the front
#: need not wake up for each of them.
_COARSE = 4.0
_GRAINS = 8


class Timed:
    """What has timers: two slots with the deadlines that count, 0.0 when none runs."""

    __slots__ = ("resend_at", "until")

    def __init__(self) -> None:
        self.resend_at = 0.0
        self.until = 0.0


class Sleeper(Timed):
    """Whoever waits for a time and is no transaction."""

    __slots__ = ()

    def fired(self, now: float) -> None:
        """The time has come."""
        raise NotImplementedError


class Timers:
    """The queues.  Lengths are few (they are rounded by their users), so a look at all is cheap."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, int, Timed]]] = {}

    def start(self, owner: Timed, kind: int, length: float, now: float) -> None:
        """(Re)start the timer ``kind`` of ``owner``; a long one ends at the next grain."""
        deadline = now + length
        if length >= _COARSE:
            grain = int(deadline * _GRAINS)
            if grain < deadline * _GRAINS:
                grain += 1
            deadline = grain / _GRAINS
        if kind == RESEND:
            owner.resend_at = deadline
        else:
            owner.until = deadline
        queue = self._queues.get(length)
        if queue is None:
            queue = self._queues[length] = deque()
        queue.append((deadline, kind, owner))

    def next_deadline(self) -> float | None:
        """When :meth:`due` will have something to give, at the earliest."""
        best = _NEVER
        for queue in self._queues.values():
            while queue:
                deadline, kind, owner = queue[0]
                if (owner.resend_at if kind == RESEND else owner.until) != deadline:
                    queue.popleft()  # cancelled
                    continue
                if deadline < best:
                    best = deadline
                break
        return best if best < _NEVER else None

    def due(self, now: float) -> list[tuple[int, Timed]]:
        """The timers whose time has come, their slots cleared, in order of their deadlines."""
        fired: list[tuple[float, int, Timed]] = []
        for queue in self._queues.values():
            while queue and queue[0][0] <= now:
                entry = queue.popleft()
                deadline, kind, owner = entry
                if kind == RESEND:
                    if owner.resend_at == deadline:
                        owner.resend_at = 0.0
                        fired.append(entry)
                elif owner.until == deadline:
                    owner.until = 0.0
                    fired.append(entry)
        if len(fired) > 1:
            fired.sort(key=_deadline)
        return [(kind, owner) for _, kind, owner in fired]

    def __len__(self) -> int:
        """How many entries are queued, cancelled ones included."""
        return sum(len(queue) for queue in self._queues.values())


def _deadline(entry: tuple[float, int, Timed]) -> float:
    return entry[0]
