"""The engine: five verbs, and the order in which a message is looked at.

``receive`` (a message came), ``next_deadline``, ``expire`` (the deadline passed),
``route_changed``, ``take`` (what is to be sent).  Beside them the shell pushes what it learnt:
``lost``, ``trunk_resolved``, ``node_flows``; and control asks for probes.  The engine never
waits, sleeps or looks at a clock; ``now`` is the monotonic clock in seconds.

*Their* errors end here and nowhere else: a Malformed or a Refusal becomes a SIP status, Garbage
becomes silence, each under its name in ``counters``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sipfront.sip.errors import Garbage, Malformed, SipError
from sipfront.sip.headers import MAX_FORWARDS, PROXY_REQUIRE, VIA
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from sipfront.sip.uri import parse_uri
from sipfront.stack import local
from sipfront.stack.care import Care
from sipfront.stack.flows import STRANGER, Flow, Flows
from sipfront.stack.matching import COOKIE, mismatch, server_key, top_via, way_back
from sipfront.stack.notices import Notice, Rejected
from sipfront.stack.plan import aor_of, claimed
from sipfront.stack.policy import may_start
from sipfront.stack.proxy import Proxy
from sipfront.stack.registrations import Registrations
from sipfront.stack.route import NodeState, Route
from sipfront.stack.routing import Router
from sipfront.stack.shared import Refusal, Shared
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import ACCEPTED, COMPLETED, CONFIRMED, PROCEEDING, ClientTx
from sipfront.stack.trunk_client import TrunkClients

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sipfront.stack.accounts import Account
    from sipfront.stack.dialog import Leg
    from sipfront.stack.plan import Plan
    from sipfront.stack.settings import Settings, Trunk

_SIP = (b"sip", b"sips")
#: Why a flow was lost, when that means that nobody listens there: ICMP, RST (runtime.ports).
REFUSALS = frozenset(("refused", "reset"))
#: An answer to a probe that comes later than this is no answer.
_PROBE_LIFE = 4.0
#: How often one request may pass the front (Max-Forwards does not count what a node hides).
MAX_SPIRAL = 10
_BRANCH = len(COOKIE) + 16
#: Request-URI schemes that a front forwards; the nodes know what to do with a number.
_FORWARDED = (b"sip", b"sips", b"tel", b"urn")


class Engine:
    """The front without its sockets."""

    def __init__(self, settings: Settings, flows: Flows, entropy: Callable[[int], bytes]) -> None:
        self.shared = Shared(settings, flows, entropy)
        self._router = Router(self.shared)
        self._proxy = Proxy(self.shared)
        self._layer = self._proxy.layer
        self._trunk_clients = TrunkClients(self.shared, self._layer)
        self.registrations = Registrations(self.shared, self._proxy)
        self.care = Care(self.shared, self._proxy, self._router)
        self.counters = self.shared.counters
        self._probes = 0

    # -- the verbs -----------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One whole SIP message came in by ``flow``."""
        node = flow.node
        shared = self.shared
        if node >= 0:
            link = shared.pair.links[node]
            if link.spoke(now):
                self._proxy.failover.spoke(now)
        elif node == STRANGER:
            shared.count("stranger on an inside address")
            return
        try:
            message = scan(data)
        except Garbage as error:
            shared.count("garbage: " + error.reason)
            return
        except Malformed as error:
            self._malformed(error, flow, now)
            return
        if message.status:
            self._response(message, flow, now)
        else:
            self._request(message, flow, now)

    def next_deadline(self) -> float | None:
        """When :meth:`expire` has something to do, at the earliest."""
        timer, look = self._layer.timers.next_deadline(), self.registrations.next_deadline()
        if timer is None or look is None:
            return timer if look is None else look
        return min(timer, look)

    def expire(self, now: float) -> None:
        """A deadline passed."""
        self._layer.expire(now)
        self.registrations.expire(now)

    def route_changed(self, route: Route, now: float) -> None:
        """Control decided something."""
        old = self.shared.pair.route
        self._proxy.failover.route_changed(route, now)
        self.registrations.route_changed(old, route, now)

    def take(self) -> list[tuple[Flow, bytes]]:
        """What is to be sent, in order."""
        outbox = self._layer.outbox
        self._layer.outbox = []
        return outbox

    # -- pushes --------------------------------------------------------------------------------

    def lost(self, flow: Flow, now: float, why: str) -> None:
        """A send by ``flow`` was refused, or its connection ended or could not be made."""
        self.shared.count("lost: " + why)
        self._proxy.failover.lost(flow, now, refused=why in REFUSALS)

    def legs_of(self, node: int) -> list[Leg]:
        """The dialogs that live on a node, oldest first."""
        return self.shared.legs.of(node)

    def trunk_resolved(self, name: str, flows: tuple[Flow, ...], now: float) -> None:
        """The ways to a trunk, in order of preference (RFC 3263)."""
        self._trunk_clients.ways(name, flows, now)

    def trunks_changed(self, trunks: tuple[Trunk, ...], now: float) -> None:
        """The configuration was read again; calls that are up do not notice."""
        self.shared.settings = replace(self.shared.settings, trunks=trunks)
        self._router.trunks_changed()
        self._trunk_clients.changed(now)

    def accounts_changed(self, accounts: Mapping[bytes, Account], now: float) -> None:
        """The phones' credentials, by address-of-record or user part, as far as they are known."""
        self.shared.accounts.replaced(accounts)
        self.registrations.accounts_changed(now)

    def busy(self) -> int:
        """Requests that are still to be answered, waited for before the front ends."""
        return sum(server.state <= PROCEEDING for server in self._layer.servers.values())

    def node_flows(self, node: int, flows: tuple[Flow, ...]) -> None:
        """The inside flows to a node: (local, remote), or one for both."""
        self.shared.pair.links[node].flows = flows

    def probe(self, node: int, probe: int, now: float, kind: str = "options") -> None:
        """Send one OPTIONS, or one BYE of no dialog, without retransmission."""
        shared = self.shared
        link = shared.pair.links[node]
        if not link.flows:
            return
        flow = link.flows[0]
        target = shared.settings.nodes[node]
        branch = COOKIE + shared.fresh()
        via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
        uri = b"sip:%b:%d" % (target.host, target.port)
        method = b"BYE" if kind == "bye" else b"OPTIONS"
        self._probes += 1
        data = local.probe(method, uri, via, shared.fresh(), self._probes, (b"sipfront", b""))
        client = ClientTx(branch, data, flow, node, False, None, now)
        client.probe = probe
        self._layer.open_client(client, now)
        client.resend_at = 0.0
        self._layer.timers.start(client, UNTIL, _PROBE_LIFE, now)

    @property
    def heard(self) -> list[float]:
        """Per node: when anything was last received from it (0.0: never)."""
        return [link.heard for link in self.shared.pair.links]

    def notices(self) -> list[Notice]:
        """What there is to tell, oldest first."""
        notices = self.shared.notices
        self.shared.notices = []
        return notices

    # -- responses -----------------------------------------------------------------------------

    def _response(self, message: Message, flow: Flow, now: float) -> None:
        """RFC 3261 18.1.2, 17.1.3: the top Via is ours and names the branch."""
        value = message.value(VIA) or b""
        at = value.find(b"branch=")
        branch = value[at + 7 :].partition(b";")[0].partition(b",")[0].strip() if at > 0 else b""
        if message.cseq_method == b"CANCEL":
            branch += b"C"
        client = self._layer.clients.get(branch)
        if client is None:
            self.shared.count("response without a transaction")
            return
        if strange := mismatch(client, message, flow):
            self.shared.count(strange)
            return
        self._layer.respond(client, message, now)

    # -- requests ------------------------------------------------------------------------------

    def _request(self, message: Message, flow: Flow, now: float) -> None:
        try:
            via = top_via(message)
        except Garbage as error:  # nobody can be told
            self.shared.count("garbage: " + error.reason)
            return
        except Malformed as error:
            error.message = message
            self._malformed(error, flow, now)
            return
        method = message.method
        key = server_key(message, via, flow, b"INVITE" if method == b"ACK" else method)
        server = self._layer.servers.get(key)
        if method == b"ACK":
            if server is not None and server.state in (COMPLETED, CONFIRMED):
                self._layer.acknowledged(server, now)
            else:
                self._ack(message, flow, now)
            return
        if server is not None:
            self._layer.again(server, now)
            return
        shared = self.shared
        reply_flow, vias = way_back(message, via, flow, shared.flows)
        if len(self._layer.servers) >= shared.settings.limits.transactions:
            shared.count("too many transactions")
            self._stateless(message, reply_flow, vias, 503, b"Retry-After: 5\r\n")
            return
        if flow.node < 0 and self._banned(message, flow, now):
            shared.count("banned")
            return
        server = self._layer.open_server(key, message, reply_flow, vias, now)
        if method == b"CANCEL":
            found = self._layer.servers.get(server_key(message, via, flow, b"INVITE"))
            self._proxy.refuse(server, 200 if found is not None else 481, now)
            if found is not None and found.state != ACCEPTED:
                self._proxy.parting.cancel(found, message, now)
            return
        try:
            plan = self._plan(message, flow, now)
        except Refusal as refusal:
            self._refused(message, flow, refusal, now)
            if method == b"OPTIONS" and refusal.status == 480 and flow.node >= 0:
                self._layer.close_server(server)  # any answer would say "reachable" to Asterisk
                return
            self._proxy.refuse(server, refusal.status, now, refusal.extra)
            return
        except SipError as error:
            shared.count("malformed: " + error.reason)
            self._proxy.refuse(server, getattr(error, "status", 400), now)
            return
        if plan.registration is not None:
            self.registrations.start(server, plan, now)
        else:
            self._proxy.start(server, plan, now)

    def _plan(self, message: Message, flow: Flow, now: float) -> Plan:
        """The checks of RFC 3261 16.3, then where it goes."""
        shared = self.shared
        method = message.method
        inside = flow.node >= 0
        uri = parse_uri(message.uri)
        if uri.scheme not in _FORWARDED:
            raise Refusal(416, "unknown scheme")
        if uri.headers:
            raise Malformed("headers in the Request-URI")  # 19.1.1 table 1
        if uri.scheme in _SIP and uri.user is None and uri.host_key in shared.own_hosts:
            if method == b"OPTIONS" and not message.to_tag:
                route = shared.pair.route
                serves = route.active is not None and NodeState.UP in route.states
                raise Refusal(200 if inside or serves else 503, "asked ourselves")
        hops = message.value(MAX_FORWARDS)
        if hops is not None and int(hops) == 0:
            raise Refusal(483, "too many hops")
        self._loop(message, flow)
        if message.has(PROXY_REQUIRE):
            required = b", ".join(message.values(PROXY_REQUIRE))
            raise Refusal(420, "unknown Proxy-Require", b"Unsupported: %b\r\n" % required)
        if inside:
            plan = self._router.from_node(message, flow, uri, now)
            may_start(shared, flow.node, message, plan, now)
            return plan
        plan = self._router.from_outside(message, flow, uri, now)
        if method == b"REGISTER":
            plan.aor = aor_of(message, shared)
        elif not plan.trunk and not plan.emergency:
            plan.aor = claimed(message, shared)
        if plan.aor and shared.guard.banned("aor " + plan.aor.decode("utf-8", "replace"), now):
            raise Refusal(403, "banned address-of-record")
        if method == b"REGISTER":
            plan.registration = shared.registrar.read(message, plan.aor, flow)
        return plan

    def _banned(self, message: Message, flow: Flow, now: float) -> bool:
        """A banned source gets no answer, but for its calls that are up and for emergencies."""
        if message.to_tag or not self.shared.guard.banned(flow.host, now):
            return False
        if self._router.trunk_of(flow.host) is not None:
            return False
        try:
            return not self._router.emergency(parse_uri(message.uri))
        except SipError:
            return True

    def _loop(self, message: Message, flow: Flow) -> None:
        """RFC 5393 4.2: a request that we have already seen, from this side and for this URI.

        Each side sees one Via of ours, so what lies behind a branch of ours that is still under
        way is followed back.  Another URI, or the other side, is a spiral and may go on: a node
        that is a proxy sends on what it got.  What comes back from outside as it was sent is a loop.
        """
        lines = message.lines(VIA)
        for _ in range(MAX_SPIRAL):
            client = None
            at = lines.find(b"branch=")
            while client is None and at >= 0:
                client = self._layer.clients.get(lines[at + 7 : at + 7 + _BRANCH])
                at = lines.find(b"branch=", at + 7)
            if client is None:
                return
            if flow.node < 0 and client.sent.split(b" ", 2)[1] == message.uri:
                raise Refusal(482, "loop")
            server = client.server
            if server is None or server.request is None:
                return
            if (server.flow.node < 0) == (flow.node < 0) and server.request.uri == message.uri:
                raise Refusal(482, "loop")
            lines = server.request.lines(VIA)
        raise Refusal(482, "loop")

    def _ack(self, message: Message, flow: Flow, now: float) -> None:
        """The ACK of a 2xx; one that leads nowhere is dropped (RFC 3261 17.1.1.3)."""
        try:
            uri = parse_uri(message.uri)
            if flow.node >= 0:
                plan = self._router.from_node(message, flow, uri, now)
            else:
                plan = self._router.from_outside(message, flow, uri, now)
            if plan.leg is None:
                raise Refusal(481, "no dialog")
        except (Refusal, SipError):
            self.shared.count("stray ACK")
            return
        hops = message.value(MAX_FORWARDS)
        if hops is not None and int(hops) == 0:
            return
        self._proxy.unacked.passes(plan, message, flow, now)

    # -- refusing ------------------------------------------------------------------------------

    def _refused(self, message: Message, flow: Flow, refusal: Refusal, now: float) -> None:
        shared = self.shared
        shared.count("refused: " + refusal.reason)
        if flow.node < 0 and refusal.status == 403:
            shared.tell(
                Rejected(
                    now,
                    flow.host,
                    flow.port,
                    flow.listener.transport.name,
                    refusal.reason,
                    "",
                    message.method.decode("ascii", "replace"),
                    False,
                )
            )

    def _malformed(self, error: Malformed, flow: Flow, now: float) -> None:
        """400 and its kin, without a transaction (RFC 3261 8.2.7)."""
        shared = self.shared
        shared.count("malformed: " + error.reason)
        message = error.message
        if message is None or message.method == b"ACK" or message.status:
            return
        if flow.node < 0 and shared.guard.banned(flow.host, now):
            return
        try:
            reply_flow, vias = way_back(message, top_via(message), flow, self.shared.flows)
        except SipError:
            return  # not even the way back can be read
        self._stateless(message, reply_flow, vias, error.status)

    def _stateless(
        self, message: Message, flow: Flow, vias: bytes, status: int, extra: bytes = b""
    ) -> None:
        tag = self.shared.fresh()
        data = reply(message, status, vias=vias, to_tag=tag, extra=extra)
        self._layer.outbox.append((flow, data))
