"""What is done in the place of a node that was given up (design, section 5).

Three things that nobody else can do: callers who already heard it ring are moved to the new
active node, phones that it was ringing are told that the call goes on elsewhere, and dialogs that
it owned are ended (by a BYE, or for a subscription by a NOTIFY) in its name.  *Whether* a dialog is
to be ended is not decided here but in :mod:`sipfront.rescue`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.uri import Uri
from sipfront.stack import voice
from sipfront.stack.dialog import EARLY
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.forward import hidden
from sipfront.stack.record import ENDED, EVENTS, SILENCED
from sipfront.stack.transaction import PROCEEDING, ClientTx

if TYPE_CHECKING:
    from sipfront.stack.dialog import Leg
    from sipfront.stack.pair import Link
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: RFC 3326: what a phone shows when it stops ringing because of us.
ELSEWHERE = b'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'


class Aftermath:
    """Speaks for nodes that cannot."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy

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
                self._proxy.leaving.leave(plan, branch.flow, branch, now)
            for leg in branch.legs:
                if leg.state == EARLY:  # what the phone still says in it is answered here
                    self._proxy.end(leg, remember=True)
            branch.legs = []
        self._shared.done(server, SILENCED, now, "its node was given up while it rang")
        self._shared.records.silenced(server, now)
        self._proxy.layer.close_server(server)

    # -- dialogs -------------------------------------------------------------------------------

    def end(self, leg: Leg, now: float, reason: bytes) -> None:
        """End a dialog towards its outside party in its owner's name."""
        shared = self._shared
        if leg.kind == b"INVITE":
            record = shared.records.of(leg)
            shared.note(now, EVENTS[ENDED], leg.call_id, reason.decode("latin-1"), record)
        shared.records.ended(leg, now)
        flow = voice.reachable(shared, leg)
        if flow is not None and leg.outside_party and leg.inside_party and leg.outside_target:
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
            branch, data = voice.say(shared, leg, flow, method, extra)
            client = ClientTx(branch, data, flow, OUTSIDE, False, None, now)
            self._proxy.layer.open_client(client, now)
            shared.count("dialogs ended for a node")
        shared.legs.ended_by_us(leg)
        if leg.joined is None:  # of a kept call the node was told that it goes on without it
            self._proxy.owed.add(leg)
