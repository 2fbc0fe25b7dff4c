"""A moved call whose caller still holds the dead node's description is told the new one.

A caller that takes one early dialog had a description under its tag before the node died; to it,
that was the answer, and it ignores what the next node answers (RFC 3261 13.2.1).  So right after
its ACK the front re-INVITEs it, in the node's place, with the node's description (RFC 3264 section
8, RFC 3725 section 4).  If the caller's answer differs from what the node has of it, the node is
re-INVITEd with that, in the caller's place.  A call whose re-INVITE fails goes on as it is.

The machine of one re-INVITE is a table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.sip.alike import alike, covers
from sipfront.sip.answer import description
from sipfront.sip.headers import RETRY_AFTER
from sipfront.sip.message import scan
from sipfront.sip.uri import Uri
from sipfront.stack.dialog import CONFIRMED
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.forward import contact_uri, hidden, routed
from sipfront.stack.local import speak
from sipfront.stack.session import STABLE, THE_INSIDE
from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: Tries of one re-INVITE: a party that is always in the middle of its own is left alone.
MAX_TRIES = 6
#: How long another exchange of the same dialog is waited for.
MEANWHILE = 0.5
#: The longest Retry-After that is waited for: RFC 3261 14.1 has 0 to 10 s.
MAX_LATER = 10
#: What is between two tries after a 491, in tenths of a second (RFC 3261 14.1): from, and how many
#: values.  The node did not choose the Call-ID, the caller did.
_NOT_OWNER, _OWNER = (0, 21), (21, 20)


class State(IntEnum):
    """Of one re-INVITE."""

    PAUSED = 0  #: it is to be sent when the timer says so
    ASKED = 1  #: its final answer has not come
    OVER = 2


class Event(IntEnum):
    """What happens to it."""

    DUE = 0
    BUSY = 1  #: due, but another exchange is under way
    NEEDLESS = 2  #: due, but the dialog is over, or somebody else has told it already
    AGREED = 3  #: 2xx with an answer
    BARE = 4  #: 2xx without one
    PENDING = 5  #: 491
    LATER = 6  #: 500 or 503 with Retry-After
    REFUSED = 7  #: any other failure, or no answer at all


class Action(IntEnum):
    """What is done."""

    NOTHING = 0
    SEND = 1
    WAIT = 2  #: a little, for the other exchange
    RETRY = 3  #: after the time of RFC 3261 14.1
    RETRY_LATER = 4  #: after what was asked for
    TAKE = 5  #: ACK; what was agreed counts
    ACK = 6  #: nothing more than that
    END = 7  #: ACK, and say that it came to nothing
    GIVE_UP = 8  #: say that it came to nothing


TABLE: dict[tuple[State, Event], tuple[State, Action]] = {
    (State.PAUSED, Event.DUE): (State.ASKED, Action.SEND),
    (State.PAUSED, Event.BUSY): (State.PAUSED, Action.WAIT),
    (State.PAUSED, Event.NEEDLESS): (State.OVER, Action.NOTHING),
    (State.ASKED, Event.AGREED): (State.OVER, Action.TAKE),
    (State.ASKED, Event.BARE): (State.OVER, Action.END),
    (State.ASKED, Event.PENDING): (State.PAUSED, Action.RETRY),
    (State.ASKED, Event.LATER): (State.PAUSED, Action.RETRY_LATER),
    (State.ASKED, Event.REFUSED): (State.OVER, Action.GIVE_UP),
    # RFC 3261 13.2.2.4: a 2xx is acknowledged each time it comes.
    (State.OVER, Event.AGREED): (State.OVER, Action.ACK),
    (State.OVER, Event.BARE): (State.OVER, Action.ACK),
    (State.PAUSED, Event.AGREED): (State.PAUSED, Action.ACK),  # after a time-out of ours
    (State.PAUSED, Event.BARE): (State.PAUSED, Action.ACK),
}


class Round(Sleeper):
    """One re-INVITE: ``outward`` to the caller in the node's place, or the other way round."""

    __slots__ = (
        "_owner",
        "body",
        "client",
        "leg",
        "outward",
        "state",
        "tries",
        "wanted",
    )

    def __init__(self, owner: Reinvites, leg: Leg, body: bytes, *, outward: bool) -> None:
        self._owner = owner
        self.leg = leg
        self.body = body
        self.outward = outward
        self.state = State.PAUSED
        self.tries = 0
        self.client: ClientTx | None = None
        self.wanted = 0  #: seconds that the last answer asked for
        self.resend_at = 0.0
        self.until = 0.0

    def fired(self, now: float) -> None:
        """The pause is over."""
        self._owner.step(self, self._owner.due(self), None, now)

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """See :class:`~sipfront.stack.transaction.Task`."""
        status = message.status
        if status < 200:
            self._owner.rings(client, now)
        elif status < 300:
            event = Event.AGREED if description(message) else Event.BARE
            self._owner.step(self, event, message, now)
        elif status == 491:
            self._owner.step(self, Event.PENDING, message, now)
        else:
            self.wanted = _seconds(message) if status in (500, 503) else -1
            event = Event.LATER if self.wanted >= 0 else Event.REFUSED
            self._owner.step(self, event, message, now)

    def failed(self, now: float) -> None:
        """See :class:`~sipfront.stack.transaction.Task`."""
        self._owner.step(self, Event.REFUSED, None, now)


