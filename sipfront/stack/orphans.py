"""Early dialogs whose node is gone while the call itself went on: their requests end here.

The INVITE was moved, so nobody will ever speak in these dialogs again, and a node that comes back
must not be asked: it would say 481, and many telephones drop the whole call on that.  What the
caller still sends there is answered here, once and for all.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.sip.answer import KIND, description, refusal
from sipfront.stack.dialog import EARLY

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: RFC 3311 5.2: a second try may help, because by then another node may have answered.
AGAIN = b"Retry-After: 2\r\n"


class Reply(IntEnum):
    """What is done with a request."""

    AGREE = 0  #: 200
    ANSWER = 1  #: 200, and an answer without any media
    LATER = 2  #: 500 with Retry-After
    END = 3  #: 200, and the dialog is over
    HOLD = 4  #: it waits; with the call it may find a node


#: (method, whether it brings a description) -> what is done.
#: RFC 3262 section 3: a PRACK gets its 200 whatever comes of the call, and section 5 an offer in it
#: an answer.  RFC 3311 5.2: an UPDATE with an offer that cannot be answered now gets 500; without
#: one it wants to be told that the dialog is alive.
REPLIES: dict[tuple[bytes, bool], Reply] = {
    (b"PRACK", False): Reply.AGREE,
    (b"PRACK", True): Reply.ANSWER,
    (b"UPDATE", False): Reply.AGREE,
    (b"UPDATE", True): Reply.LATER,
    (b"INVITE", False): Reply.LATER,
    (b"INVITE", True): Reply.LATER,
    (b"OPTIONS", False): Reply.AGREE,
    (b"OPTIONS", True): Reply.AGREE,
    (b"BYE", False): Reply.END,
    (b"BYE", True): Reply.END,
}


def decide(message: Message) -> Reply:
    """What is done with a request of such a dialog."""
    return REPLIES.get((message.method, bool(description(message))), Reply.HOLD)


class Orphans:
    """Answers for the early dialogs of moved calls."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy

    def moved(self, client: ClientTx, plan: Plan) -> None:
        """The INVITE of ``client`` goes to another node: its early dialogs are nobody's now."""
        kept = plan.kept
        for leg in client.legs:
            if leg.state != EARLY:
                continue
            leg.lost = True
            if kept is not None and leg.inside_tag == kept.tag:
                leg.kept = kept
        if kept is not None:
            kept.orphaned()

    def keepable(self, server: ServerTx, plan: Plan) -> bool:
        """Whether a caller that takes one early dialog can be kept.

        One that made no offer and has already answered the dead node's in its PRACK (RFC 3262
        section 5) would send an ACK without the answer that the new node's offer needs.
        """
        if plan.kept is None or not plan.kept.told or server.request is None:
            return True
        return bool(description(server.request))

    def mine(self, server: ServerTx, plan: Plan) -> bool:
        """Whether a request belongs to such a dialog."""
        leg, request = plan.leg, server.request
        if leg is None or request is None:
            return False
        if leg.lost:
            return True
        return leg.kept is not None and request.method == b"PRACK" and leg.kept.late(request)

    def answer(self, server: ServerTx, plan: Plan, now: float) -> None:
        """Answer it, or hold it."""
        request, leg = server.request, plan.leg
        if request is None or leg is None:
            return
        reply = decide(request)
        self._shared.count("request in the early dialog of a moved call")
        if reply is Reply.HOLD:
            self._proxy.failover.park(server, now)
        elif reply is Reply.LATER:
            self._proxy.refuse(server, 500, now, AGAIN)
        elif reply is Reply.ANSWER and self._offers(leg.call_id):
            body = refusal(request.body, request.cseq)
            kind = b"Content-Type: %b\r\n" % KIND if body else b""
            self._proxy.refuse(server, 200, now, kind, body)
        else:
            self._proxy.refuse(server, 200, now)
        if reply is Reply.END and leg.lost:
            self._shared.legs.ended_by_us(leg)
            if leg.kept is not None:
                self._hang_up(request, now)

    def _offers(self, call_id: bytes) -> bool:
        """Whether a description in a PRACK is an offer: it is, when the INVITE made the first one."""
        invite = self._invite(call_id)
        return invite is None or invite.request is None or bool(description(invite.request))

    def _hang_up(self, bye: Message, now: float) -> None:
        """RFC 3261 15: who knows one early dialog and says BYE in it means the call."""
        invite = self._invite(bye.call_id)
        if invite is not None:
            self._proxy.parting.cancel(invite, bye, now)

    def _invite(self, call_id: bytes) -> ServerTx | None:
        """The caller's INVITE that is under way; seldom asked for, hence sought."""
        for server in self._proxy.layer.servers.values():
            request = server.request
            if server.invite and request is not None and request.call_id == call_id:
                if server.plan is not None and server.plan.to_node and not request.to_tag:
                    return server
        return None
