"""Session timers of kept calls (RFC 4028): one clock for each dialog.

Where the node had to refresh, the front does, at half the interval; where the party has to, and
does not, the call is over a third of the interval (32 s at most) before its end.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from sipfront.sip.message import scan
from sipfront.stack import voice
from sipfront.stack.dialog import ENDED
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.forward import contact_uri
from sipfront.stack.session import NOBODY, THE_INSIDE, UPDATE, session_expires
from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.joined import Joined
    from sipfront.stack.timers import Timers

#: All clocks are looked at so often; session timers have 90 s at least.
TICK = 1.0
#: A refresh that met another request (491) or failed for a time is tried again after this.
AGAIN = 3.0


class Clocks(Sleeper):
    """When each kept dialog has to be refreshed, or is given up."""

    def __init__(self, joined: Joined, timers: Timers) -> None:
        self._joined = joined
        self._timers = timers
        #: when, a number that keeps the order, whose
        self._due: list[tuple[float, int, Leg]] = []
        self._number = 0
        #: the time that counts for each leg
        self._at: dict[bytes, float] = {}
        self._asking: dict[bytes, Refresh] = {}
        self.resend_at = 0.0
        self.until = 0.0

    def start(self, leg: Leg, now: float, at: float = 0.0) -> None:
        """Its session began, or was refreshed; ``at``: look at it then, whatever it says."""
        self._at.pop(leg.key, None)
        session = leg.session
        if session is None or not session.interval or session.refresher == NOBODY:
            return
        if not at:
            interval = session.interval
            wait = interval - min(32.0, interval / 3)
            if session.refresher == THE_INSIDE:
                wait = interval / 2
            at = session.refreshed + wait
        self._at[leg.key] = at
        self._number += 1
        heappush(self._due, (at, self._number, leg))
        if not self.until:
            self._timers.start(self, UNTIL, TICK, now)

    def stop(self, leg: Leg) -> None:
        """Its dialog is over."""
        self._at.pop(leg.key, None)
        self._asking.pop(leg.key, None)

    def asking(self, leg: Leg) -> bool:
        """Whether a refresh of ours is under way in it."""
        return leg.key in self._asking

    def fired(self, now: float) -> None:
        """A second has passed."""
        while self._due and self._due[0][0] <= now:
            at, _, leg = heappop(self._due)
            if self._at.get(leg.key) != at or leg.joined is None or leg.state == ENDED:
                continue
            del self._at[leg.key]
            session = leg.session
            if session is None:
                continue
            if session.refresher == THE_INSIDE:
                self.refresh(leg, now)
            else:
                self._joined.expired(leg, now)
        if self._due:
            self._timers.start(self, UNTIL, TICK, now)

    def refresh(self, leg: Leg, now: float) -> None:
        """Say to the party that the session goes on."""
        shared, session = self._joined.shared, leg.session
        flow = voice.reachable(shared, leg)
        if session is None or leg.joined is None:
            return
        if now >= session.refreshed + session.interval:
            self._joined.expired(leg, now)
            return
        if flow is None or not leg.outside_target:
            self.start(leg, now, now + AGAIN)
            return
        method = b"UPDATE" if session.can & UPDATE else b"INVITE"
        extra = voice.contact(leg, flow) + voice.ALLOW + b"Supported: timer\r\n"
        extra += voice.session_line(leg, asking=True)
        body = b""
        if method == b"INVITE":  # the same description again: nothing changes (RFC 3264 section 8)
            body = session.inside_sdp
        branch, data = voice.say(shared, leg, flow, method, extra, body)
        client = ClientTx(branch, data, flow, OUTSIDE, method == b"INVITE", None, now)
        client.task = self._asking[leg.key] = Refresh(self._joined, leg)
        session.asked(scan(data), False)
        self._joined.layer.open_client(client, now)
        shared.count("kept calls refreshed")

    def done(self, leg: Leg) -> None:
        """A refresh is over."""
        self._asking.pop(leg.key, None)


class Refresh:
    """A refresh of ours, until it is answered."""

    __slots__ = ("_ack", "_joined", "_leg")

    def __init__(self, joined: Joined, leg: Leg) -> None:
        self._joined = joined
        self._leg = leg
        self._ack = b""

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """The party answers."""
        joined, leg, status = self._joined, self._leg, message.status
        session = leg.session
        if status < 200:
            if client.invite and not client.cancel:
                joined.layer.ring(client, now)
            return
        if status < 300 and client.invite:
            self._acknowledge(client)
        if session is None or leg.state == ENDED or not joined.clocks.asking(leg):
            return
        joined.clocks.done(leg)
        session.replied(scan(client.sent), message, False, now)
        if status < 300:
            leg.outside_target = contact_uri(message) or leg.outside_target
            leg.seen = now
            joined.changed(leg, leg, now)
        elif status in (408, 481):
            self._lost(now)
        elif status == 422:  # RFC 4028 section 6: with the shortest that it takes
            smallest = b"".join(message.named(b"min-se")[:1])
            session.interval = max(session.interval, session_expires(smallest)[0])
            joined.clocks.start(leg, now, now + AGAIN)
        else:
            if status in (405, 501) and not client.invite:
                session.can &= ~UPDATE
            joined.clocks.start(leg, now, now + AGAIN)

    def failed(self, now: float) -> None:
        """No answer is the end of the session (RFC 4028 section 10); but a connection may come
        back."""
        self._joined.clocks.done(self._leg)
        flow = self._leg.outside_flow
        if flow is None or flow.open:
            self._lost(now)
        else:
            self._joined.clocks.start(self._leg, now, now + AGAIN)

    def _lost(self, now: float) -> None:
        other = self._leg.joined
        if other is not None and self._leg.state != ENDED:
            self._joined.gone(self._leg, other, now)

    def _acknowledge(self, client: ClientTx) -> None:
        if not self._ack:
            shared, cseq = self._joined.shared, scan(client.sent).cseq
            self._ack = voice.say(shared, self._leg, client.flow, b"ACK", cseq=cseq)[1]
        self._joined.layer.outbox.append((client.flow, self._ack))
