"""One request that is passed from one leg of a kept call to the other, and what comes back.

What is passed is a new request in the other dialog (its Call-ID, tags, CSeq and Route); its final
answer is the answer to the first one, and the ACK of the first one is its ACK.  Descriptions go
through with the ``o=`` line that their reader knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.answer import KIND
from sipfront.sip.headers import CONTENT_TYPE, SESSION_EXPIRES
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from sipfront.stack import voice
from sipfront.stack.flows import OUTSIDE
from sipfront.stack.forward import contact_uri
from sipfront.stack.origin import following
from sipfront.stack.session import TIMER, session_expires
from sipfront.stack.transaction import PROCEEDING, ClientTx, ServerTx

if TYPE_CHECKING:
    from sipfront.stack.dialog import Leg
    from sipfront.stack.joined import Joined

_OFFERING = (b"INVITE", b"UPDATE")


class Exchange:
    """A request of the party of ``leg``, on its way to the party of ``other``."""

    __slots__ = ("_joined", "ack", "answer", "client", "leg", "method", "open", "other", "request",
                 "server")  # fmt: skip

    def __init__(
        self, joined: Joined, server: ServerTx, request: Message, leg: Leg, other: Leg
    ) -> None:
        self._joined = joined
        self.server = server
        self.request = request
        self.leg = leg
        self.other = other
        #: whether it is still to be answered or acknowledged: no other offer may cross it
        self.open = True
        self.method = request.method
        self.client: ClientTx | None = None
        self.answer = b""
        self.ack = b""

    def start(self, method: bytes, now: float) -> bool:
        """Say it to the other party, as ``method``; false when that cannot be reached."""
        shared, leg, other = self._joined.shared, self.leg, self.other
        flow = voice.reachable(shared, other)
        if flow is None or not other.outside_target:
            return False
        self.method = method
        body = told(self.request, other)
        extra = voice.copied(self.request)
        if method in _OFFERING:
            extra += voice.contact(other, flow) + voice.ALLOW + b"Supported: timer\r\n"
            extra += voice.session_line(other, asking=True)
        sort = voice.kind(self.request)
        branch, data = voice.say(shared, other, flow, method, extra, body, kind=sort)
        client = ClientTx(branch, data, flow, OUTSIDE, method == b"INVITE", None, now)
        client.task = self
        self.client = client
        self.server.branches.append(client)
        if leg.session is not None and other.session is not None:
            leg.session.asked(self.request, True)
            other.session.asked(scan(data), False)
        self._joined.layer.open_client(client, now)
        return True

    # -- what comes back -----------------------------------------------------------------------

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer of the other party."""
        joined, status = self._joined, message.status
        if status < 200:
            if client.cancelling and not client.cancel:
                joined.parting.send_cancel(client, b"", now)
            elif client.invite and not client.cancel:
                joined.layer.ring(client, now)
            return
        if self.answer:  # a 2xx again: its ACK was lost on one of the two legs
            if self.method == self.request.method:
                joined.layer.answer(self.server, self.answer, 200, now)
            else:
                self._send_ack()
            return
        if self.other.session is not None:
            self.other.session.replied(scan(client.sent), message, False, now)
        self.other.seen = self.leg.seen = now
        if status < 300:
            self._agreed(message, now)
        else:
            self._refused(status, _lines(message), now, message.body)

    def failed(self, now: float) -> None:
        """No answer at all: the other party is gone (RFC 3261 12.2.1.2), or its connection is and
        may come back."""
        flow = self.other.outside_flow
        self._refused(408 if flow is None or flow.open else 480, b"", now)

    def _agreed(self, message: Message, now: float) -> None:
        joined, leg, other, request = self._joined, self.leg, self.other, self.request
        target = contact_uri(message) if self.method in _OFFERING else b""
        if target:
            other.outside_target = target
        body = told(message, leg)
        extra = _lines(message)
        if request.method in _OFFERING:
            extra += dialog_lines(leg, request, self.server)
        data = reply(request, message.status, vias=self.server.vias, extra=extra, body=body)
        if leg.session is not None:
            leg.session.replied(request, scan(data), True, now)
        self.answer = data
        joined.layer.answer(self.server, data, message.status, now)
        if request.method != b"INVITE":
            self.open = False
            if self.method == b"INVITE":  # an UPDATE that became one
                self._send_ack()
        joined.changed(leg, other, now)

    def _refused(self, status: int, extra: bytes, now: float, body: bytes = b"") -> None:
        joined, leg, other = self._joined, self.leg, self.other
        self.open = False
        failure = scan(reply(self.request, status, extra=extra))
        if leg.session is not None:
            leg.session.replied(self.request, failure, True, now)
        if self.client is not None and other.session is not None and status in (408, 480):
            sent = scan(self.client.sent)
            other.session.replied(sent, scan(reply(sent, status)), False, now)
        if self.server.state <= PROCEEDING:
            # A challenge is for the node's credentials, which nobody has.
            shown = 488 if status in (401, 407) else status
            if self.server.invite or shown != 408:
                joined.refuse(self.server, shown, now, extra, body)
            else:
                joined.layer.close_server(self.server)  # RFC 4320 4.2
        if status in (408, 481):
            joined.gone(other, leg, now)

    # -- ACK -----------------------------------------------------------------------------------

    def acknowledged(self, message: Message) -> None:
        """The party of ``leg`` acknowledges (RFC 3261 13.2.2.4): so does the front, once more for
        each time."""
        if not self.ack:
            lines, body = voice.copied(message), told(message, self.other)
            self.ack = self._ack(lines, body, voice.kind(message))
            if self.leg.session is not None and self.other.session is not None:
                self.leg.session.asked(message, True)
                self.other.session.asked(scan(self.ack), False)
        self.open = False
        self._send_ack()

    def _send_ack(self) -> None:
        self.ack = self.ack or self._ack()
        if self.client is not None and self.ack:
            self._joined.layer.outbox.append((self.client.flow, self.ack))

    def _ack(self, extra: bytes = b"", body: bytes = b"", sort: bytes = KIND) -> bytes:
        if self.client is None:
            return b""
        cseq = scan(self.client.sent).cseq
        shared, flow = self._joined.shared, self.client.flow
        return voice.say(shared, self.other, flow, b"ACK", extra, body, cseq, sort)[1]


