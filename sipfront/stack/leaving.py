"""Phones that are still busy with calls of a node that was given up; who wants to call them waits.

A phone without call waiting would answer 486 to the new node's INVITE while the old one still
rings there (design, section 5).  So that INVITE waits until all of the phone's old calls are over,
by the 487 to our CANCEL or the 200 to our BYE, but never longer than half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import PROCEEDING, TERMINATED

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan, Target
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: How long a new INVITE waits at most: a phone that has not answered a CANCEL by then is slow or
#: gone, and its caller hears nothing meanwhile.
WAIT_487 = 0.5


class Hold:
    """A branch that waits for its phone."""

    __slots__ = ("_leaving", "name", "plan", "resend_at", "server", "target", "until")

    def __init__(
        self, leaving: Leaving, name: bytes, server: ServerTx, plan: Plan, target: Target
    ) -> None:
        self._leaving = leaving
        self.name = name
        self.server = server
        self.plan = plan
        self.target = target
        self.resend_at = 0.0
        self.until = 0.0

    def fired(self, now: float) -> None:
        """It has waited long enough."""
        self._leaving.release(self, now)


class Leaving:
    """Bindings whose phone is not free yet."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        #: by the binding's name: what is to be answered, and who waits for it
        self._busy: dict[bytes, list[ClientTx]] = {}
        self._holds: dict[bytes, list[Hold]] = {}
        self._names: dict[bytes, bytes] = {}  #: branch -> the binding's name

    def leave(self, plan: Plan, flow: Flow, until: ClientTx) -> None:
        """The phone behind ``flow`` is busy until ``until`` has its final answer."""
        binding = next((t.binding for t in plan.targets if t.flow is flow), None)
        if binding is not None:
            self._busy.setdefault(binding.name, []).append(until)
            self._names[until.branch] = binding.name

    def hold(self, server: ServerTx, plan: Plan, target: Target, now: float) -> bool:
        """Whether this branch has to wait for its phone."""
        if not self._busy or target.binding is None:
            return False
        name = target.binding.name
        if not self._still(name):
            return False
        hold = Hold(self, name, server, plan, target)
        self._holds.setdefault(name, []).append(hold)
        self._proxy.layer.timers.start(hold, UNTIL, WAIT_487, now)
        self._shared.count("held for a 487")
        return True

    def left(self, client: ClientTx, now: float) -> None:
        """An old call to a phone is over: if it was the last, what waited for it may go."""
        name = self._names.pop(client.branch, None)
        if name is None:
            return
        old = self._busy.get(name, [])
        if client in old:
            old.remove(client)
        if self._still(name):
            return
        for hold in self._holds.pop(name, ()):
            self._send(hold, now)

    def release(self, hold: Hold, now: float) -> None:
        """It has waited long enough: send it all the same."""
        waiting = self._holds.get(hold.name, [])
        if hold in waiting:
            waiting.remove(hold)
        if not waiting:
            self._holds.pop(hold.name, None)
        self._send(hold, now)

    def _still(self, name: bytes) -> bool:
        old = self._busy.get(name)
        if old is None:
            return False
        left = [client for client in old if not client.final and client.state != TERMINATED]
        if left:
            self._busy[name] = left
            return True
        for client in self._busy.pop(name):
            self._names.pop(client.branch, None)
        return False

    def _send(self, hold: Hold, now: float) -> None:
        server = hold.server
        hold.until = 0.0
        if server.request is None or server.cancelled or server.state > PROCEEDING:
            return  # answered or cancelled meanwhile
        self._busy.pop(hold.name, None)  # whatever the phone is busy with
        self._proxy.out(server, hold.plan, hold.target, now)
