"""Calls that go on without their node: the front is the PBX's end of both legs.

The parties' media goes from one to the other, and they notice nothing; what one says in its dialog
is answered here, or said to the other in the other dialog (:mod:`sipfront.stack.exchange`).
What only a PBX can do (a transfer) is refused.  The node itself, should it come back, is told that
its halves are over, and whatever it still says about them stays here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.sip.headers import REASON, REQUIRE, SESSION_EXPIRES
from sipfront.sip.message import scan
from sipfront.sip.reply import reply
from sipfront.stack import voice
from sipfront.stack.clocks import Clocks
from sipfront.stack.dialog import ENDED
from sipfront.stack.exchange import Exchange, dialog_lines
from sipfront.stack.forward import contact_uri
from sipfront.stack.session import UPDATE, description, session_expires

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.layer import Transactions
    from sipfront.stack.parting import Parting
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: RFC 4028 section 4: no session timer is shorter.
MIN_SE = 90
#: RFC 3326 with Q.850: the other party hung up; nobody refreshed; the other party is gone.
NORMAL = b'Q.850;cause=16;text="Normal call clearing"'
EXPIRED = b'SIP;cause=408;text="The session was not refreshed"'
LOST = b'Q.850;cause=27;text="The other party cannot be reached"'


class Do(IntEnum):
    """What is done with a request of a party."""

    END = 0  #: 200, and BYE to the other
    OFFER = 1  #: passed as one at a time (RFC 3261 14)
    REFRESH = 2  #: 200: it only says that it is there
    PASS = 3  #: passed, any number at a time
    ANSWER = 4  #: 200
    NONE = 5  #: 481: nothing that it could be about
    REFUSE = 6  #: 405 with Allow


#: (method, whether it brings a description) -> what is done.  An INVITE without one asks for an
#: offer (RFC 3261 14.1), and an UPDATE without one only refreshes (RFC 4028 7.4).
REQUESTS: dict[tuple[bytes, bool], Do] = {
    (b"BYE", False): Do.END,
    (b"BYE", True): Do.END,
    (b"INVITE", False): Do.OFFER,
    (b"INVITE", True): Do.OFFER,
    (b"UPDATE", False): Do.REFRESH,
    (b"UPDATE", True): Do.OFFER,
    (b"INFO", False): Do.PASS,
    (b"INFO", True): Do.PASS,
    (b"MESSAGE", False): Do.PASS,
    (b"MESSAGE", True): Do.PASS,
    (b"OPTIONS", False): Do.ANSWER,
    (b"OPTIONS", True): Do.ANSWER,
    # RFC 3262 section 3: no early dialog is left here.  RFC 6665: no subscription is.
    (b"PRACK", False): Do.NONE,
    (b"PRACK", True): Do.NONE,
    (b"NOTIFY", False): Do.NONE,
    (b"NOTIFY", True): Do.NONE,
}


class Joined:
    """All kept calls."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self.shared = shared
        self._proxy = proxy
        self.refuse = proxy.refuse
        self.clocks = Clocks(self, proxy.layer.timers)
        #: by the leg whose party asked: the newest exchange of descriptions
        self._exchanges: dict[bytes, Exchange] = {}

    @property
    def layer(self) -> Transactions:
        """The transactions."""
        return self._proxy.layer

    @property
    def parting(self) -> Parting:
        """CANCEL."""
        return self._proxy.parting

    # -- beginning -----------------------------------------------------------------------------

    def keep(self, one: Leg, other: Leg, now: float) -> None:
        """The two legs of a call whose node is gone."""
        self.shared.legs.join(one, other)
        self.shared.count("calls kept")
        record = self.shared.records.of(one)
        detail = "with " + other.call_id.decode("latin-1")
        self.shared.note(now, "call kept", one.call_id, detail, record)
        for leg in (one, other):
            self._owed_ack(leg)
            self._proxy.owed.add(leg)
            self.shared.records.kept(leg)
            self.clocks.start(leg, now)

    def resume(self, now: float) -> None:
        """The front itself was restarted: the clocks of kept calls run again."""
        for leg in self.shared.legs:
            if leg.joined is not None:
                self.clocks.start(leg, now)

    def _owed_ack(self, leg: Leg) -> None:
        """The node's last INVITE was answered and not acknowledged: the party would hang up."""
        session, flow = leg.session, voice.reachable(self.shared, leg)
        if session is None or not session.unacked or flow is None:
            return
        _, data = voice.say(self.shared, leg, flow, b"ACK", cseq=session.unacked)
        session.unacked = 0
        self.layer.outbox.append((flow, data))

    # -- requests of the parties ---------------------------------------------------------------

    def request(self, server: ServerTx, leg: Leg, now: float) -> None:
        """One of the parties asks for something."""
        request, other = server.request, leg.joined
        if request is None or other is None:
            return
        what = REQUESTS.get((request.method, bool(description(request))), Do.REFUSE)
        self.shared.count("in-dialog request of a kept call")
        leg.seen = now
        if what is Do.END:
            self.refuse(server, 200, now)
            self.gone(leg, other, now, request.value(REASON) or NORMAL)
        elif server.flow.node >= 0 or other.state == ENDED or what is Do.NONE:
            self.refuse(server, 481, now)
        elif what is Do.ANSWER:
            self.refuse(server, 200, now, voice.ALLOW)
        elif what is Do.REFUSE:
            self.shared.count(
                "refused in a kept call: " + request.method.decode("ascii", "replace")
            )
            self.refuse(server, 405, now, voice.ALLOW)
        elif what is Do.PASS:
            if not Exchange(self, server, request, leg, other).start(request.method, now):
                self.refuse(server, 480, now)
        elif not self._turned_down(server, request, leg, other, now):
            target = contact_uri(request)
            if target:
                leg.outside_target = target
            if what is Do.REFRESH:
                self._refresh(server, request, leg, now)
            else:
                self._offer(server, request, leg, other, now)

    def _turned_down(
        self, server: ServerTx, request: Message, leg: Leg, other: Leg, now: float
    ) -> bool:
        """What RFC 3261 14.2, RFC 3311 5.2 and RFC 4028 section 9 do not allow now."""
        wanted = [
            word.strip() for line in request.values(REQUIRE) for word in line.lower().split(b",")
        ]
        unknown = [word for word in wanted if word not in (b"timer", b"")]
        if unknown:
            self.refuse(server, 420, now, b"Unsupported: %b\r\n" % b", ".join(unknown))
            return True
        value = request.value(SESSION_EXPIRES)
        if value is not None and 0 < session_expires(value)[0] < MIN_SE:
            self.refuse(server, 422, now, b"Min-SE: %d\r\n" % MIN_SE)
            return True
        mine, theirs = self._exchanges.get(leg.key), self._exchanges.get(other.key)
        if mine is not None and mine.open and mine.request.method == request.method:
            if not mine.answer:
                self.refuse(server, 500, now, b"Retry-After: 1\r\n")
                return True
            mine.open = False  # its ACK was lost; nobody asks anew without having sent it
        elif mine is not None and mine.open and not mine.answer:
            self.refuse(server, 491, now)
            return True
        if (theirs is not None and theirs.open) or self.clocks.asking(leg):
            self.refuse(server, 491, now)
            return True
        return False

    def _offer(self, server: ServerTx, request: Message, leg: Leg, other: Leg, now: float) -> None:
        method = request.method
        if method == b"UPDATE" and other.session is not None and not other.session.can & UPDATE:
            method = b"INVITE"
        exchange = Exchange(self, server, request, leg, other)
        if exchange.start(method, now):
            self._exchanges[leg.key] = exchange
        else:
            self.refuse(server, 480, now)

    def _refresh(self, server: ServerTx, request: Message, leg: Leg, now: float) -> None:
        extra = dialog_lines(leg, request, server)
        if leg.session is not None:
            done = scan(reply(request, 200, extra=extra))
            leg.session.replied(request, done, True, now)
        self.refuse(server, 200, now, extra)
        self.changed(leg, leg, now)

    def acknowledge(self, leg: Leg, message: Message) -> None:
        """An ACK of a party."""
        exchange = self._exchanges.get(leg.key)
        if exchange is None or exchange.request.cseq != message.cseq or not exchange.answer:
            self.shared.count("stray ACK")
            return
        exchange.acknowledged(message)

    def changed(self, leg: Leg, other: Leg, now: float) -> None:
        """Something was agreed: it is kept, and clocks begin anew."""
        for one in (leg, other):
            one.seen = now
            one.until = one.session.ends() if one.session is not None else 0.0
            self.shared.legs.refreshed(one)
            self.clocks.start(one, now)

    # -- the end -------------------------------------------------------------------------------

    def gone(self, leg: Leg, other: Leg, now: float, reason: bytes = LOST) -> None:
        """The party of ``leg`` has hung up or is lost: so the other one is told."""
        self.shared.legs.ended_by_us(leg)
        self.shared.count("kept calls ended")
        self._finish(leg)
        self._end(other, now, reason)

    def expired(self, leg: Leg, now: float) -> None:
        """The party that had to refresh did not (RFC 4028 section 10): BYE to both."""
        other = leg.joined
        if other is None or leg.state == ENDED:
            return
        self.shared.count("kept calls not refreshed")
        self._end(leg, now, EXPIRED)
        self._end(other, now, EXPIRED)

    def _end(self, leg: Leg, now: float, reason: bytes) -> None:
        if leg.state != ENDED:
            self._proxy.aftermath.end(leg, now, reason)
            self._finish(leg)

    def _finish(self, leg: Leg) -> None:
        self._exchanges.pop(leg.key, None)
        self.clocks.stop(leg)
