"""The proxy core (RFC 3261 section 16): branches, and the one answer that is made of theirs.

What is special to a pair stands in :mod:`sipfront.stack.failover` and in ``aftermath``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import AUTHORIZATION, PROXY_AUTHORIZATION, SUBSCRIPTION_STATE
from sipfront.sip.reply import reply
from sipfront.stack.aftermath import Aftermath
from sipfront.stack.again import again
from sipfront.stack.branches import Builder
from sipfront.stack.choice import CHALLENGES, rank
from sipfront.stack.dialog import CONFIRMED, EARLY, ENDED, Leg
from sipfront.stack.failover import Failover
from sipfront.stack.farewell import Farewells
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.guard import by_flow
from sipfront.stack.joined import Joined
from sipfront.stack.layer import Transactions
from sipfront.stack.leaving import Leaving
from sipfront.stack.lessons import forgive, issued, node_answered
from sipfront.stack.lifetime import Sweep
from sipfront.stack.notices import Answered
from sipfront.stack.orphans import Orphans
from sipfront.stack.owed import Owed
from sipfront.stack.parting import Parting
from sipfront.stack.refused import count_refusal
from sipfront.stack.reinvite import Reinvites
from sipfront.stack.route import Standing
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import PROCEEDING, TERMINATED, ClientTx, ServerTx
from sipfront.stack.unacked import Unacked

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.gate import Gate
    from sipfront.stack.plan import Plan, Target
    from sipfront.stack.shared import Shared

_COUNTED = (401, 403, 404, 407)
_SUBSCRIBED = (b"SUBSCRIBE", b"NOTIFY")


class Proxy:
    """The transaction user of the front."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.builder = Builder(shared)
        self.layer = Transactions(shared.settings.timing, self, shared.count, shared.answering)
        self.aftermath = Aftermath(shared, self)
        self.failover = Failover(shared, self)
        self.parting = Parting(shared, self)
        self.farewells = Farewells(shared, self)
        self.orphans = Orphans(shared, self)
        self.owed = Owed(shared, self)
        self.joined = Joined(shared, self)
        self.sweep = Sweep(shared, self.layer.timers, self.end)
        self.leaving = Leaving(shared, self)
        self.unacked = Unacked(shared, self)
        self.gate: Gate | None = None  #: lets REGISTERs to a node at the node's pace
        self.reinvites = Reinvites(shared, self)

    # -- starting ------------------------------------------------------------------------------

    def start(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Carry out a plan."""
        server.plan = plan
        if self.reinvites.crossing(server, plan):
            self.refuse(server, 491, now)
            return
        self._shared.records.started(server, plan, self._shared.pair.route.epoch, now)
        if not self.sweep.until:
            self.sweep.wake(now)
        if plan.leg is not None and plan.leg.joined is not None:
            self.joined.request(server, plan.leg, now)
            return
        if plan.to_node:
            self.failover.to_pair(server, plan, now)
            return
        for target in plan.targets:
            self.out(server, plan, target, now)
        node = server.flow.node
        if server.invite and plan.targets and node >= 0:
            link = self._shared.pair.links[node]
            link.serving[server.key] = server
            if self._shared.pair.route.standings[node] == Standing.STANDBY and server.request:
                link.started.add(server.request.call_id)  # one of the hedged calls it was given

    def into(self, server: ServerTx, plan: Plan, node: int, now: float) -> ClientTx | None:
        """One branch to a node."""
        pair = self._shared.pair
        link = pair.links[node]
        flow = pair.flow(node, plan.local)
        request = server.request
        if flow is None or request is None:
            self.failover.park(server, now)
            return None
        if server.invite and plan.leg is None and not plan.correlation:
            plan.correlation = self._shared.fresh()
        if server.invite and pair.route.standings[node] == Standing.STANDBY:
            link.hedged.add(request.call_id)  # what the standby makes of it, it may start
        if plan.registration is not None:
            self._shared.registrar.numbered(plan.registration, now)
        branch, data = self.builder.to_node(request, plan, node, flow, server.flow, server)
        client = ClientTx(branch, data, flow, node, server.invite, server, now)
        server.branches.append(client)
        if plan.record is not None:
            plan.record.given(node)
        link.pending[branch] = client
        link.sent(now)
        gate = self.gate if plan.registration is not None else None
        wait = link.interval if gate is None else gate.interval(link, now)
        self.layer.open_client(client, now, wait)
        return client

    def out(self, server: ServerTx, plan: Plan, target: Target, now: float) -> None:
        """One branch to a phone or trunk."""
        request = server.request
        held = self.leaving.hold(server, plan, target, now)
        if request is None or held or self.farewells.keep(server, plan, target, now):
            return
        branch, data = self.builder.to_outside(request, plan, target, server.flow.node, server)
        client = ClientTx(branch, data, target.flow, OUTSIDE, server.invite, server, now)
        server.branches.append(client)
        self.layer.open_client(client, now)

    def refuse(
        self, server: ServerTx, status: int, now: float, extra: bytes = b"", body: bytes = b""
    ) -> None:
        """Answer a request ourselves."""
        request = server.request
        if request is None:
            return
        tag = self._shared.fresh() if status > 100 else b""
        data = reply(request, status, vias=server.vias, to_tag=tag, extra=extra, body=body)
        self._settled(server)
        self.layer.answer(server, data, status, now)

    # -- answers -------------------------------------------------------------------------------

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer that a client machine passes."""
        status = message.status
        if client.node >= 0:
            node_answered(self._shared, client, message, now)
        first_provisional = client.status < 100
        if status > client.status:
            client.status = status
        server = client.server
        if server is None:
            if client.task is not None:
                client.task.answered(client, message, now)
            elif client.probe >= 0 and status >= 200:
                self._shared.tell(Answered(client.node, client.probe, status, client.sent_at, now))
            elif status >= 200:
                client.final = True
                self.leaving.left(client, now)
            return
        if client.abandoned:
            self.parting.loser(client, message, now)
            return
        if status < 200:
            if client.invite and not client.cancel:  # a cancelled branch has its own limit
                self.layer.ring(client, now)
            if client.cancelling and not client.cancel:
                self.parting.send_cancel(client, b"", now)
            if status == 100 or (first_provisional and server.state == TERMINATED):
                return
        plan = server.plan
        if plan is None or server.request is None:
            self._shared.count("late answer")
            return
        if status < 200:
            self._won(client, server, now)
            data = self.builder.back(client, server, plan, message, now)
            self.layer.answer(server, data, status, now)
        elif status < 300:
            self._success(client, server, plan, message, now)
        else:
            self.failure(client, server, plan, message, now)

    def _success(
        self, client: ClientTx, server: ServerTx, plan: Plan, message: Message, now: float
    ) -> None:
        shared = self._shared
        request = server.request
        if request is None:
            return
        client.final = True
        data = self.builder.back(client, server, plan, message, now)
        if plan.to_node and (request.has(AUTHORIZATION) or request.has(PROXY_AUTHORIZATION)):
            shared.guard.accepted(server.flow.host)
        if server.invite:
            server.best = (client, message)
            for branch in server.branches:
                if branch is not client and not branch.final and not branch.abandoned:
                    self.parting.abandon(branch, now)
        self._settled(server, up=True)
        self.layer.answer(server, data, 200, now)
        if plan.registration is not None:
            self.farewells.returned(now)
        leg = plan.leg
        if leg is not None:
            if request.method == b"BYE":
                self.end(leg, remember=True)
            elif leg.kept is not None and request.method in (b"INVITE", b"UPDATE"):
                leg.kept.settled(message)
            elif request.method == b"NOTIFY" and leg.kind != b"INVITE":
                state = request.value(SUBSCRIPTION_STATE) or b""
                if state[:10].lower() == b"terminated":
                    self.end(leg)

    def failure(
        self, client: ClientTx, server: ServerTx, plan: Plan, message: Message, now: float
    ) -> None:
        """A final answer above 299 (RFC 3261 16.7 steps 5 to 7)."""
        shared = self._shared
        status = message.status
        request = server.request
        if request is None:
            return
        live = [b for b in server.branches if b is not client and b.under_way]
        if client.node >= 0 and live and status not in CHALLENGES:
            if any(shared.pair.doubtful(b.node) and b.status < 101 for b in live if b.node >= 0):
                client.held = message  # kept until the decision
                return
        client.final = True
        if client.node >= 0:
            if server.invite and plan.leg is None:
                shared.pair.links[client.node].hedged.discard(request.call_id)
            if self.failover.overflow(client, server, plan, status, now):
                return
            if status == 430 and plan.to_node and not live:  # of use to proxies only (RFC 5626)
                self.refuse(server, 480, now)
                return
            if status in CHALLENGES or (status < 500 and client.node == shared.pair.route.active):
                self._won(client, server, now)  # a hedge is no second opinion
                live = []
            if status in _COUNTED:
                count_refusal(shared, server, plan, message, now)
        elif status in CHALLENGES and plan.trunk:
            issued(shared, message, by_flow(client.flow), now)
        leg = plan.leg
        if leg is not None and status not in CHALLENGES:
            if request.method == b"BYE":
                if status == 481 and leg.state == ENDED:
                    self.refuse(server, 200, now)  # two BYEs crossed: both have hung up
                    return
                self.end(leg)
            elif status == 481 and leg.kind != b"INVITE" and request.method in _SUBSCRIBED:
                self.end(leg)  # RFC 6665 4.1.2.2, 4.2.2: the subscription is gone
        # a full trunk, or a flow that is gone behind a proxy outside (RFC 5626 7)
        if status == (503 if plan.trunk else 430) and self._spare(server, plan, now):
            return
        best = server.best
        if best is None or rank(status) < rank(best[1].status):
            server.best = best = (client, message)
        if status >= 600:
            for branch in live:
                self.parting.abandon(branch, now)
            live = []
        if live:
            return
        data = self.builder.back(best[0], server, plan, best[1], now)
        self._settled(server)
        self.layer.answer(server, data, best[1].status, now)

    def _won(self, client: ClientTx, server: ServerTx, now: float) -> None:
        """The first answer above 100 of a hedged INVITE: the other branch is given up."""
        if client.node < 0:
            return
        for branch in server.branches:
            if branch is not client and not branch.abandoned:
                self.parting.abandon(branch, now)

    # -- failures ------------------------------------------------------------------------------

    def gave_up(self, client: ClientTx, now: float) -> None:
        """Timers B, C and F."""
        server = client.server
        if client.state == PROCEEDING and not client.cancel and client.invite:
            self._shared.count("timer C")
            client.cancelling = True
            self.parting.send_cancel(client, b"", now)
            return
        self.layer.close_client(client)
        forgive(self._shared, client)
        self.leaving.left(client, now)
        if client.task is not None:
            client.task.failed(now)
        if server is None or client.abandoned or server.request is None:
            return
        client.final = True
        self._shared.count("no answer")
        self.local_failure(server, 487 if server.cancelled else 408, now)

    def failed(self, client: ClientTx, now: float) -> None:
        """The flow could not carry the request."""
        server = client.server
        forgive(self._shared, client)
        if client.task is not None:
            client.task.failed(now)
        if server is None or client.abandoned or server.request is None:
            return
        client.final = True
        self._shared.count("flow failed")
        if client.node >= 0 and server.plan is not None and server.plan.leg is not None:
            again(self._shared, self, client, server, server.plan, now)
            return
        if client.node >= 0 and server.plan is not None:
            client.abandoned = True
            live = any(b.under_way for b in server.branches)
            if not live and not self.failover.unhold(server, server.plan, now):
                self.failover.park(server, now)
            return
        self.local_failure(server, 480, now)

    def local_failure(self, server: ServerTx, status: int, now: float) -> None:
        """A branch that ends without an answer of its own counts like a weak answer."""
        if any(b.under_way for b in server.branches):
            return
        best, plan = server.best, server.plan
        if plan is not None:
            if self._spare(server, plan, now) or self.failover.unhold(server, plan, now):
                return
        if best is not None and plan is not None:
            data = self.builder.back(best[0], server, plan, best[1], now)
            self._settled(server)
            self.layer.answer(server, data, best[1].status, now)
        elif server.invite or status != 408:
            self.refuse(server, status, now)
        else:
            self.layer.close_server(server)  # RFC 4320 4.2: no 408 for a non-INVITE

    def _spare(self, server: ServerTx, plan: Plan, now: float) -> bool:
        """The next way to a trunk whose last one failed (RFC 3263 4.3)."""
        if not plan.spare or server.cancelled:
            return False
        self._shared.count("next way to a trunk" if plan.trunk else "next flow of a phone")
        self.out(server, plan, plan.spare.pop(0), now)
        return True

    def may_resend(self, client: ClientTx, now: float) -> bool:
        """Whether a request may be sent again; a REGISTER may have to wait."""
        return self.gate is None or self.gate.may_resend(client, now)

    def unanswered(self, client: ClientTx, now: float) -> None:
        """A request was sent again."""
        self.failover.unanswered(client, now)

    def waited(self, server: ServerTx, kind: int, now: float) -> None:
        """100 Trying is due, or parking ends."""
        request = server.request
        if request is None:
            return
        if kind == UNTIL:
            if server.parked:
                self.failover.unpark(server)
                self._shared.count("parked too long")
                leg = server.plan.leg if server.plan is not None else None
                if leg is None:
                    self.refuse(server, 503, now, self._shared.retry_after())
                else:  # a 481 only for a dialog that was given up: phones drop everything on it
                    self.refuse(server, 481 if leg.state == ENDED else 500, now)
        elif server.sent == b"":
            data = reply(request, 100, vias=server.vias)
            self.layer.answer(server, data, 100, now)

    # -- the ends of things --------------------------------------------------------------------

    def end(self, leg: Leg, remember: bool = False) -> None:
        """A dialog is over.  ``remember``: what still comes for it is answered here."""
        shared = self._shared
        was = leg.state
        if remember:
            shared.legs.ended_by_us(leg)
        else:
            shared.legs.remove(leg)
        link = shared.pair.links[leg.owner]
        link.hedged.discard(leg.call_id)
        link.started.discard(leg.call_id)
        if was == CONFIRMED:
            shared.count("dialogs ended")

    def _settled(self, server: ServerTx, up: bool = False) -> None:
        """The final answer: an INVITE's other early dialogs are over (RFC 3261 12.3, 13.2.2.4)."""
        if server.invite and server.flow.node >= 0:
            link = self._shared.pair.links[server.flow.node]
            link.serving.pop(server.key, None)
            if not up and server.request is not None and not server.request.to_tag:
                link.started.discard(server.request.call_id)
        for branch in server.branches:
            for leg in branch.legs:
                if leg.state == EARLY:
                    self.end(leg, remember=leg.lost)
            branch.legs = []
