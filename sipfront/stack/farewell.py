"""BYEs for phones whose connection is gone: answered here, delivered if the phone comes back.

The node that hangs up gets its 200 at once, because the call is over for it whoever hears of it
(design, section 5).  A phone that is back within the life of a transaction still learns of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.flows import OUTSIDE
from sipfront.stack.plan import Target
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: 64*T1, the life of a transaction (RFC 3261 17.1.2.2): who is back later asks for the call itself.
KEPT = 32.0
#: BYEs kept at once: a thousand connections that break together, ten calls each.
MAX_KEPT = 10_000


class _Kept:
    __slots__ = ("node", "plan", "request", "target", "until")

    def __init__(
        self, request: Message, plan: Plan, target: Target, node: int, until: float
    ) -> None:
        self.request = request
        self.plan = plan
        self.target = target
        self.node = node
        self.until = until


class Farewells:
    """All that wait, oldest first."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._kept: list[_Kept] = []

    def keep(self, server: ServerTx, plan: Plan, target: Target, now: float) -> bool:
        """Whether this was a BYE for a phone that cannot be reached: answered, and kept."""
        request = server.request
        if target.flow.open or request is None or request.method != b"BYE":
            return False
        self._forget(now)
        if len(self._kept) < MAX_KEPT:
            kept = _Kept(request, plan, target, server.flow.node, now + KEPT)
            self._kept.append(kept)
        self._shared.count("bye to a flow that is gone")
        if plan.leg is not None:
            self._proxy.end(plan.leg)
        self._proxy.refuse(server, 200, now)
        return True

    def returned(self, now: float) -> None:
        """A phone registered: it may be one of those that are waited for."""
        if not self._kept:
            return
        self._forget(now)
        waiting: list[_Kept] = []
        for kept in self._kept:
            flow = self._shared.flows.now(kept.target.flow)
            if not flow.open:
                waiting.append(kept)
                continue
            self._shared.count("bye delivered late")
            target = Target(kept.target.uri, flow, None, kept.target.routes)
            branch, data = self._proxy.builder.to_outside(
                kept.request, kept.plan, target, kept.node, None
            )
            client = ClientTx(branch, data, flow, OUTSIDE, False, None, now)
            self._proxy.layer.open_client(client, now)
        self._kept = waiting

    def _forget(self, now: float) -> None:
        while self._kept and self._kept[0].until <= now:
            del self._kept[0]