def _lines(message: Message) -> bytes:
    """The header lines of an answer that go back with its body."""
    lines = voice.copied(message)
    if message.body:
        lines += b"Content-Type: %b\r\n" % voice.kind(message)
    return lines


def told(message: Message, leg: Leg) -> bytes:
    """The body of a message of one party as the party of ``leg`` is to see it."""
    kind = message.value(CONTENT_TYPE)
    body = message.body
    if not body or kind is None or kind.partition(b";")[0].strip().lower() != KIND:
        return body
    session = leg.session
    last = session.inside_sdp if session is not None else b""
    return following(body, last) if last else body


def dialog_lines(leg: Leg, request: Message, server: ServerTx) -> bytes:
    """What a 2xx to INVITE or UPDATE says of the dialog (RFC 3261 13.3.1.4, RFC 4028 section 9)."""
    lines = voice.contact(leg, server.flow) + voice.ALLOW + b"Supported: timer\r\n"
    session, value = leg.session, request.value(SESSION_EXPIRES)
    interval, uac = session_expires(value) if value is not None else (0, True)
    if interval:
        role = b"uac" if uac else b"uas"
        lines += b"Session-Expires: %d;refresher=%b\r\n" % (interval, role)
        if uac:
            lines += b"Require: timer\r\n"
    elif session is not None and session.can & TIMER:
        lines += voice.session_line(leg, asking=False)
    return lines
