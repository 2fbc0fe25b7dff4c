"""What a silent or dead node needs: suspicion, hedging, parking, moving (design, sections 5, 6).

An INVITE whose node is suspect is hedged: sent to a ready standby too, the first real answer wins.
Every other request is parked, because nothing but an INVITE can be taken back.  A new route moves
what is still unanswered at a node that was given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import JOIN, REPLACES, TARGET_DIALOG
from sipfront.stack.dialog import ENDED
from sipfront.stack.forward import routed
from sipfront.stack.notices import Refused, Silent
from sipfront.stack.record import HEDGED, MOVED, OVERFLOWED, PARKED
from sipfront.stack.route import NodeState, Route, Standing
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import TERMINATED, ClientTx, ServerTx

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.pair import Link
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared


#: Requests of a dialog that are answered here when its owner is dead; all others wait.
ANSWERED = frozenset((b"BYE", b"INVITE", b"UPDATE", b"PRACK", b"OPTIONS"))


class Failover:
    """Requests to the pair while the pair is in doubt."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        #: requests that wait for a route, by their transaction's key
        self.parked = shared.parked

    def to_pair(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Send to the owner, the pinned or the active node; hedge or park when that is in doubt."""
        if self._proxy.orphans.mine(server, plan):
            self._proxy.orphans.answer(server, plan, now)
            return
        pair = self._shared.pair
        route = pair.route
        node = plan.node
        if node is None or (plan.leg is None and route.states[node] == NodeState.DOWN):
            node = route.active
            plan.uri = b"" if plan.leg is None else plan.uri
        if plan.leg is not None and plan.node is not None and pair.down(plan.node):
            self._owner_dead(server, plan, now)
            return
        if node is None or pair.down(node):
            self.park(server, now)
            return
        doubtful = pair.doubtful(node)
        if doubtful and not server.invite and plan.leg is None:
            if pair.links[node].suspect or route.states[node] == NodeState.SUSPECT:
                self.park(server, now)
                return
        if pair.links[node].overloaded_until > now and plan.leg is None and server.invite:
            other = pair.other(node, now)
            if other is None and not plan.emergency:
                self._proxy.refuse(server, 503, now)
                return
            doubtful = True
        gate = self._proxy.gate
        if plan.registration is not None and gate is not None:
            if not gate.admit(server, plan, node, now):
                return
        self._proxy.into(server, plan, node, now)
        if doubtful:
            self.hedge(server, node, now)

    def park(self, server: ServerTx, now: float) -> None:
        """Hold a request while the roles are being decided."""
        shared = self._shared
        if server.parked:
            return
        emergency = server.plan is not None and server.plan.emergency
        if len(self.parked) >= shared.settings.limits.parked and not emergency:
            self._proxy.refuse(server, 503, now, shared.retry_after())
            return
        server.parked = True
        self.parked[server.key] = server
        shared.count("parked")
        event = "emergency call parked" if emergency else ""
        shared.done(server, PARKED, now, "until a node can take it", event)
        self._proxy.layer.timers.start(server, UNTIL, shared.settings.timing.park, now)

    def unpark(self, server: ServerTx) -> None:
        """It waits no longer."""
        if server.parked:
            server.parked = False
            server.until = 0.0
            self.parked.pop(server.key, None)

    def hedge(self, server: ServerTx, silent: int, now: float) -> None:
        """Send an INVITE also to a ready standby, if it is one that can be."""
        shared = self._shared
        plan = server.plan
        request = server.request
        if plan is None or request is None or not server.invite:
            return
        if not shared.settings.hedge and not plan.emergency:
            return
        if plan.leg is not None or server.cancelled or len(server.branches) > 1:
            return
        if request.has(REPLACES) or request.has(JOIN) or request.has(TARGET_DIALOG):
            return
        other = shared.pair.other(silent, now)
        if other is None:
            return
        plan.attempts += 1
        if self._proxy.into(server, plan, other, now) is not None:
            shared.count("hedged")
            names = [node.name for node in shared.settings.nodes]
            shared.done(server, HEDGED, now, f"{names[silent]} may not answer; to {names[other]}")

    def overflow(
        self, client: ClientTx, server: ServerTx, plan: Plan, status: int, now: float
    ) -> bool:
        """A 503 of a node that is up: once more on a ready standby."""
        if status != 503 or plan.overflowed or not server.invite or plan.leg is not None:
            return False
        plan.overflowed = True
        if len(server.branches) > 1:
            return False
        before = len(server.branches)
        self.hedge(server, client.node, now)
        if len(server.branches) == before:
            return False
        self._shared.count("overflowed")
        self._shared.done(server, OVERFLOWED, now, "its node answered 503")
        return True

    def suspect(self, link: Link, now: float) -> None:
        """A node became suspect: hedge the INVITEs that it has not answered, or only with 100."""
        for client in list(link.pending.values()):
            if client.server is not None and client.invite:
                self.hedge(client.server, link.node, now)

    def spoke(self, now: float) -> None:
        """A suspect node spoke: what was parked for it may go."""
        self._shared.count("suspicions ended")
        self._release(now)

    def _release(self, now: float) -> None:
        for server in list(self.parked.values()):
            plan = server.plan
            if plan is None or server.state == TERMINATED:
                self.unpark(server)
                continue
            route = self._shared.pair.route
            if plan.leg is not None:
                if plan.leg.state == ENDED:
                    self.unpark(server)
                    self._proxy.refuse(server, 481, now)
                    continue
                if plan.leg.lost:
                    continue
                if self._shared.pair.down(plan.leg.owner):
                    self.reconsider(server, plan, now)
                    continue
                if plan.node != plan.leg.owner:  # an early dialog that moved with its call
                    plan.node = plan.leg.owner
                    plan.uri, plan.routes = routed(plan.leg.inside_target, plan.leg.inside_routes)
            node = plan.node if plan.node is not None else route.active
            if node is not None and self._shared.pair.down(node):
                node = route.active
            if node is None or self._shared.pair.down(node):
                continue
            if not server.invite and self._shared.pair.links[node].suspect:
                continue
            self.unpark(server)
            self.to_pair(server, plan, now)

    def reconsider(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Something that waits may have to wait no longer: its owner was given up meanwhile."""
        request = server.request
        if request is None or plan.leg is None or not self._shared.pair.down(plan.leg.owner):
            return
        if request.method in ANSWERED:
            self.unpark(server)
            self._owner_dead(server, plan, now)

    def route_changed(self, route: Route, now: float) -> None:
        """Roles or states changed: move what is unanswered at a node that was given up."""
        pair = self._shared.pair
        old, pair.route = pair.route, route
        for link in pair.links:
            if route.states[link.node] != NodeState.DOWN:
                if old.states[link.node] == NodeState.DOWN or self._proxy.owed.unsure:
                    self._proxy.owed.back(link, now)
            if route.standings[link.node] != Standing.STANDBY:
                link.started.clear()
                if route.standings[link.node] != old.standings[link.node]:
                    link.hedged.clear()
            if route.states[link.node] != NodeState.DOWN:
                continue
            if old.states[link.node] != NodeState.DOWN or old.active != route.active:
                self._proxy.aftermath.node_down(link, now)
        self._proxy.owed.unsure = False
        self._release(now)

    def move(self, client: ClientTx, now: float) -> None:
        """A branch at a node that was given up: abandon it, and take another."""
        server = client.server
        if client.abandoned or server is None or server.plan is None or server.request is None:
            return
        self._proxy.parting.abandon(client, now)
        plan = server.plan
        if server.cancelled:
            self._proxy.refuse(server, 487, now)
            return
        if plan.leg is not None:
            self._owner_dead(server, plan, now)
            return
        if any(not branch.abandoned for branch in server.branches):
            self._proxy.local_failure(server, 503, now)  # what the others said, if they have ended
            return
        if client.invite:
            self._proxy.orphans.moved(client, plan)
            if not self._proxy.orphans.keepable(server, plan):
                self._shared.count("ringing calls that could not be kept")
                self._proxy.refuse(server, 503, now)
                return
        plan.attempts += 1
        plan.node = None
        plan.uri = b""
        self._shared.count("moved")
        given_up = self._shared.settings.nodes[client.node].name
        self._shared.done(server, MOVED, now, f"{given_up} was given up")
        self.to_pair(server, plan, now)

    def unhold(self, server: ServerTx, plan: Plan, now: float) -> bool:
        """The other branch comes to nothing: the failure that was kept is the answer."""
        for branch in server.branches:
            kept = branch.held
            if kept is not None and not branch.abandoned:
                branch.held = None
                self._proxy.failure(branch, server, plan, kept, now)
                return True
        return False

    def _owner_dead(self, server: ServerTx, plan: Plan, now: float) -> None:
        """A request in a dialog whose owner is dead (design, section 5)."""
        request = server.request
        if request is None:
            return
        self._shared.count("in-dialog request for a dead owner")
        if request.method == b"BYE":
            self._proxy.refuse(server, 200, now)
            if plan.leg is not None:
                plan.leg.seen = now
                self._proxy.owed.add(plan.leg)
                self._proxy.end(plan.leg, remember=True)
        elif request.method in (b"INVITE", b"UPDATE"):
            self._proxy.refuse(server, 500, now, b"Retry-After: 4\r\n")
        elif request.method in (b"PRACK", b"OPTIONS"):
            self._proxy.refuse(server, 200, now)
        else:
            self.park(server, now)  # it may come back; if it does not, rescue ends the dialog

    def unanswered(self, client: ClientTx, now: float) -> None:
        """A request was sent again."""
        node = client.node
        if node < 0 or client.flow.node < 0:
            return
        link = self._shared.pair.links[node]
        link.sent(now)
        self.doubt(link, now)

    def doubt(self, link: Link, now: float) -> None:
        """Suspect a node that has been silent for too long."""
        if not link.suspect and link.silent(now):
            link.suspect = True
            self._shared.count("suspected")
            self._shared.tell(Silent(link.node, link.first_unanswered, now, link.sends))
            self.suspect(link, now)

    def lost(self, flow: Flow, now: float, *, refused: bool) -> None:
        """The network refused what was sent by a flow, or its connection is gone."""
        shared = self._shared
        if flow.node >= 0 and refused:
            link = shared.pair.links[flow.node]
            shared.count("refused by node")
            shared.tell(Refused(flow.node, now))
            if not link.suspect:
                link.suspect = True
            self.suspect(link, now)
            if not flow.reliable:
                return
        if flow.reliable:
            for client in [c for c in self._proxy.layer.clients.values() if c.flow is flow]:
                self._proxy.layer.broken(client, now)
