"""The transaction layer: carries out what the tables of :mod:`sipfront.stack.transaction` say.

It owns the transactions, their timers and the outbox, and tells the proxy core (the
:class:`Core`) about answers and failures.  It knows nothing of nodes, dialogs or bindings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sipfront.sip.headers import CONTENT_LENGTH, CSEQ, FROM, MAX_FORWARDS, ROUTE, TO, VIA
from sipfront.sip.message import Message, scan
from sipfront.stack.timers import RESEND, UNTIL, Sleeper, Timed, Timers
from sipfront.stack.transaction import (
    ACCEPTED,
    ACK,
    AGAIN,
    BACKOFF,
    BROKEN,
    COMPLETED,
    CONFIRMED,
    EVENT_NAMES,
    EVENTS,
    FAIL,
    GIVE_UP,
    LINGER,
    PASS,
    PROCEEDING,
    RECV_1XX,
    RECV_2XX,
    RECV_3XX,
    REQUEST,
    SEND,
    SEND_1XX,
    SEND_2XX,
    SEND_3XX,
    SEND_ACK,
    SLOW,
    START_RESEND,
    STATE_NAMES,
    STOP_RESEND,
    STOP_UNTIL,
    TERMINATED,
    TIMER_RESEND,
    TIMER_UNTIL,
    ClientTx,
    ServerTx,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.stack.flows import Flow
    from sipfront.stack.settings import Timing


class Core(Protocol):
    """Who uses the transactions (RFC 3261 calls it the transaction user)."""

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer that the machine passes."""

    def gave_up(self, client: ClientTx, now: float) -> None:
        """No (final) answer came in time: timers B, C, F."""

    def failed(self, client: ClientTx, now: float) -> None:
        """The transport could not carry the request."""

    def may_resend(self, client: ClientTx, now: float) -> bool:
        """Whether a request may be sent again now; if not, :meth:`Transactions.resend` says when."""

    def unanswered(self, client: ClientTx, now: float) -> None:
        """A request is about to be sent again."""

    def waited(self, server: ServerTx, kind: int, now: float) -> None:
        """A timer of the core on a server transaction: 100 Trying (RESEND), the end of parking
        (UNTIL)."""


