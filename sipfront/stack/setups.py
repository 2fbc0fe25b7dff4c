"""INVITEs that were told something and have no final answer yet, kept for the next front.

Who was told 100 or 18x does not send its INVITE again (RFC 3261 17.1.1.2): if the front is killed
then, nobody but the front's own memory knows where the answer goes.  So the runtime is told of each
before that is sent.  The next front sends the same INVITE by the same branch, and whoever has it
says again what it said last (17.2.1).  One that was answered is not sent again; what its answer
taught is learnt once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sipfront.sip.errors import Malformed
from sipfront.sip.message import scan
from sipfront.sip.uri import Uri
from sipfront.stack.matching import server_key, top_via, way_back
from sipfront.stack.plan import Plan, Target
from sipfront.stack.refusal import Refusal
from sipfront.stack.transaction import PROCEEDING

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.layer import Transactions
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.record import Record
    from sipfront.stack.routing import Router
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: What became of an INVITE.
TOLD = 0  # something provisional
ANSWERED = 1  # 2xx
FAILED = 2  # anything else


class News(NamedTuple):
    """What became of one INVITE.  ``node``: which it went to, or that answered, -1: outside."""

    kind: int
    key: bytes
    flow: Flow
    node: int
    octets: bytes  #: the INVITE, or the 2xx
    correlation: bytes
    record: Record | None
    to: Flow | None  #: where it was sent, if that is outside
    uri: bytes
    trunk: str


class SetUps:
    """The INVITEs under way, and what became of them since somebody asked."""

    __slots__ = ("_told", "news")

    def __init__(self) -> None:
        #: None until somebody asks
        self.news: list[News] | None = None
        self._told: set[bytes] = set()

    def answering(self, server: ServerTx, status: int) -> None:
        """An answer to an INVITE is about to be sent."""
        news, request, plan = self.news, server.request, server.plan
        if news is None or plan is None or request is None or request.to_tag:
            return
        if server.state != PROCEEDING:
            return
        key = server.key
        if key not in self._told:
            if status >= 300:
                return
            self._told.add(key)
            news.append(self._news(TOLD, server, plan, request.data))
        if status < 200:
            return
        self._told.discard(key)
        if status >= 300:
            news.append(self._news(FAILED, server, plan, b""))
        elif server.best is not None:
            news.append(self._news(ANSWERED, server, plan, server.best[1].data))

    def _news(self, kind: int, server: ServerTx, plan: Plan, octets: bytes) -> News:
        node, to, uri = -1, None, b""
        asked = server.branches[-1] if server.branches else None
        if kind == ANSWERED and server.best is not None:
            asked = server.best[0]
        if asked is not None:
            node = asked.node
            if node < 0:
                to, uri = asked.flow, asked.sent.split(b" ", 2)[1]
        call = (plan.correlation, plan.record)
        return News(kind, server.key, server.flow, node, octets, *call, to, uri, plan.trunk)


class Held(NamedTuple):
    """An INVITE that was under way when the front before this one ended; ``answer``: b"" or 2xx."""

    request: bytes
    flow: Flow
    node: int
    correlation: bytes
    answer: bytes
    to: Flow | None = None
    uri: bytes = b""
    trunk: str = ""


def resume(shared: Shared, proxy: Proxy, router: Router, held: Held, now: float) -> Record | None:
    """Go on with it; the record of its call.  Raises SipError, or the router's Refusal, when it cannot."""
    message = scan(held.request)
    flow, layer = held.flow, proxy.layer
    answer = scan(held.answer) if held.answer else None
    if answer is not None:
        ours = (
            (answer.to_tag, answer.from_tag) if flow.node >= 0 else (answer.from_tag, answer.to_tag)
        )
        if shared.legs.find(message.call_id, *ours) is not None:
            return shared.records.named(held.correlation)  # the store had it already
    via = top_via(message)
    key = server_key(message, via, flow, b"INVITE")
    if key in layer.servers or message.method != b"INVITE":
        return None
    plan = _plan(router, message, held, now)
    if plan.to_node and not 0 <= held.node < len(shared.settings.nodes):
        raise Malformed("no such node")
    reply_flow, vias = way_back(message, via, flow, shared.flows)
    server = layer.open_server(key, message, reply_flow, vias, now)
    server.resend_at = 0.0  # no 100 Trying: it was told something already
    before = len(layer.outbox)
    if plan.to_node:
        server.plan = plan
        shared.records.started(server, plan, shared.pair.route.epoch, now)
        plan.correlation = held.correlation
        proxy.into(server, plan, held.node, now)  # that one, whatever is known of it by now
    else:
        proxy.start(server, plan, now)
    if plan.record is None:
        plan.record = shared.records.named(held.correlation)
    if answer is not None:
        _answered(shared, layer, server, answer, held.node, now)
        del layer.outbox[before:]
    shared.count("answers learnt again" if held.answer else "set-ups resumed")
    return plan.record


def _plan(router: Router, message: Message, held: Held, now: float) -> Plan:
    """Where it goes: it was allowed when it came, and who may start what is not known yet."""
    uri = Uri.parse(message.uri)
    if held.flow.node < 0:
        return router.from_outside(message, held.flow, uri, now)
    try:
        plan = router.from_node(message, held.flow, uri, now)
    except Refusal:
        if held.to is None:
            raise
        plan = Plan(to_node=False)  # a trunk whose name has not been looked up again yet
        plan.trunk, plan.correlation = held.trunk, held.correlation
    if held.to is not None and not plan.targets:
        plan.targets = [Target(held.uri, held.to)]
    return plan


def _answered(
    shared: Shared, layer: Transactions, server: ServerTx, answer: Message, node: int, now: float
) -> None:
    for client in server.branches:
        if client.node == node:
            client.sends = 2  # how long it took is not known (Karn)
            layer.respond(client, answer, now)
            break
    for leg, (client, _, _) in list(shared.legs.unacked.items()):
        if client.server is server:
            del shared.legs.unacked[leg]  # whether its ACK came, nobody knows; mostly it did
