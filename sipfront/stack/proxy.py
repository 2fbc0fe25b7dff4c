"""The proxy core (RFC 3261 section 16): branches, answers, CANCEL, and what a silent node needs.

A plan becomes branches; their answers become one.  What is special here is the pair: an INVITE
whose node is suspect is hedged (sent to a ready standby too, the first real answer wins), every
other request is parked, and a new route moves what is still unanswered (design, sections 5, 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import (
    AUTHORIZATION,
    JOIN,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    REASON,
    REPLACES,
    RETRY_AFTER,
    SUBSCRIPTION_STATE,
    TARGET_DIALOG,
    WWW_AUTHENTICATE,
)
from sipfront.sip.reply import reply
from sipfront.stack import local
from sipfront.stack.aftermath import Aftermath
from sipfront.stack.branches import Builder
from sipfront.stack.dialog import CONFIRMED, EARLY, Leg
from sipfront.stack.flows import OUTSIDE, Flow
from sipfront.stack.guard import nonce_of
from sipfront.stack.layer import Transactions, cancellation
from sipfront.stack.notices import Answered, Overload, Refused, Rejected, Silent
from sipfront.stack.route import NodeState, Route, Standing
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import PROCEEDING, TERMINATED, ClientTx, ServerTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.pair import Link
    from sipfront.stack.plan import Plan, Target
    from sipfront.stack.shared import Shared

_CHALLENGES = (401, 407)
_COUNTED = (401, 403, 404, 407)


class Proxy:
    """The transaction user of the front."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._builder = Builder(shared)
        self.layer = Transactions(shared.settings.timing, self)
        self.aftermath = Aftermath(shared, self)
        #: requests that wait for a route, by their transaction's key
        self.parked: dict[bytes, ServerTx] = {}

    # -- starting ------------------------------------------------------------------------------

    def start(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Carry out a plan."""
        server.plan = plan
        if plan.to_node:
            self._to_pair(server, plan, now)
            return
        for target in plan.targets:
            self.out(server, plan, target, now)
        if server.invite and plan.targets:
            self._note_started(server)
            if server.flow.node >= 0:
                self._shared.pair.links[server.flow.node].serving[server.key] = server

    def _to_pair(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Send to the owner, the pinned or the active node; hedge or park when that is in doubt."""
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
            self._park(server, now)
            return
        doubtful = pair.doubtful(node)
        if doubtful and not server.invite and plan.leg is None:
            if pair.links[node].suspect or route.states[node] == NodeState.SUSPECT:
                self._park(server, now)
                return
        if pair.links[node].overloaded_until > now and plan.leg is None and server.invite:
            other = pair.other(node, now)
            if other is None and not plan.emergency:
                self.refuse(server, 503, now)
                return
            doubtful = True
        self._in(server, plan, node, now)
        if doubtful:
            self._hedge(server, node, now)

    def _in(self, server: ServerTx, plan: Plan, node: int, now: float) -> ClientTx | None:
        """One branch to a node."""
        pair = self._shared.pair
        link = pair.links[node]
        flow = pair.flow(node, plan.local)
        request = server.request
        if flow is None or request is None:
            self._park(server, now)
            return None
        if server.invite and plan.leg is None and not plan.correlation:
            plan.correlation = self._shared.fresh()
        if server.invite and pair.route.standings[node] == Standing.STANDBY:
            link.hedged.add(request.call_id)  # what the standby makes of it, it may start
        branch, data = self._builder.to_node(request, plan, node, flow, server.flow)
        client = ClientTx(branch, data, flow, node, server.invite, server, now)
        server.branches.append(client)
        link.pending[branch] = client
        link.sent(now)
        self.layer.open_client(client, now, link.interval)
        return client

    def out(self, server: ServerTx, plan: Plan, target: Target, now: float) -> None:
        """One branch to a phone or trunk."""
        request = server.request
        if request is None or self.aftermath.hold(server, plan, target, now):
            return
        branch, data = self._builder.to_outside(request, plan, target, server.flow.node)
        client = ClientTx(branch, data, target.flow, OUTSIDE, server.invite, server, now)
        server.branches.append(client)
        self.layer.open_client(client, now)

    def _note_started(self, server: ServerTx) -> None:
        """A standby's INVITE counts against the hedged calls that it was given."""
        node = server.flow.node
        if node >= 0 and server.request is not None:
            if self._shared.pair.route.standings[node] == Standing.STANDBY:
                self._shared.pair.links[node].started.add(server.request.call_id)

    def acknowledge(self, plan: Plan, message: Message, flow: Flow) -> None:
        """An ACK for a 2xx: end to end, no transaction (RFC 3261 16.11 last paragraph, 13.2.2.4)."""
        if plan.to_node:
            node = plan.node
            if node is None or self._shared.pair.down(node):
                self._shared.count("ack for a dead owner")
                return
            inside = self._shared.pair.flow(node, plan.local)
            if inside is None:
                return
            _, data = self._builder.to_node(message, plan, node, inside, flow)
            self.layer.outbox.append((inside, data))
            return
        target = plan.targets[0]
        _, data = self._builder.to_outside(message, plan, target, flow.node)
        self.layer.outbox.append((target.flow, data))

    def refuse(self, server: ServerTx, status: int, now: float, extra: bytes = b"") -> None:
        """Answer a request ourselves."""
        request = server.request
        if request is None:
            return
        tag = self._shared.fresh() if status > 100 else b""
        data = reply(request, status, vias=server.vias, to_tag=tag, extra=extra)
        self.layer.answer(server, data, status, now)
        self._settled(server)

    # -- parking, hedging, moving --------------------------------------------------------------

    def _park(self, server: ServerTx, now: float) -> None:
        shared = self._shared
        if server.parked:
            return
        if len(self.parked) >= shared.settings.limits.parked:
            self.refuse(server, 503, now, b"Retry-After: 5\r\n")
            return
        server.parked = True
        self.parked[server.key] = server
        shared.count("parked")
        self.layer.timers.start(server, UNTIL, shared.settings.timing.park, now)
        if server.plan is not None and server.plan.emergency and server.request is not None:
            shared.note(now, "emergency call parked", server.request.call_id)

    def _unpark(self, server: ServerTx) -> None:
        if server.parked:
            server.parked = False
            server.until = 0.0
            self.parked.pop(server.key, None)

    def _hedge(self, server: ServerTx, silent: int, now: float) -> None:
        """Send an INVITE also to a ready standby, if it is one that can be."""
        shared = self._shared
        plan = server.plan
        request = server.request
        if plan is None or request is None or not server.invite or not shared.settings.hedge:
            return
        if plan.leg is not None or server.cancelled or len(server.branches) > 1:
            return
        if request.has(REPLACES) or request.has(JOIN) or request.has(TARGET_DIALOG):
            return
        other = shared.pair.other(silent, now)
        if other is None:
            return
        plan.attempts += 1
        if self._in(server, plan, other, now) is not None:
            shared.count("hedged")

    def suspect(self, link: Link, now: float) -> None:
        """A node became suspect: hedge the INVITEs that it has not answered at all."""
        for client in list(link.pending.values()):
            if client.server is not None and client.invite and client.status == 0:
                self._hedge(client.server, link.node, now)

    def spoke(self, now: float) -> None:
        """A suspect node spoke: what was parked for it may go."""
        self._shared.count("suspicions ended")
        self._release(now)

    def _release(self, now: float) -> None:
        for server in list(self.parked.values()):
            plan = server.plan
            if plan is None or server.state == TERMINATED:
                self._unpark(server)
                continue
            route = self._shared.pair.route
            node = plan.node if plan.node is not None else route.active
            if node is not None and self._shared.pair.down(node):
                node = route.active
            if node is None or self._shared.pair.down(node):
                continue
            if not server.invite and self._shared.pair.links[node].suspect:
                continue
            self._unpark(server)
            self._to_pair(server, plan, now)

    def route_changed(self, route: Route, now: float) -> None:
        """Roles or states changed: move what is unanswered at a node that was given up."""
        pair = self._shared.pair
        old, pair.route = pair.route, route
        for link in pair.links:
            if old.states[link.node] == NodeState.DOWN != route.states[link.node]:
                self.aftermath.node_back(link, now)
            if route.standings[link.node] != Standing.STANDBY:
                link.started.clear()
                if route.standings[link.node] != old.standings[link.node]:
                    link.hedged.clear()
            if route.states[link.node] != NodeState.DOWN:
                continue
            if old.states[link.node] != NodeState.DOWN or old.active != route.active:
                self.aftermath.node_down(link, now)
        self._release(now)

    def move(self, client: ClientTx, now: float) -> None:
        """A branch at a node that was given up: abandon it, and take another."""
        server = client.server
        if client.abandoned or server is None or server.plan is None or server.request is None:
            return
        self.abandon(client, now)
        plan = server.plan
        if server.cancelled:
            self.refuse(server, 487, now)
            return
        if plan.leg is not None:
            self._owner_dead(server, plan, now)
            return
        others = [branch for branch in server.branches if not branch.abandoned]
        if others:
            held = [branch for branch in others if branch.held is not None]
            for branch in held:
                kept, branch.held = branch.held, None
                if kept is not None:
                    self._failure(branch, server, plan, kept, now)
            return
        plan.attempts += 1
        plan.node = None
        plan.uri = b""
        self._shared.count("moved")
        self._to_pair(server, plan, now)

    def _owner_dead(self, server: ServerTx, plan: Plan, now: float) -> None:
        """A request in a dialog whose owner is dead (design, section 5)."""
        request = server.request
        if request is None:
            return
        self._shared.count("in-dialog request for a dead owner")
        if request.method == b"BYE":
            self.refuse(server, 200, now)
            if plan.leg is not None:
                self._end(plan.leg)
        elif request.method in (b"INVITE", b"UPDATE"):
            self.refuse(server, 500, now, b"Retry-After: 4\r\n")
        elif request.method in (b"PRACK", b"OPTIONS", b"INFO"):
            self.refuse(server, 200, now)
        else:
            self.refuse(server, 481, now)

    # -- answers -------------------------------------------------------------------------------

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer that a client machine passes."""
        status = message.status
        if client.node >= 0:
            self._node_answered(client, message, now)
        first_provisional = client.status < 100
        if status > client.status:
            client.status = status
        server = client.server
        if server is None:
            if client.probe >= 0 and status >= 200:
                self._shared.tell(Answered(client.node, client.probe, status, client.sent_at, now))
            return
        if client.abandoned:
            self._loser(client, message, now)
            return
        if status < 200:
            if client.invite:
                self.layer.ring(client, now)
            if client.cancelling and not client.cancel:
                self._send_cancel(client, b"", now)
            if status == 100 or (first_provisional and server.state == TERMINATED):
                return
        plan = server.plan
        if plan is None or server.request is None:
            self._shared.count("late answer")
            return
        if status < 200:
            self._wins(client, server, now)
            data = self._builder.back(client, server, plan, message, now)
            self.layer.answer(server, data, status, now)
        elif status < 300:
            self._success(client, server, plan, message, now)
        else:
            self._failure(client, server, plan, message, now)

    def _node_answered(self, client: ClientTx, message: Message, now: float) -> None:
        """What every answer of a node teaches."""
        shared = self._shared
        link = shared.pair.links[client.node]
        if client.status == 0 and client.sends == 1:
            link.sample(now - client.sent_at, shared.settings.timing)
        status = message.status
        if status <= 100:
            return
        link.pending.pop(client.branch, None)
        if not client.invite:
            pass
        elif status >= 200:
            link.ringing.pop(client.branch, None)
        elif not client.abandoned:
            link.ringing[client.branch] = client
        if status in _CHALLENGES:
            for hid in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
                for value in message.values(hid):
                    shared.nonces.issued(nonce_of(value), client.node, now)
        elif status == 503 and client.server is not None and client.invite:
            wanted = message.value(RETRY_AFTER)
            digits = wanted.partition(b"(")[0].partition(b";")[0].strip() if wanted else b""
            seconds = int(digits) if digits.isdigit() and len(digits) < 6 else 0
            link.overloaded_until = now + seconds if seconds else 0.0
            shared.tell(Overload(client.node, now, seconds))

    def _wins(self, client: ClientTx, server: ServerTx, now: float) -> None:
        """The first answer above 100 of a hedged INVITE: the other branch is given up."""
        if client.node < 0:
            return
        for branch in server.branches:
            if branch is not client and not branch.abandoned:
                self.abandon(branch, now)

    def _success(
        self, client: ClientTx, server: ServerTx, plan: Plan, message: Message, now: float
    ) -> None:
        shared = self._shared
        request = server.request
        if request is None:
            return
        client.final = True
        data = self._builder.back(client, server, plan, message, now)
        if plan.to_node and (request.has(AUTHORIZATION) or request.has(PROXY_AUTHORIZATION)):
            shared.guard.accepted(server.flow.host)
        if server.invite:
            for branch in server.branches:
                if branch is not client and not branch.final and not branch.abandoned:
                    self.abandon(branch, now)
        self.layer.answer(server, data, 200, now)
        if server.invite and server.flow.node >= 0:
            shared.pair.links[server.flow.node].serving.pop(server.key, None)
        leg = plan.leg
        if leg is not None:
            if request.method == b"BYE":
                self._end(leg)
            elif request.method == b"NOTIFY" and leg.kind != b"INVITE":
                state = request.value(SUBSCRIPTION_STATE) or b""
                if state[:10].lower() == b"terminated":
                    self._end(leg)

    def _failure(
        self, client: ClientTx, server: ServerTx, plan: Plan, message: Message, now: float
    ) -> None:
        """A final answer above 299 (RFC 3261 16.7 steps 5 to 7)."""
        shared = self._shared
        status = message.status
        request = server.request
        if request is None:
            return
        live = [b for b in server.branches if not b.abandoned and not b.final and b is not client]
        if client.node >= 0 and live and status not in _CHALLENGES:
            if any(shared.pair.doubtful(b.node) and b.status < 101 for b in live if b.node >= 0):
                client.held = message  # kept until the decision
                return
        client.final = True
        if client.node >= 0:
            if server.invite and plan.leg is None:
                shared.pair.links[client.node].hedged.discard(request.call_id)
            if self._overflow(client, server, plan, status, now):
                return
            if status in _CHALLENGES:
                self._wins(client, server, now)
                live = []
            if status in _COUNTED:
                self._count_refusal(server, plan, message, now)
        if plan.leg is not None and request.method == b"BYE":
            self._end(plan.leg)
        best = server.best
        if best is None or _rank(status) < _rank(best[1].status):
            server.best = best = (client, message)
        if status >= 600:
            for branch in live:
                self.abandon(branch, now)
            live = []
        if live:
            return
        data = self._builder.back(best[0], server, plan, best[1], now)
        self.layer.answer(server, data, best[1].status, now)
        self._settled(server)

    def _overflow(
        self, client: ClientTx, server: ServerTx, plan: Plan, status: int, now: float
    ) -> bool:
        """A 503 of a node that is up: once more on a ready standby."""
        if status != 503 or plan.overflowed or not server.invite or plan.leg is not None:
            return False
        plan.overflowed = True
        if len(server.branches) > 1:
            return False
        before = len(server.branches)
        self._hedge(server, client.node, now)
        if len(server.branches) == before:
            return False
        self._shared.count("overflowed")
        return True

    def _count_refusal(self, server: ServerTx, plan: Plan, message: Message, now: float) -> None:
        """Credentials that a node refused count against their true source and their AOR."""
        shared = self._shared
        request = server.request
        if request is None or plan.trunk:
            return
        value = request.value(AUTHORIZATION) or request.value(PROXY_AUTHORIZATION)
        if value is None:
            return
        for hid in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
            for refused in message.values(hid):
                if b"stale=true" in refused.lower().replace(b" ", b""):
                    return
        issuer = shared.nonces.issuer(nonce_of(value), now)
        if message.status in _CHALLENGES and issuer is None:
            return  # an old nonce is no wrong password
        aor = plan.aor.decode("utf-8", "replace")
        flow = server.flow
        banned = shared.guard.refused(flow.host, aor, now)
        shared.count("credentials refused")
        shared.tell(
            Rejected(
                now,
                flow.host,
                flow.port,
                flow.listener.transport.name,
                f"credentials refused with {message.status}",
                aor,
                request.method.decode("ascii", "replace"),
                banned,
            )
        )

    # -- branches that are no longer wanted ----------------------------------------------------

    def abandon(self, client: ClientTx, now: float, reason: bytes = b"") -> None:
        """Nothing that this branch answers is passed any more; it is cancelled when that works."""
        client.abandoned = True
        if client.node >= 0:
            link = self._shared.pair.links[client.node]
            link.pending.pop(client.branch, None)
            link.ringing.pop(client.branch, None)
            if client.server is not None and client.server.request is not None:
                link.hedged.discard(client.server.request.call_id)
        if not client.invite:
            return
        client.cancelling = True
        if client.status >= 100 and client.state <= PROCEEDING:
            self._send_cancel(client, reason, now)

    def _send_cancel(self, client: ClientTx, reason: bytes, now: float) -> None:
        """CANCEL, only after a provisional (RFC 3261 9.1)."""
        if client.cancel:
            return
        client.cancel = True
        data = cancellation(client.sent, reason)
        cancel = ClientTx(client.branch + b"C", data, client.flow, client.node, False, None, now)
        self.layer.open_client(cancel, now)
        # RFC 3261 9.1: without a final answer within 64*T1 the branch is over.
        self.layer.timers.start(client, UNTIL, 64 * self._shared.settings.timing.t1, now)

    def _loser(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer on an abandoned branch: CANCEL what rings, end what was answered."""
        if not client.invite:
            return
        if message.status < 200:
            if not client.cancel and client.state == PROCEEDING:
                self._send_cancel(client, b"", now)
        elif message.status < 300:
            self._shared.count("late 200 ended")
            via = client.flow.listener.via
            ack = b"%b;branch=z9hG4bK%b;rport" % (via, self._shared.fresh())
            self.layer.outbox.append(
                (client.flow, local.in_dialog(client.sent, message, b"ACK", ack))
            )
            if not client.final:
                self._hang_up(client, message, now)
        if message.status >= 200:
            client.final = True
            self.aftermath.left(client, now)

    def _hang_up(self, client: ClientTx, answer: Message, now: float) -> None:
        branch = b"z9hG4bK" + self._shared.fresh()
        via = b"%b;branch=%b;rport" % (client.flow.listener.via, branch)
        reason = b'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
        data = local.in_dialog(client.sent, answer, b"BYE", via, reason)
        bye = ClientTx(branch, data, client.flow, client.node, False, None, now)
        self.layer.open_client(bye, now)

    def cancel(self, server: ServerTx, message: Message, now: float) -> None:
        """The caller gives up (RFC 3261 16.10)."""
        if server.request is None or server.cancelled or server.state != PROCEEDING:
            return
        server.cancelled = True
        reason = message.lines(REASON)
        silent = server.parked
        self._unpark(server)
        for branch in server.branches:
            if branch.abandoned or branch.final:
                continue
            branch.cancelling = True
            if branch.status >= 100:
                self._send_cancel(branch, reason, now)
            if branch.node >= 0 and self._shared.pair.doubtful(branch.node):
                silent = True
        if silent or not server.branches:
            for branch in server.branches:
                if not branch.abandoned:
                    self.abandon(branch, now, reason)
            self.refuse(server, 487, now)

    # -- failures ------------------------------------------------------------------------------

    def gave_up(self, client: ClientTx, now: float) -> None:
        """Timers B, C and F."""
        server = client.server
        if client.node >= 0:
            self._shared.pair.links[client.node].pending.pop(client.branch, None)
        if client.state == PROCEEDING and not client.cancel and client.invite:
            self._shared.count("timer C")
            client.cancelling = True
            self._send_cancel(client, b"", now)
            return
        self.layer.close_client(client)
        self.aftermath.left(client, now)
        if server is None or client.abandoned or server.request is None:
            return
        self._shared.count("no answer")
        client.final = True
        self._local_failure(server, 408, now)

    def failed(self, client: ClientTx, now: float) -> None:
        """The flow could not carry the request."""
        server = client.server
        if client.node >= 0:
            self._shared.pair.links[client.node].pending.pop(client.branch, None)
        if server is None or client.abandoned or server.request is None:
            return
        client.final = True
        self._shared.count("flow failed")
        if client.node >= 0 and server.plan is not None and server.plan.leg is None:
            client.abandoned = True
            if not [b for b in server.branches if not b.abandoned]:
                self._park(server, now)
            return
        self._local_failure(server, 480, now)

    def _local_failure(self, server: ServerTx, status: int, now: float) -> None:
        """A branch that ends without an answer of its own counts like a weak answer."""
        if any(not b.final and not b.abandoned for b in server.branches):
            return
        best = server.best
        plan = server.plan
        if best is not None and plan is not None:
            data = self._builder.back(best[0], server, plan, best[1], now)
            self.layer.answer(server, data, best[1].status, now)
            self._settled(server)
        elif server.invite or status != 408:
            self.refuse(server, status, now)
        else:
            self.layer.close_server(server)  # RFC 4320 4.2: no 408 for a non-INVITE

    def unanswered(self, client: ClientTx, now: float) -> None:
        """A request was sent again."""
        node = client.node
        if node < 0 or client.flow.node < 0:
            return
        link = self._shared.pair.links[node]
        link.sent(now)
        if not link.suspect and link.silent(now):
            link.suspect = True
            self._shared.count("suspected")
            self._shared.tell(Silent(node, link.first_unanswered, now, link.sends))
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
            for client in [c for c in self.layer.clients.values() if c.flow is flow]:
                self.layer.broken(client, now)

    def waited(self, server: ServerTx, kind: int, now: float) -> None:
        """100 Trying is due, or parking ends."""
        request = server.request
        if request is None:
            return
        if kind == UNTIL:
            if server.parked:
                self._unpark(server)
                self._shared.count("parked too long")
                self.refuse(server, 503, now, b"Retry-After: 5\r\n")
        elif server.sent == b"":
            data = reply(request, 100, vias=server.vias)
            self.layer.answer(server, data, 100, now)

    # -- the ends of things --------------------------------------------------------------------

    def _end(self, leg: Leg) -> None:
        shared = self._shared
        was = leg.state
        shared.legs.remove(leg)
        link = shared.pair.links[leg.owner]
        link.hedged.discard(leg.call_id)
        link.started.discard(leg.call_id)
        if was == CONFIRMED:
            shared.count("dialogs ended")

    def _settled(self, server: ServerTx) -> None:
        """A request failed for good: an INVITE's early dialogs are over (RFC 3261 12.3)."""
        if server.invite and server.flow.node >= 0:
            self._shared.pair.links[server.flow.node].serving.pop(server.key, None)
        for branch in server.branches:
            for leg in branch.legs:
                if leg.state == EARLY:
                    self._end(leg)
            branch.legs = []


def _rank(status: int) -> int:
    """Smaller is better (RFC 3261 16.7 step 6): 6xx, then the lowest class, then what helps."""
    if status >= 600:
        return 0
    if status in (401, 407, 415, 420, 484):
        return 399
    return status if status != 503 else 599