class Transactions:
    """All transactions of the front."""

    __slots__ = (
        "_core",
        "_count",
        "_tally",
        "absorbed",
        "clients",
        "outbox",
        "servers",
        "timers",
        "timing",
    )

    def __init__(
        self,
        timing: Timing,
        core: Core,
        count: Callable[[str], None] | None = None,
        tally: Callable[[ServerTx, int, float], None] | None = None,
    ) -> None:
        """``count`` is told the name of everything that a machine has no row for; ``tally`` of
        every answer to an INVITE, before it is sent."""
        self.timing = timing
        self.timers = Timers()
        self.servers: dict[bytes, ServerTx] = {}
        self.clients: dict[bytes, ClientTx] = {}
        self.outbox: list[tuple[Flow, bytes]] = []
        self.absorbed = 0
        self._core = core
        self._count = count
        self._tally = tally

    def _absorb(self, state: int, event: int) -> None:
        """What no row is for: from the network it means nothing, from our own code it is a bug."""
        self.absorbed += 1
        if self._count is not None:
            kind = "bug" if event in (SEND_1XX, SEND_2XX, SEND_3XX) else "absorbed"
            self._count(f"{kind}: {EVENT_NAMES[event]} in {STATE_NAMES[state]}")

    # -- server side ---------------------------------------------------------------------------

    def open_server(
        self, key: bytes, request: Message, flow: Flow, vias: bytes, now: float
    ) -> ServerTx:
        """A new server transaction.  An INVITE, or a request that may be answered late, gets its
        100 Trying when nothing else came in time (RFC 3261 17.2.1; RFC 4320 4.1)."""
        invite = request.method == b"INVITE"
        tx = ServerTx(key, request, flow, vias, invite, now)
        self.servers[key] = tx
        delay = self.timing.trying if invite else 3.5
        self.timers.start(tx, RESEND, delay, now)
        return tx

    def again(self, tx: ServerTx, now: float) -> None:
        """The request of this transaction came again."""
        self._server(tx, REQUEST, b"", now)

    def acknowledged(self, tx: ServerTx, now: float) -> None:
        """The ACK of a non-2xx answer came."""
        self._server(tx, ACK, b"", now)

    def answer(self, tx: ServerTx, data: bytes, status: int, now: float) -> None:
        """Send an answer through the machine."""
        event = SEND_1XX if status < 200 else SEND_2XX if status < 300 else SEND_3XX
        if tx.invite and self._tally is not None:
            self._tally(tx, status, now)
        if status > 100 or not tx.invite:
            tx.resend_at = 0.0  # no 100 Trying any more
        self._server(tx, event, data, now)

    def _server(self, tx: ServerTx, event: int, data: bytes, now: float) -> None:
        state, actions = tx.table[tx.state * EVENTS + event]
        if state < 0:
            self._absorb(tx.state, event)
            return
        tx.state = state
        if actions & SEND:
            tx.sent = data
            self.outbox.append((tx.flow, data))
        elif actions & AGAIN and tx.sent:
            self.outbox.append((tx.flow, tx.sent))
        if actions & START_RESEND and not tx.flow.reliable:
            tx.interval = self.timing.t1
            self.timers.start(tx, RESEND, tx.interval, now)
        elif actions & BACKOFF:
            tx.interval = min(2 * tx.interval, self.timing.t2)
            self.timers.start(tx, RESEND, tx.interval, now)
        elif actions & STOP_RESEND:
            tx.resend_at = 0.0
        if actions & LINGER:
            self._linger_server(tx, now)
        elif state == TERMINATED:
            self.close_server(tx)

    def _linger_server(self, tx: ServerTx, now: float) -> None:
        """H, I, J, L: how long the state lasts."""
        timing = self.timing
        length = 64 * timing.t1
        if tx.state == CONFIRMED:
            length = 0.0 if tx.flow.reliable else timing.t4
        elif tx.state == COMPLETED and not tx.invite and tx.flow.reliable:
            length = 0.0
        if tx.state != ACCEPTED:
            tx.request = None  # answered: only the answer is still needed
            tx.branches = []
        if length:
            self.timers.start(tx, UNTIL, length, now)
        else:
            self.close_server(tx)

    def close_server(self, tx: ServerTx) -> None:
        """Forget a server transaction."""
        tx.state = TERMINATED
        tx.resend_at = tx.until = 0.0
        tx.request = None
        tx.branches = []
        self.servers.pop(tx.key, None)

    # -- client side ---------------------------------------------------------------------------

    def open_client(self, tx: ClientTx, now: float, interval: float = 0.0) -> None:
        """Send the request of ``tx``; ``interval`` is the first retransmission, T1 when 0."""
        self.clients[tx.branch] = tx
        self.outbox.append((tx.flow, tx.sent))
        timers = self.timers
        if not tx.flow.reliable:
            tx.interval = interval or self.timing.t1
            timers.start(tx, RESEND, tx.interval, now)
        timers.start(tx, UNTIL, 64 * self.timing.t1, now)

    def respond(self, tx: ClientTx, message: Message, now: float) -> None:
        """An answer to the request of ``tx`` came."""
        status = message.status
        event = RECV_1XX if status < 200 else RECV_2XX if status < 300 else RECV_3XX
        self._client(tx, event, message, now)

    def resend(self, tx: ClientTx, now: float) -> bool:
        """Send a request again that had to wait for its turn; False when nobody waits any more."""
        if tx.state > PROCEEDING:
            return False
        self._client(tx, TIMER_RESEND, None, now)
        return True

    def broken(self, tx: ClientTx, now: float) -> None:
        """The flow of ``tx`` cannot carry it."""
        self._client(tx, BROKEN, None, now)

    def ring(self, tx: ClientTx, now: float) -> None:
        """(Re)start timer C (RFC 3261 16.7 step 2)."""
        self.timers.start(tx, UNTIL, self.timing.ring, now)

    def _client(self, tx: ClientTx, event: int, message: Message | None, now: float) -> None:
        state, actions = tx.table[tx.state * EVENTS + event]
        if state < 0:
            self._absorb(tx.state, event)
            return
        tx.state = state
        if actions & SEND_ACK and message is not None:
            if not tx.ack:
                tx.ack = acknowledgement(tx.sent, message)
            self.outbox.append((tx.flow, tx.ack))
        if actions & STOP_RESEND:
            tx.resend_at = 0.0
        elif actions & SLOW:
            if not tx.flow.reliable:
                tx.interval = self.timing.t2
                self.timers.start(tx, RESEND, tx.interval, now)
        if actions & STOP_UNTIL:
            tx.until = 0.0
        if actions & AGAIN:
            tx.sends += 1
            self.outbox.append((tx.flow, tx.sent))
            if actions & BACKOFF:
                tx.interval *= 2
                if not tx.invite and tx.interval > self.timing.t2:
                    tx.interval = self.timing.t2
                self.timers.start(tx, RESEND, tx.interval, now)
            self._core.unanswered(tx, now)
        if actions & LINGER:
            self._linger_client(tx, now)
        elif state == TERMINATED:
            self.close_client(tx)
            if not actions:  # nobody is told of it, so nobody needs it any more
                tx.empty()
        if actions & PASS and message is not None:
            self._core.answered(tx, message, now)
        elif actions & GIVE_UP:
            self._core.gave_up(tx, now)
        elif actions & FAIL:
            self._core.failed(tx, now)

    def _linger_client(self, tx: ClientTx, now: float) -> None:
        """D, K, M: how long the state lasts."""
        timing = self.timing
        if tx.state == ACCEPTED:
            length = 64 * timing.t1
        elif tx.flow.reliable:
            length = 0.0
        else:
            length = 64 * timing.t1 if tx.invite else timing.t4
        if length:
            self.timers.start(tx, UNTIL, length, now)
        else:
            self.close_client(tx)

    def close_client(self, tx: ClientTx) -> None:
        """Forget a client transaction."""
        tx.state = TERMINATED
        tx.resend_at = tx.until = 0.0
        if self.clients.get(tx.branch) is tx:  # the same request, sent again, has its branch too
            del self.clients[tx.branch]

    # -- time ----------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Fire the timers whose time has come."""
        for kind, owner in self.timers.due(now):
            self._fire(kind, owner, now)

    def _fire(self, kind: int, owner: Timed, now: float) -> None:
        event = TIMER_RESEND if kind == RESEND else TIMER_UNTIL
        if isinstance(owner, ClientTx):
            if kind == UNTIL or self._core.may_resend(owner, now):
                self._client(owner, event, None, now)
        elif isinstance(owner, ServerTx):
            if owner.state <= PROCEEDING:
                self._core.waited(owner, kind, now)  # not answered yet: the core's own timers
            else:
                self._server(owner, event, b"", now)
        elif isinstance(owner, Sleeper):
            owner.fired(now)


