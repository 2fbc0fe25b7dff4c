"""Builds the forwarded messages: one branch of a plan, and the answers that come back by it.

The far side's Contact is hidden here, what the front must know of a dialog is learnt here, and
nothing is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.errors import Malformed
from sipfront.sip.headers import (
    CSEQ,
    EVENT,
    FROM,
    JOIN,
    RECORD_ROUTE,
    REFER_TO,
    REPLACES,
    TARGET_DIALOG,
    TO,
)
from sipfront.sip.uri import Uri
from sipfront.stack import lifetime, reginfo, tagmap
from sipfront.stack.dialog import Leg
from sipfront.stack.disguise import Hide
from sipfront.stack.forward import contact_uri, reversed_routes, uri_spans
from sipfront.stack.forward import request as forward_request
from sipfront.stack.forward import response as forward_response
from sipfront.stack.hiding import PARAM, NodeTarget
from sipfront.stack.lessons import stale
from sipfront.stack.plan import called, restored
from sipfront.stack.routing import DIALOG_METHODS
from sipfront.stack.session import Session

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan, Target
    from sipfront.stack.shared import Shared
    from sipfront.stack.tagmap import Kept
    from sipfront.stack.transaction import ClientTx, ServerTx

#: Methods whose Contact is a new remote target (RFC 3261 12.2, RFC 3311, 6665).
TARGET_REFRESH = frozenset((b"INVITE", b"UPDATE", b"SUBSCRIBE", b"NOTIFY", b"REFER"))
_SIP = (b"sip", b"sips")


def node_uri(shared: Shared, raw: bytes, node: int) -> bytes:
    """A Request-URI as a node sees it: a host of ours becomes the node's; raises Malformed."""
    uri = Uri.parse(raw)
    if uri.scheme not in _SIP:
        return raw
    clean = uri.without(b"transport", b"maddr", PARAM) if uri.params else uri
    host = uri.host
    if uri.host_key in shared.own_hosts:
        target = shared.settings.nodes[node]
        host = b"%b:%d" % (target.host, target.port)
    elif uri.port is not None and uri.port != 5060:
        host = b"%b:%d" % (host, uri.port)
    user = b"%b@" % uri.user if uri.user else b""
    params = b";" + clean.params if clean.params else b""
    return b"sip:%b%b%b" % (user, host, params)


