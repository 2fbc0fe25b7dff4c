"""How many phones can be called through a node, and since when; and those that must come back
themselves.

After a change of role this counts until all can be called, and tells it.  Where nothing keeps a
phone's binding at the new node (continuity ``nudge``, or ``auto`` without credentials) its
connection is closed, spread over time, so that the phone registers again at once; over UDP it comes
when its own short expiry ends.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sipfront.stack.notices import HangUp, Reached

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.mirror import Mirror
    from sipfront.stack.shared import Shared

#: Between two counts, and how long is counted after a change of role.
COUNT = 0.5
PATIENCE = 120.0


def reached(shared: Shared, node: int, now: float) -> tuple[int, int]:
    """(phones that a node can call, phones that are there)."""
    #: with these every node can call every phone, whatever the nodes know
    always = shared.settings.registering.continuity in ("static", "shared")
    place = shared.registrar.place(node)
    there = count = 0
    for binding in shared.bindings:
        if binding.expires > now:
            there += 1
            count += (always or binding.held[place] > now) and binding.flow.open
    return count, there


class Reach:
    """Counts phones."""

    def __init__(self, shared: Shared, mirror: Mirror) -> None:
        self._shared = shared
        self._mirror = mirror
        continuity = shared.settings.registering.continuity
        self._nudges = continuity in ("nudge", "auto")
        self._waiting: deque[Flow] = deque()
        self._node = -1
        self._begun = 0.0
        self._at = 0.0
        self._told = (-1, -1)
        self._put = [0.0] * len(shared.settings.nodes)

    @property
    def busy(self) -> bool:
        """Whether there is still something to count or to close."""
        return self._node >= 0 or bool(self._waiting)

    def put(self, node: int, now: float) -> None:
        """A phone registered itself at a node."""
        self._put[node] = now

    def begin(self, node: int, now: float) -> None:
        """Count from now on."""
        self._node = node
        self._begun = self._at = now
        self._told = (-1, -1)
        if self._nudges:
            self._waiting = deque(self._deaf(node, now))

    def _deaf(self, node: int, now: float) -> list[Flow]:
        """Connections of the phones that nobody registers at a node."""
        shared = self._shared
        flows: dict[int, Flow] = {}
        for binding in shared.bindings:
            flow = binding.flow
            if not flow.reliable or not flow.open or binding.held[node] > now:
                continue
            if shared.settings.registering.continuity == "auto":
                if shared.accounts.of(binding.aor) is not None:
                    continue
            flows[flow.ident] = flow
        return list(flows.values())

    def look(self, now: float) -> None:
        """Close a few connections, count, tell."""
        shared = self._shared
        for _ in range(max(1, int(shared.settings.registering.rate / 8))):
            if not self._waiting:
                break
            flow = self._waiting.popleft()
            if flow.open:
                shared.count("connections closed so that their phones register again")
                shared.tell(HangUp(now, flow))
        if self._node < 0 or now < self._at:
            return
        self._at = now + COUNT
        count, there = reached(shared, self._node, now)
        done = count >= there
        over = now - self._begun >= PATIENCE
        if done or over or self._told == (-1, -1):
            last = max(self._put[self._node], self._mirror.put_at[self._node])
            took = max(0.0, last - self._begun) if done else now - self._begun
            if (count, there) != self._told or not done:
                shared.tell(Reached(now, self._node, count, there, took))
            self._told = (count, there)
        if done or over:
            self._node = -1
