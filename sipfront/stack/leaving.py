"""Phones that are still busy with calls of a node that was given up; who wants to call them waits.

A phone without call waiting would answer 486 to the new node's INVITE while the old one still
rings there (design, section 5).  So that INVITE waits until all of the phone's old calls are over,
by the 487 to our CANCEL or the 200 to our BYE, but never beyond half a second after the phone was
told: what comes later than that to a phone that owes us an answer does not wait at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import PROCEEDING, TERMINATED

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan, Target
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: How long after the first CANCEL or BYE a phone counts as busy, at most: one that has not
#: answered by then is slow or gone, and its callers hear nothing meanwhile.
WAIT_487 = 0.5


class Hold:
    """A branch that waits for its phone."""

    __slots__ = ("plan", "server", "target")

    def __init__(self, server: ServerTx, plan: Plan, target: Target) -> None:
        self.server = server
        self.plan = plan
        self.target = target


class Busy(Sleeper):
    """A phone that has not answered all of our CANCELs and BYEs, and who waits for it."""

    __slots__ = ("_leaving", "holds", "name", "old")

    def __init__(self, leaving: Leaving, name: bytes) -> None:
        self._leaving = leaving
        self.name = name  #: the binding's
        self.old: list[ClientTx] = []  #: what it has to answer
        self.holds: list[Hold] = []
        self.resend_at = 0.0
        self.until = 0.0

    def fired(self, now: float) -> None:
        """It had time enough."""
        self._leaving.free(self, now)


class Leaving:
    """Bindings whose phone is not free yet."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._busy: dict[bytes, Busy] = {}  #: by the binding's name
        self._branches: dict[bytes, Busy] = {}  #: by the branch of what is to be answered

    def leave(self, plan: Plan, flow: Flow, until: ClientTx, now: float) -> None:
        """The phone behind ``flow`` is busy until ``until`` has its final answer."""
        binding = next((t.binding for t in plan.targets if t.flow is flow), None)
        if binding is None:
            return
        busy = self._busy.get(binding.name)
        if busy is None:
            busy = self._busy[binding.name] = Busy(self, binding.name)
            self._proxy.layer.timers.start(busy, UNTIL, WAIT_487, now)
        busy.old.append(until)
        self._branches[until.branch] = busy

    def hold(self, server: ServerTx, plan: Plan, target: Target, now: float) -> bool:
        """Whether this branch has to wait for its phone."""
        if not self._busy or target.binding is None:
            return False
        busy = self._busy.get(target.binding.name)
        if busy is None:
            return False
        if not self._waits(busy):
            self.free(busy, now)
            return False
        busy.holds.append(Hold(server, plan, target))
        self._shared.count("held for a 487")
        return True

    def left(self, client: ClientTx, now: float) -> None:
        """An old call to a phone is over: if it was the last, what waited for it may go."""
        busy = self._branches.pop(client.branch, None)
        if busy is None:
            return
        if client in busy.old:
            busy.old.remove(client)
        if not self._waits(busy):
            self.free(busy, now)

    def free(self, busy: Busy, now: float) -> None:
        """The phone counts as free from now on, whatever it still has to answer."""
        busy.until = 0.0
        self._busy.pop(busy.name, None)
        for client in busy.old:
            self._branches.pop(client.branch, None)
        for hold in busy.holds:
            server = hold.server
            if server.request is None or server.cancelled or server.state > PROCEEDING:
                continue  # answered or cancelled meanwhile
            self._proxy.out(server, hold.plan, hold.target, now)

    @staticmethod
    def _waits(busy: Busy) -> bool:
        return any(not client.final and client.state != TERMINATED for client in busy.old)
