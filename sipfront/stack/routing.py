"""Where a request goes: the rules of the design's section 4, first match wins.

From outside: (1) a To-tag leads to the dialog's owner; (2) Replaces, Join and Target-Dialog to the
owner of the dialog that they name; (3) credentials to the node that issued their nonce; (4) all
else to the active node.  From a node: to a dialog's far side, to the phone behind a binding token,
to the bindings of one of our AORs, to a trunk; never anywhere else, whatever Request-URI, Route,
Contact, Via or maddr say.

The outcome is a :class:`Plan`, or a :class:`~sipfront.stack.shared.Refusal`.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from sipfront.sip.headers import (
    AUTHORIZATION,
    JOIN,
    OURS,
    PROXY_AUTHORIZATION,
    REPLACES,
    TARGET_DIALOG,
)
from sipfront.stack import trunking
from sipfront.stack.dialog import Leg
from sipfront.stack.forward import routed
from sipfront.stack.guard import nonce_of
from sipfront.stack.hiding import ACCOUNT, BINDING, NAMED, PARAM, NodeTarget, OutsideTarget
from sipfront.stack.plan import (
    SOURCE_NAME,
    TO_NODE_REFUSED,
    Plan,
    Target,
    dialog_named,
    restored,
    source,
)
from sipfront.stack.reaching import gone, once, to_bindings
from sipfront.stack.route import NodeState, Standing
from sipfront.stack.shared import Refusal, Shared
from sipfront.stack.tagmap import Kept, leg_of

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.sip.uri import Uri
    from sipfront.stack.flows import Flow
    from sipfront.stack.settings import Network, Trunk

#: Methods that make a dialog when they have no To-tag.  A NOTIFY without one belongs to no
#: subscription (RFC 6665 4.1.3): PBXs send the state of a mailbox so, and nothing ever ends it.
DIALOG_METHODS = frozenset((b"INVITE", b"SUBSCRIBE", b"REFER"))


class Router:
    """Reads requests and makes plans."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._sources: list[tuple[Network, Trunk]] = []
        self._known: dict[str, tuple[bool, Trunk | None, bytes]] = {}
        self.trunks_changed()

    def trunks_changed(self) -> None:
        """The trunks of the settings are others now."""
        settings = self._shared.settings
        self._sources = [(net, trunk) for trunk in settings.trunks for net in trunk.sources]
        self._known.clear()

    # -- from outside --------------------------------------------------------------------------

    def from_outside(self, message: Message, flow: Flow, uri: Uri, now: float) -> Plan:
        """The plan for a request of a phone or trunk."""
        plan = Plan(to_node=True)
        local, trunk, lines = self._who(flow.host)
        plan.local = local
        plan.trunk = trunk.name if trunk is not None else ""
        plan.extra = lines % (flow.port, SOURCE_NAME[flow.listener.transport])
        if message.to_tag:
            self._in_dialog_to_node(plan, message, flow, uri)
            return plan
        shared = self._shared
        token = uri.param(PARAM)
        if token is not None:
            self._by_token(plan, token, uri)
            if plan.node != shared.pair.route.active:
                # A Contact outlives its node's role: the registration at a trunk, a call list.
                plan.node = None
        if plan.node is None:
            if (
                uri.host
                and uri.host_key not in shared.domains
                and uri.host_key not in (shared.own_hosts)
            ):
                raise Refusal(403, "relay denied")
            plan.uri = b""
            if trunk is not None and trunk.register != "none":
                named = token.lower() if token is not None and token[:1] in b"aA" else None
                plan.enrolment = shared.enrolments.called(trunk.name, named, uri.user)
        plan.emergency = message.method == b"INVITE" and self.emergency(uri)
        owner = self._named_dialog(message)
        if owner is not None:
            plan.node = owner
        elif plan.node is None:
            plan.node = self._issuer(message, now)
        return plan

    def emergency(self, uri: Uri) -> bool:
        """Whether this is an emergency call (configured numbers, RFC 5031)."""
        if uri.scheme == b"urn":
            return uri.opaque.lower().startswith(b"service:sos")
        return uri.user in self._shared.settings.emergency

    def trunk_of(self, host: str) -> Trunk | None:
        """The trunk that sends from this address."""
        return self._who(host)[1]

    def _who(self, host: str) -> tuple[bool, Trunk | None, bytes]:
        """Whether a source is local, whose trunk it is, and the form of what nodes are told of it."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) > 100_000:
                self._known.clear()
            address = ip_address(host)
            local = any(address in net for net in self._shared.settings.local_networks)
            trunk = next((trunk for net, trunk in self._sources if address in net), None)
            known = self._known[host] = (local, trunk, source(host, trunk))
        return known

    def _in_dialog_to_node(self, plan: Plan, message: Message, flow: Flow, uri: Uri) -> None:
        shared = self._shared
        token = uri.param(PARAM)
        leg = shared.legs.find(message.call_id, message.from_tag, message.to_tag)
        if leg is not None:
            if token is not None and token.lower() != leg.inside_token:
                self._check(token.lower())
            plan.leg = leg
            plan.node = leg.owner
            target = leg.inside_target or uri.raw
            plan.uri, plan.routes = routed(target, leg.inside_routes)
            if leg.outside_flow is not flow and (token is not None or flow.reliable):
                leg.outside_flow = flow  # the phone moved: it is reached where it speaks from
                shared.legs.refreshed(leg)
            cseq = message.cseq if leg.kept is None else leg.kept.number_in(leg, message)
            if cseq > leg.outside_cseq:
                leg.outside_cseq = cseq
                shared.legs.refreshed(leg)
            return
        if shared.legs.was_ended(message.call_id, message.from_tag, message.to_tag):
            status = 200 if message.method in (b"BYE", b"PRACK") else 481
            raise Refusal(status, "dialog was ended by us")
        own = self._by_token(plan, token, uri) if token is not None else b""
        if plan.node is None:
            raise Refusal(481, "no such dialog")
        leg = Leg(message.call_id, message.from_tag, message.to_tag, plan.node)
        leg.outside_flow = flow
        leg.inside_target = plan.uri
        leg.inside_token = token or b""
        leg.epoch = shared.pair.route.epoch
        leg.kind = b"" if message.method in (b"BYE", b"ACK") else message.method
        if own:
            leg.kept = Kept(message.to_tag, own)
        if message.method not in (b"ACK", b"BYE"):
            shared.legs.add(leg)
            shared.legs.confirm(leg)
        plan.leg = leg

    def _check(self, token: bytes) -> None:
        """A token that is not the dialog's must at least be ours."""
        shared = self._shared
        if shared.tokens.open(token) is None and not shared.tokens.genuine(token):
            if shared.bindings.get(token) is None:
                raise Refusal(403, "forged token")

    def _by_token(self, plan: Plan, token: bytes, uri: Uri) -> bytes:
        """A node behind a token of ours, as its target; the tag that it has there, if it says."""
        shared = self._shared
        token = token.lower()
        if token[:1] == NAMED:
            named = shared.named.get(token)
            if named is not None and named.flow is None:
                plan.node = named.node
                plan.uri = named.target
            elif not shared.tokens.genuine(token):
                raise Refusal(403, "forged token")
            return b""
        if token[:1] in (BINDING, ACCOUNT):
            return b""
        opened = shared.tokens.open(token)
        if opened is None:
            raise Refusal(403, "forged token")
        if isinstance(opened, NodeTarget) and opened.node < len(shared.settings.nodes):
            plan.node = opened.node
            plan.uri = restored(uri, opened.host, opened.port)
        return opened.tag

    def _named_dialog(self, message: Message) -> int | None:
        """The owner of the dialog that Replaces, Join or Target-Dialog names."""
        for hid in (REPLACES, JOIN, TARGET_DIALOG):
            value = message.value(hid)
            if value is None:
                continue
            call_id, to_tag, from_tag = dialog_named(value)
            legs = self._shared.legs
            leg = legs.find(call_id, from_tag, to_tag) or legs.find(call_id, to_tag, from_tag)
            if leg is not None:
                return leg.owner
        return None

    def _issuer(self, message: Message, now: float) -> int | None:
        """The node that issued the nonce of the credentials, unless it may take nothing new."""
        value = message.value(AUTHORIZATION) or message.value(PROXY_AUTHORIZATION)
        if value is None:
            return None
        node = self._shared.nonces.issuer(nonce_of(value), now)
        if node is None or node < 0:
            return None
        route = self._shared.pair.route
        if route.states[node] == NodeState.DOWN or route.standings[node] == Standing.FENCED:
            return None
        return node

    # -- from a node ---------------------------------------------------------------------------

    def from_node(self, message: Message, flow: Flow, uri: Uri, now: float) -> Plan:
        """The plan for a request of a node."""
        other = self._between_nodes(message, flow, uri)
        if other is not None:
            return other
        plan = Plan(to_node=False)
        token = uri.param(PARAM)
        if message.to_tag:
            self._in_dialog_to_outside(plan, message, flow, uri, token)
            return plan
        shared = self._shared
        if message.method == b"INVITE":
            plan.emergency = self.emergency(uri)
            if message.has(OURS):
                plan.correlation = b"".join(message.named(b"x-sipfront-call")[:1])
        if token is not None:
            token = token.lower()
            binding = shared.bindings.get(token)
            if binding is not None:
                if message.method == b"INVITE":
                    once(shared, flow.node, plan, message, binding, now)
                to_bindings(shared, plan, [binding], now, gone(message))
                return plan
            if token[:1] == BINDING:
                raise Refusal(480, "binding unknown")
            target = self._outside_of(token, uri)
            if target is not None:  # REFER, MESSAGE or NOTIFY to a party of a call
                plan.targets.append(target)
                return plan
        trunk = trunking.asked(shared, message, uri)
        if trunk is not None:
            trunking.send(shared, plan, trunk, message, uri, flow, now)
            return plan
        if uri.user is not None and uri.host_key in shared.own_hosts:
            bindings = shared.bindings.of_user(uri.user, now)
            to_bindings(shared, plan, bindings, now, gone(message))
            return plan
        if uri.user is not None and uri.host_key in shared.domains:
            to_bindings(shared, plan, shared.bindings.of(uri.key(), now), now, gone(message))
            return plan
        raise Refusal(503, "no relay for nodes", TO_NODE_REFUSED)

    def _between_nodes(self, message: Message, flow: Flow, uri: Uri) -> Plan | None:
        """A request of one node for a dialog that lives on the other (RFC 3891, RFC 5589 7.3).

        A call was put through by one node while the other party's call lives on the other: the
        Replaces names a dialog whose own tag, ``to-tag``, is the other node's.
        """
        legs = self._shared.legs
        leg: Leg | None
        if message.to_tag:
            leg = legs.find(message.call_id, message.from_tag, message.to_tag)
        else:
            leg = self._replaced(message)
        if leg is None or leg.owner == flow.node:
            return None
        plan = Plan(to_node=True)
        plan.local = True
        plan.extra = b"X-Sipfront-Node: %b\r\n" % (
            self._shared.settings.nodes[flow.node].name.encode()
        )
        if message.to_tag:
            self._in_dialog_to_node(plan, message, flow, uri)
        plan.node = leg.owner
        return plan

    def _replaced(self, message: Message) -> Leg | None:
        """The dialog that a Replaces names by the tag of its node."""
        value = message.value(REPLACES)
        if value is None:
            return None
        call_id, to_tag, from_tag = dialog_named(value)
        return self._shared.legs.find(call_id, from_tag, to_tag)

    def _in_dialog_to_outside(
        self, plan: Plan, message: Message, flow: Flow, uri: Uri, token: bytes | None
    ) -> None:
        shared = self._shared
        leg = shared.legs.find(message.call_id, message.to_tag, message.from_tag)
        if leg is not None:
            if leg.joined is not None:  # the call goes on without it, and it is told so
                raise Refusal(200 if message.method == b"BYE" else 481, "dialog of a kept call")
            if shared.pair.route.standings[flow.node] == Standing.FENCED:
                raise Refusal(481, "dialog of a fenced node")
            plan.leg = leg
            out = leg.outside_flow
            if out is None:
                raise Refusal(481, "no such dialog")
            if not out.open:
                out = leg.outside_flow = shared.flows.now(out)
            if not out.open and message.method != b"BYE":  # BYE: see the farewells
                raise Refusal(480, "flow gone")
            target, routes = routed(leg.outside_target or uri.raw, leg.outside_routes)
            plan.targets.append(Target(target, out, None, routes))
            leg.inside_flow = flow
            cseq = message.cseq if leg.kept is None else leg.kept.number_out(leg, message)
            if cseq > leg.inside_cseq:
                leg.inside_cseq = cseq
                shared.legs.refreshed(leg)
            return
        if shared.legs.was_ended(message.call_id, message.to_tag, message.from_tag):
            if message.method == b"BYE":  # it crossed ours, or the other party's
                raise Refusal(200, "dialog was ended by us")
        found = self._outside_of(token.lower(), uri) if token is not None else None
        if found is None and token is not None:
            binding = shared.bindings.get(token.lower())
            if binding is not None:
                to_bindings(shared, plan, [binding], 0.0)
                found = plan.targets.pop()
        if found is None:
            raise Refusal(481, "no such dialog")
        leg = leg_of(shared, message, flow.node, token)
        leg.by_outside = False
        leg.outside_flow = found.flow
        leg.outside_target = found.uri
        leg.outside_token = token or b""
        leg.inside_flow = flow
        leg.epoch = shared.pair.route.epoch
        if message.method not in (b"ACK", b"BYE"):
            leg.kind = b"SUBSCRIBE" if message.method == b"NOTIFY" else message.method
            shared.legs.add(leg)
            shared.legs.confirm(leg)
        plan.leg = leg
        plan.targets.append(found)

    def _outside_of(self, token: bytes, uri: Uri) -> Target | None:
        """The outside party behind a dialog or named token."""
        shared = self._shared
        if token[:1] == NAMED:
            named = shared.named.get(token)
            if named is None or named.flow is None:
                return None
            there = shared.flows.now(named.flow)
            if not there.open:
                raise Refusal(480, "flow gone")
            return Target(named.target, there)
        opened = shared.tokens.open(token)
        if not isinstance(opened, OutsideTarget):
            return None
        flow = shared.flows.find(opened.listener, opened.host, opened.port)
        if flow is None:
            raise Refusal(480, "flow gone")
        return Target(restored(uri, opened.target_host, opened.target_port), flow)
