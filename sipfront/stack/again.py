"""A request in a dialog whose connection to the node broke: once more over a new one.

A broken connection says as little about the node as a lost datagram does.  The request goes again
with the branch that it had, so that a node that has it already knows it (RFC 3261 17.2.3); if that
fails too, it waits for what is decided about the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import TERMINATED, ClientTx

if TYPE_CHECKING:
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: How long the shell gets to have a new flow for the node; the next message makes the connection.
PAUSE = 0.05


class Again(Sleeper):
    """One request that is to be sent again."""

    __slots__ = ("_client", "_plan", "_proxy", "_server", "_shared")

    def __init__(
        self, shared: Shared, proxy: Proxy, client: ClientTx, server: ServerTx, plan: Plan
    ) -> None:
        self._shared = shared
        self._proxy = proxy
        self._client = client
        self._server = server
        self._plan = plan
        self.resend_at = 0.0
        self.until = 0.0

    def fired(self, now: float) -> None:
        """Send it, unless it was answered meanwhile."""
        server, plan, old = self._server, self._plan, self._client
        if server.request is None or server.state == TERMINATED or server.cancelled:
            return
        pair = self._shared.pair
        flow = pair.flow(old.node, plan.local)
        if flow is None or not flow.open or flow is old.flow or pair.down(old.node):
            self._proxy.failover.park(server, now)
            self._proxy.failover.reconsider(server, plan, now)
            return
        self._shared.count("sent again over a new connection")
        client = ClientTx(old.branch, old.sent, flow, old.node, old.invite, server, now)
        server.branches.append(client)
        link = pair.links[old.node]
        link.pending[client.branch] = client
        link.sent(now)
        self._proxy.layer.open_client(client, now, link.interval)


def again(
    shared: Shared, proxy: Proxy, client: ClientTx, server: ServerTx, plan: Plan, now: float
) -> None:
    """The connection of ``client``, a request of a dialog to a node, broke."""
    client.abandoned = True
    if plan.retried:
        proxy.failover.park(server, now)
        proxy.failover.reconsider(server, plan, now)
        return
    plan.retried = True
    proxy.layer.timers.start(Again(shared, proxy, client, server, plan), UNTIL, PAUSE, now)