class Reinvites:
    """All that are under way."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._rounds: dict[Leg, Round] = {}

    def acknowledged(self, leg: Leg, now: float) -> None:
        """The caller's ACK has passed: if it holds the description of a dead node, tell it."""
        kept = leg.kept
        if kept is None or not kept.stale or not kept.answer or leg in self._rounds:
            return
        self._begin(Round(self, leg, kept.answer, outward=True), now)

    def crossing(self, server: ServerTx, plan: Plan) -> bool:
        """Whether a request would cross ours: 491 to it (RFC 3261 14.2, RFC 3311 5.2)."""
        if not self._rounds or plan.leg is None or server.request is None:
            return False
        mine = self._rounds.get(plan.leg)
        if mine is None or mine.state != State.ASKED:
            return False
        request = server.request
        return request.method == b"INVITE" or (
            request.method == b"UPDATE" and bool(description(request))
        )

    def _begin(self, one: Round, now: float) -> None:
        self._rounds[one.leg] = one
        self.step(one, self.due(one), None, now)

    def due(self, one: Round) -> Event:
        """What the end of a pause means now."""
        leg = one.leg
        if leg.state != CONFIRMED or self._shared.pair.down(leg.owner):
            return Event.NEEDLESS
        if one.outward and (leg.kept is None or not leg.kept.stale):
            return Event.NEEDLESS
        session = leg.session
        if session is not None and (session.state != STABLE or session.unacked):
            return Event.BUSY
        return Event.DUE

    def rings(self, client: ClientTx, now: float) -> None:
        """A provisional answer: nobody has to be asked about a re-INVITE for longer than 64*T1."""
        timing = self._shared.settings.timing
        self._proxy.layer.timers.start(client, UNTIL, 64 * timing.t1, now)

    def step(self, one: Round, event: Event, message: Message | None, now: float) -> None:
        """One row of the table."""
        row = TABLE.get((one.state, event))
        if row is None:
            self._shared.count("absorbed: re-INVITE")
            return
        if message is not None and one.state is State.ASKED:
            self._heard(one, message, now)
        one.state, action = row
        if action in (Action.SEND, Action.WAIT):
            one.tries += 1
        if one.tries > MAX_TRIES:
            one.state, action = State.OVER, Action.GIVE_UP
        if action is Action.SEND and not self._send(one, now):
            one.state, action = State.OVER, Action.GIVE_UP
        if message is not None and action in (Action.TAKE, Action.ACK, Action.END):
            self._acknowledge(one, message)
        if action is Action.WAIT:
            self._pause(one, MEANWHILE, now)
        elif action is Action.RETRY:
            first, count = _NOT_OWNER if one.outward else _OWNER
            tenths = first + int(self._shared.fresh()[:8], 16) % count
            self._pause(one, tenths / 10, now)
        elif action is Action.RETRY_LATER:
            self._pause(one, float(one.wanted), now)
        elif action in (Action.GIVE_UP, Action.END):
            self._failed(one, message, now)
        if one.state is State.OVER and self._rounds.get(one.leg) is one:
            del self._rounds[one.leg]
        if action is Action.TAKE and message is not None:
            self._agreed(one, description(message), now)

    def _pause(self, one: Round, length: float, now: float) -> None:
        self._proxy.layer.timers.start(one, UNTIL, max(length, 0.1), now)

    # -- what is sent --------------------------------------------------------------------------

    def _send(self, one: Round, now: float) -> bool:
        flow = self._flow(one)
        leg = one.leg
        if flow is None or leg.kept is None:
            return False
        if one.outward:
            leg.inside_cseq += 1
            body, contact, token = leg.kept.follow(one.body), leg.inside_target, leg.inside_token
        else:
            leg.outside_cseq += 1
            body, contact, token = one.body, leg.outside_target, leg.outside_token
        extra = b"Contact: <%b>\r\n" % hidden(Uri.parse(contact), flow.listener, token)
        extra += self._timer(one)
        branch = b"z9hG4bK" + self._shared.fresh()
        data = self._request(one, b"INVITE", branch, flow, extra, body)
        node = OUTSIDE if one.outward else leg.owner
        client = ClientTx(branch, data, flow, node, True, None, now)
        client.task = one
        one.client = client
        if leg.session is not None:
            leg.session.asked(scan(data), not one.outward)
        self._shared.legs.refreshed(leg)
        self._shared.count("re-INVITEs for a moved call")
        interval = 0.0 if one.outward else self._shared.pair.links[leg.owner].interval
        self._proxy.layer.open_client(client, now, interval)
        return True

    def _flow(self, one: Round) -> Flow | None:
        leg = one.leg
        if not one.outward:
            return leg.inside_flow
        flow = leg.outside_flow
        if flow is not None and not flow.open:
            flow = self._shared.flows.now(flow)
        return flow if flow is not None and flow.open else None

    def _timer(self, one: Round) -> bytes:
        """RFC 4028 7.4: a re-INVITE that names no session timer would end it."""
        session = one.leg.session
        if session is None or not session.interval:
            return b""
        mine = (session.refresher == THE_INSIDE) == one.outward
        refresher = b"uac" if mine else b"uas"
        line = b"Supported: timer\r\nSession-Expires: %d;refresher=%b\r\n"
        return line % (session.interval, refresher)

    def _request(
        self, one: Round, method: bytes, branch: bytes, flow: Flow, extra: bytes, body: bytes
    ) -> bytes:
        leg, kept = one.leg, one.leg.kept
        via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
        if one.outward:
            uri, routes = routed(leg.outside_target, leg.outside_routes)
            sender, to, cseq = leg.inside_party, leg.outside_party, leg.inside_cseq
        else:
            uri, routes = routed(leg.inside_target, leg.inside_routes)
            itself = kept.called_inside(leg.inside_party) if kept is not None else leg.inside_party
            sender, to, cseq = leg.outside_party, itself, leg.outside_cseq
        if method == b"ACK" and one.client is not None:
            cseq = scan(one.client.sent).cseq
        return speak(method, uri, via, routes, sender, to, leg.call_id, cseq, extra, body)

    def _acknowledge(self, one: Round, message: Message) -> None:
        client, leg = one.client, one.leg
        if client is None:
            return
        target = contact_uri(message)
        if target and one.outward:
            leg.outside_target = target
        elif target:
            leg.inside_target = target
        branch = b"z9hG4bK" + self._shared.fresh()
        data = self._request(one, b"ACK", branch, client.flow, b"", b"")
        if leg.session is not None:
            leg.session.asked(scan(data), not one.outward)
        self._proxy.layer.outbox.append((client.flow, data))

    # -- what came of it -----------------------------------------------------------------------

    def _heard(self, one: Round, message: Message, now: float) -> None:
        """What the front remembers of the session, as if the node itself had asked."""
        if one.client is not None and one.leg.session is not None:
            one.leg.session.replied(scan(one.client.sent), message, not one.outward, now)
            self._shared.legs.refreshed(one.leg)

    def _agreed(self, one: Round, answer: bytes, now: float) -> None:
        leg, kept = one.leg, one.leg.kept
        if kept is None or leg.state != CONFIRMED:
            return
        if not one.outward:
            if not alike(answer, kept.answer):
                # Now the caller has what the node no longer says: another round would not end.
                self._shared.count("moved calls of two minds")
                record = self._shared.records.of(leg)
                event = "the ends of a moved call do not agree"
                self._shared.note(now, event, leg.call_id, record=record)
            return
        kept.stale = False
        self._shared.count("moved calls told the new description")
        if not alike(answer, kept.offer) or not covers(answer, kept.answer):
            self._begin(Round(self, leg, answer, outward=False), now)

    def _failed(self, one: Round, message: Message | None, now: float) -> None:
        """The call goes on with what its ends have; somebody should know."""
        why = f"status {message.status}" if message is not None else "no answer"
        whom = "caller" if one.outward else "node"
        self._shared.count("re-INVITEs for a moved call that failed")
        event, record = "a moved call keeps an old description", self._shared.records.of(one.leg)
        self._shared.note(now, event, one.leg.call_id, f"{whom}: {why}", record)


def _seconds(message: Message) -> int:
    """Retry-After, -1 when there is none or it is too long."""
    value = message.value(RETRY_AFTER) or b""
    digits = value.partition(b"(")[0].partition(b";")[0].strip()
    seconds = int(digits) if digits.isdigit() and len(digits) < 6 else -1
    return seconds if seconds <= MAX_LATER else -1