class Builder:
    """Makes the client transactions of a plan, and the octets that go back."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    # -- requests ------------------------------------------------------------------------------

    def to_node(
        self, message: Message, plan: Plan, node: int, flow: Flow, by: Flow, tx: ServerTx | None
    ) -> tuple[bytes, bytes]:
        """(branch, octets) of a request to a node; ``by`` is the flow that it came on."""
        shared = self._shared
        listener = flow.listener
        branch = shared.branch(tx, flow)
        edits: list[Edit] = []
        hide: Hide | None = None
        leg = plan.leg
        kept = plan.kept if leg is None else leg.kept
        if leg is not None and leg.session is not None and leg.session.asked(message, True):
            shared.legs.refreshed(leg)
        if leg is not None and kept is not None:
            message = kept.inward(message)
        if plan.registration is not None:
            edits = shared.registrar.edits(plan.registration, message, listener, node)
        else:
            hide = Hide(shared, listener, node, by, kept=kept)
        if message.has(REFER_TO):
            self._refer_to(message, edits)
        if shared.legs.renamed:
            self._named_dialogs(message, edits, True)
        if leg is not None and leg.inside_uri:
            field = message.field(TO)
            if field is not None:
                edits.append((field[2], field[3], leg.inside_uri))
        extra = plan.extra
        if plan.correlation:
            extra += b"X-Sipfront-Call: %b\r\n" % plan.correlation
        if plan.attempts:
            extra += b"X-Sipfront-Attempt: %d\r\n" % (plan.attempts + 1)
        data = forward_request(
            message,
            # The URI is that node's own; a hedge takes the call to the other one.
            uri=(plan.uri if node == plan.node else b"")
            or called(plan, message, node)
            or node_uri(shared, message.uri, node),
            via=b"%b;branch=%b;rport" % (listener.via, branch),
            routes=plan.routes,
            contact=hide,
            extra=extra,
            edits=edits,
        )
        if leg is not None and hide is not None and message.method in TARGET_REFRESH:
            target = contact_uri(message)
            if target:
                leg.outside_target = target
                leg.outside_token = hide.token
                shared.legs.refreshed(leg)
        return branch, data

    def to_outside(
        self, message: Message, plan: Plan, target: Target, node: int, tx: ServerTx | None
    ) -> tuple[bytes, bytes]:
        """(branch, octets) of a node's request to a phone or trunk."""
        shared = self._shared
        listener = target.flow.listener
        number = message.cseq  # as the node gave it
        branch = shared.branch(tx, target.flow)
        edits: list[Edit] = []
        leg = plan.leg
        kept = None if leg is None else leg.kept
        if leg is not None and kept is not None:
            message = kept.outward(message, message.cseq + kept.out_shift)
        plan.masked = reginfo.masked(shared, message, target.flow, edits)
        if plan.masked and kept is not None:
            plan.masked = kept.called_inside(plan.masked)
        if shared.legs.renamed:
            self._named_dialogs(message, edits, False)
        secure = target.uri[:5].lower() == b"sips:"
        hide = Hide(shared, listener, node, None, secure=secure, kept=kept)
        if plan.passing is not None:
            plan.passing.edits(message, listener, edits)
        data = forward_request(
            message,
            uri=target.uri,
            via=b"%b;branch=%b;rport" % (listener.via, branch),
            routes=target.routes,
            contact=hide if plan.passing is None else None,
            extra=b"",
            edits=edits,
        )
        if leg is not None:
            if leg.session is not None and leg.session.asked(message, False, number):
                shared.legs.refreshed(leg)
            if plan.masked:
                leg.inside_uri = plan.masked
            if message.method in TARGET_REFRESH:
                contact = contact_uri(message)
                if contact:
                    leg.inside_target = contact
                    leg.inside_token = hide.token
                    shared.legs.refreshed(leg)
        return branch, data

    def _named_dialogs(self, message: Message, edits: list[Edit], inward: bool) -> None:
        """Dialogs that a request names (RFC 3891, 3911, 4538), as the other side calls them."""
        for hid in (REPLACES, JOIN, TARGET_DIALOG):
            field = message.field(hid)
            if field is not None:
                value = message.data[field[2] : field[3]]
                new = tagmap.renamed(self._shared, value, inward=inward)
                if new != value:
                    edits.append((field[2], field[3], new))

    def _refer_to(self, message: Message, edits: list[Edit]) -> None:
        """Refer-To with a token of ours is mapped back to what the node knows."""
        field = message.field(REFER_TO)
        if field is None:
            return
        value = message.data[field[2] : field[3]]
        try:
            spans = uri_spans(value)
            uri = Uri.parse(value[spans[0][0] : spans[0][1]])
        except (Malformed, IndexError):
            return
        token = uri.param(PARAM)
        if token is None or not uri.host:
            return
        named = self._shared.named.get(token.lower())
        if named is not None and named.flow is None:
            new = named.target
        else:
            opened = self._shared.tokens.open(token.lower())
            if not isinstance(opened, NodeTarget):
                return
            new = restored(uri, opened.host, opened.port)
        if uri.headers:
            headers = uri.headers
            if self._shared.legs.renamed and headers[:9].lower() == b"replaces=":
                named_one = tagmap.renamed(self._shared, headers[9:], inward=True, quoted=True)
                headers = headers[:9] + named_one
            new += b"?" + headers
        edits.append((field[2] + spans[0][0], field[2] + spans[0][1], new))

    # -- responses -----------------------------------------------------------------------------

    def back(
        self, client: ClientTx, server: ServerTx, plan: Plan, message: Message, now: float
    ) -> bytes:
        """The octets of an answer as it goes back, and what it teaches about its dialog."""
        shared = self._shared
        request = server.request
        assert request is not None
        edits: list[Edit] = []
        redirect = 300 <= message.status <= 399 or message.status == 485
        hide: Hide | None = None
        if plan.to_node:
            kept = self._kept(server, plan, message)
            if kept is not None:
                message = kept.outward(message, request.cseq)
            shared.mask.edits(message, edits)
            if message.status in (401, 407):
                stale(shared, client, request, message, now, edits)
            if plan.registration is not None:
                shared.registrar.back(message, request, edits)
                if 200 <= message.status < 300:
                    lines = shared.registrar.accepted(plan.registration, message, client.node, now)
                    shared.registrar.shown(message, lines, edits, plan.registration.also)
                else:
                    shared.registrar.refused(plan.registration, message, client.node)
                    # whatever its Contacts are, they are no remote targets
                    hide = Hide(shared, server.flow.listener, client.node, None, redirect=True)
            else:
                secure = request.uri[:5].lower() == b"sips:"
                hide = Hide(
                    shared,
                    server.flow.listener,
                    client.node,
                    None,
                    redirect=redirect,
                    secure=secure,
                    kept=kept,
                )
        else:
            hide = Hide(
                shared,
                server.flow.listener,
                server.flow.node,
                client.flow,
                redirect=redirect,
                kept=None if plan.leg is None else plan.leg.kept,
            )
            self._restore(message, request, edits)
            if plan.passing is not None:
                hide = None
                plan.passing.back(message, request, client.flow, now, edits)
                shared.enrolments.touch(plan.passing.enrolment)
        data = forward_response(
            message,
            vias=server.vias,
            record_routes=request.lines(RECORD_ROUTE),
            contact=hide,
            edits=edits,
            drop_retry_after=plan.to_node and message.status == 503,
        )
        if message.to_tag and 100 < message.status < 300 and hide is not None:
            self._learn(client, server, request, plan, message, hide, now)
        elif plan.leg is not None:
            self._heard(plan.leg, request, plan, message, now)
        return data

    def _heard(self, leg: Leg, request: Message, plan: Plan, message: Message, now: float) -> None:
        """What an answer says of the session, and of how long the dialog lives."""
        session = leg.session
        if session is not None and session.replied(request, message, plan.to_node, now):
            self._shared.legs.refreshed(leg)
        lifetime.learn(leg, request, message, now)

    def _kept(self, server: ServerTx, plan: Plan, message: Message) -> Kept | None:
        """The two names of the dialog that a node's answer belongs to."""
        if plan.leg is not None:
            return plan.leg.kept
        if not server.invite or message.status <= 100:
            return None
        if plan.kept is None:
            tagmap.begin(self._shared, server, plan, message)
        if plan.kept is not None:
            plan.kept.heard(message)
        return plan.kept

    def _restore(self, message: Message, request: Message, edits: list[Edit]) -> None:
        """A node gets its own From, To and CSeq back as it wrote them."""
        if message.cseq != request.cseq:
            number = message.field(CSEQ)
            if number is not None:
                cseq = b"%d %b" % (request.cseq, message.cseq_method)
                edits.append((number[2], number[3], cseq))
        for hid in (FROM, TO):
            field = message.field(hid)
            value = request.value(hid)
            if field is None or value is None:
                continue
            if hid == TO and not request.to_tag and message.to_tag:
                value += b";tag=" + message.to_tag
            if message.data[field[2] : field[3]] != value:
                edits.append((field[2], field[3], value))

    def _shown(self, value: bytes) -> bytes:
        """A From or To value of a node as the outside sees it."""
        return self._shared.mask.clean(value)

    def _learn(
        self,
        client: ClientTx,
        server: ServerTx,
        request: Message,
        plan: Plan,
        message: Message,
        hide: Hide,
        now: float,
    ) -> None:
        """Make or refresh the leg that this answer belongs to (RFC 3261 12.1, 12.2.1.2)."""
        target = contact_uri(message)
        leg = plan.leg
        if leg is not None:
            if target and message.status >= 200 and request.method in TARGET_REFRESH:
                if plan.to_node:
                    leg.inside_target, leg.inside_token = target, hide.token
                else:
                    leg.outside_target, leg.outside_token = target, hide.token
                self._shared.legs.refreshed(leg)
            self._heard(leg, request, plan, message, now)
            return
        if request.method not in DIALOG_METHODS or request.to_tag:
            return
        if message.status < 200 and not server.invite:
            return  # only an INVITE has early dialogs
        shared = self._shared
        if plan.to_node:
            outside_tag, inside_tag = message.from_tag, message.to_tag
        else:
            outside_tag, inside_tag = message.to_tag, message.from_tag
        leg = shared.legs.find(message.call_id, outside_tag, inside_tag)
        known = leg is not None
        if leg is None:
            owner = client.node if plan.to_node else server.flow.node
            leg = Leg(message.call_id, outside_tag, inside_tag, owner)
        if not leg.outside_party:  # new, or known only by a NOTIFY that overtook this answer
            sent_to = client.sent.split(b" ", 2)[1]  # the target until a Contact says more
            leg.epoch = shared.pair.route.epoch
            leg.kind = request.method
            leg.by_outside = plan.to_node
            leg.trunk = plan.trunk
            leg.event = request.value(EVENT) or b""
            leg.correlation = plan.correlation
            if server.invite:
                leg.session = Session()
                leg.session.asked(request, plan.to_node)
            first_routes = b", ".join(request.values(RECORD_ROUTE))
            if plan.to_node:
                leg.outside_flow = server.flow
                leg.outside_target = contact_uri(request)
                leg.outside_routes = first_routes
                leg.outside_cseq = request.cseq
                leg.inside_flow = client.flow
                leg.inside_target = leg.inside_target or sent_to
                leg.outside_party = request.value(FROM) or b""
                leg.inside_party = self._shown(message.value(TO) or b"")
            else:
                leg.inside_flow = server.flow
                leg.inside_target = contact_uri(request)
                leg.inside_routes = first_routes
                leg.inside_cseq = request.cseq
                leg.inside_uri = plan.masked
                leg.outside_flow = client.flow
                leg.outside_target = leg.outside_target or sent_to
                leg.outside_party = message.value(TO) or b""
                leg.inside_party = self._shown(request.value(FROM) or b"")
            if not known:
                shared.legs.add(leg)
                client.legs.append(leg)
        if plan.kept is not None and plan.kept.moved and leg.inside_tag == plan.kept.tag:
            tagmap.adopt(shared, leg, plan.kept, client)
        if target:
            routes = reversed_routes(message.values(RECORD_ROUTE))
            if plan.to_node:
                leg.inside_target, leg.inside_token, leg.inside_routes = target, hide.token, routes
            else:
                leg.outside_target, leg.outside_routes = target, routes
                leg.outside_token = hide.token
        if message.status >= 200:
            shared.legs.confirm(leg)
            if server.invite:
                shared.legs.unacked[leg] = (client, server, message)
        self._heard(leg, request, plan, message, now)