def acknowledgement(request: bytes, answer: Message) -> bytes:
    """The ACK of a non-2xx answer (RFC 3261 17.1.1.3)."""
    return _companion(request, b"ACK", answer.value(TO) or b"")


def cancellation(request: bytes, reason: bytes = b"") -> bytes:
    """The CANCEL of a request (RFC 3261 9.1); ``reason``: a Reason header line (RFC 3326)."""
    return _companion(request, b"CANCEL", None, reason)


def _companion(data: bytes, method: bytes, to: bytes | None, extra: bytes = b"") -> bytes:
    """ACK and CANCEL share Request-URI, top Via, Route, From, Call-ID and CSeq number with it."""
    request = scan(data)
    sent = request.data
    parts = [b"%b %b SIP/2.0\r\n" % (method, request.uri)]
    for hid, _start, start, end, _ in request.fields:
        if hid in (VIA, ROUTE, MAX_FORWARDS, FROM):
            parts.append(sent[_start:_])
        elif hid == TO:
            parts.append(b"To: %b\r\n" % (sent[start:end] if to is None else to))
        elif hid == CSEQ:
            parts.append(b"CSeq: %d %b\r\n" % (request.cseq, method))
        elif hid == CONTENT_LENGTH:
            continue
    parts.append(b"Call-ID: %b\r\n" % request.call_id)
    parts.append(extra)
    parts.append(b"Content-Length: 0\r\n\r\n")
    return b"".join(parts)
