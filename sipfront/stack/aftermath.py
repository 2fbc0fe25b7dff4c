"""What is done in the place of a node that was given up (design, section 5).

Three things that nobody else can do: callers who already heard it ring are moved to the new
active node, phones that it was ringing are told that the call goes on elsewhere, and dialogs that
it owned are ended (by a BYE, or for a subscription by a NOTIFY) in its name.  *Whether* a dialog is
to be ended is not decided here but in :mod:`sipfront.rescue`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.uri import Uri
from sipfront.stack.dialog import EARLY
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.forward import hidden, routed
from sipfront.stack.local import speak
from sipfront.stack.transaction import PROCEEDING, ClientTx

if TYPE_CHECKING:
    from sipfront.stack.dialog import Leg
    from sipfront.stack.pair import Link
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: RFC 3326: what a phone shows when it stops ringing because of us.
ELSEWHERE = b'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
#: Ended dialogs of a node that is away, told to it when it returns.
MAX_OWED = 20_000


class Aftermath:
    """Speaks for nodes that cannot."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._owed: list[dict[bytes, Leg]] = [{} for _ in shared.settings.nodes]

    # -- calls in set-up -----------------------------------------------------------------------

    def node_down(self, link: Link, now: float) -> None:
        """Move what it was answering, and silence what it was ringing."""
        for client in list(link.pending.values()):
            self._proxy.failover.move(client, now)
        for client in list(link.ringing.values()):
            self._shared.count("ringing calls moved")
            self._proxy.failover.move(client, now)
        for server in list(link.serving.values()):
            self._silence(server, now)
        link.serving.clear()
        self._proxy.unacked.node_down(link, now)

    def _silence(self, server: ServerTx, now: float) -> None:
        plan = server.plan
        if plan is None or server.state != PROCEEDING:
            return
        for branch in server.branches:
            if branch.final or branch.abandoned:
                continue
            self._shared.count("phones silenced")
            self._proxy.parting.abandon(branch, now, ELSEWHERE)
            if branch.cancelling:
                self._proxy.leaving.leave(plan, branch.flow, branch)
            for leg in branch.legs:
                if leg.state == EARLY:  # what the phone still says in it is answered here
                    self._proxy.end(leg, remember=True)
            branch.legs = []
        self._proxy.layer.close_server(server)

    # -- dialogs -------------------------------------------------------------------------------

    def end(self, leg: Leg, now: float, reason: bytes) -> None:
        """End a dialog towards its outside party in its owner's name."""
        shared = self._shared
        flow = leg.outside_flow
        if flow is not None and not flow.open:
            later = shared.flows.now(flow)
            flow = later if later.open else None
        if flow is not None and leg.outside_party and leg.inside_party and leg.outside_target:
            uri, routes = routed(leg.outside_target, leg.outside_routes)
            branch = b"z9hG4bK" + shared.fresh()
            via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
            method, extra = b"BYE", b"Reason: %b\r\n" % reason
            if leg.kind != b"INVITE":
                # RFC 6665 4.4.1: "deactivated" makes the subscriber subscribe again at once.
                method = b"NOTIFY"
                contact = b"sip:" + flow.listener.contact
                if leg.inside_target:
                    contact = hidden(Uri.parse(leg.inside_target), flow.listener, b"")
                extra = (
                    b"Event: %b\r\nSubscription-State: terminated;reason=deactivated\r\n"
                    b"Contact: <%b>\r\n"
                ) % (leg.event, contact)
            leg.inside_cseq += 1
            data = speak(
                method,
                uri,
                via,
                routes,
                leg.inside_party,
                leg.outside_party,
                leg.call_id,
                leg.inside_cseq,
                extra,
            )
            client = ClientTx(branch, data, flow, OUTSIDE, False, None, now)
            self._proxy.layer.open_client(client, now)
            shared.count("dialogs ended for a node")
        shared.legs.ended_by_us(leg)
        self.owe(leg)

    def owe(self, leg: Leg) -> None:
        """A call ended while its node is away: the node is told when it returns, so that it ends
        the other leg as well."""
        owed = self._owed[leg.owner]
        known = leg.inside_target and leg.outside_party and leg.inside_party
        if self._proxy.joined.told(leg):
            return
        if leg.kind == b"INVITE" and known and len(owed) < MAX_OWED:
            owed[leg.key] = leg

    def node_back(self, link: Link, now: float) -> None:
        """A node that was given up answers again: end there what ended without it."""
        owed = self._owed[link.node]
        self._owed[link.node] = {}
        for leg in (*owed.values(), *self._proxy.joined.untold(link.node)):
            flow = leg.inside_flow
            if flow is None:
                continue
            uri, routes = routed(leg.inside_target, leg.inside_routes)
            branch = b"z9hG4bK" + self._shared.fresh()
            via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
            leg.outside_cseq += 1
            itself = leg.inside_party
            if leg.kept is not None:
                itself = leg.kept.called_inside(itself)
            data = speak(
                b"BYE",
                uri,
                via,
                routes,
                leg.outside_party,
                itself,
                leg.call_id,
                leg.outside_cseq,
                b'Reason: SIP;cause=481;text="Ended during a failover"\r\n',
            )
            client = ClientTx(branch, data, flow, link.node, False, None, now)
            self._proxy.layer.open_client(client, now, link.interval)
