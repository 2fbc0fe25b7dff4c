"""What the two ends of a dialog have agreed: offer and answer, session timer, what a party can do.

A :class:`Session` belongs to the leg of an INVITE.  With it the front can speak in the place of
the node when that is gone: it knows what each end last said about its media, whether an offer is
still unanswered and whose it is, and who has to refresh the session until when.

The machine of offer and answer (RFC 3264; RFC 3261 13.2.1 and 14; RFC 3262 section 5; RFC 3311)
is a table.  In its words the *asker* is whoever sent the request of the exchange, outside or
inside, and the *asked* the other end.  Descriptions are kept as they came and looked at by nobody
here.  Imported by :mod:`sipfront.stack.branches` and by whoever acts for a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.sip.headers import (
    ALLOW,
    CONTENT_TYPE,
    REQUIRE,
    RSEQ,
    SESSION_EXPIRES,
    SUPPORTED,
)

if TYPE_CHECKING:
    from sipfront.sip.message import Message

#: Octets of one description that are kept; real ones have 200 to 3,000 (video, ICE).  A call with
#: a longer one is like one whose media we know nothing of.
MAX_SDP = 4_096
#: Stands for a description that was too long, or not alone in its body: it names nobody.
UNKNOWN = b"?"

# States of offer and answer.
STABLE = 0
OFFERED = 1  # the asker's request holds an offer, its answer comes in a response
ASKED = 2  # an INVITE without an offer: the offer comes in a response
COUNTERED = 3  # the offer came in a response, its answer comes in the ACK or PRACK
STATES = ("STABLE", "OFFERED", "ASKED", "COUNTERED")

# Events.
REQUEST_SDP = 0
REQUEST_BARE = 1  # an INVITE without a description
REPLY_SDP = 2  # a description in a 2xx or a reliable 1xx
REPLY_MAYBE = 3  # one in an unreliable 1xx: the same will stand in the 2xx (RFC 3261 13.2.1)
REPLY_BARE = 4  # a 2xx without one
ACK_SDP = 5  # an ACK or PRACK with one
ACK_BARE = 6  # an ACK without one
FAILED = 7  # a final answer above 299
EVENTS = (
    "REQUEST_SDP",
    "REQUEST_BARE",
    "REPLY_SDP",
    "REPLY_MAYBE",
    "REPLY_BARE",
    "ACK_SDP",
    "ACK_BARE",
    "FAILED",
)

# Actions.
NOTHING = 0
OFFER = 1  # keep it as the offer that waits for its answer
AGREE = 2  # it is the answer: both count now
GUESS = 3  # it is most likely the answer
ASSUME = 4  # no answer came, but one was guessed: both count now
FORGET = 5  # the offer came to nothing: what counted before counts on (RFC 3261 14.1)

TABLE: dict[tuple[int, int], tuple[int, int]] = {
    (STABLE, REQUEST_SDP): (OFFERED, OFFER),
    (STABLE, REQUEST_BARE): (ASKED, NOTHING),
    (OFFERED, REPLY_MAYBE): (OFFERED, GUESS),
    (OFFERED, REPLY_SDP): (STABLE, AGREE),
    (OFFERED, REPLY_BARE): (STABLE, ASSUME),
    (OFFERED, FAILED): (STABLE, FORGET),
    # The next request begins anew: the answer to the last one was lost on its way, or never came.
    (OFFERED, REQUEST_SDP): (OFFERED, OFFER),
    (OFFERED, REQUEST_BARE): (ASKED, FORGET),
    (ASKED, REPLY_MAYBE): (ASKED, NOTHING),
    (ASKED, REPLY_SDP): (COUNTERED, OFFER),
    (ASKED, REPLY_BARE): (STABLE, NOTHING),
    (ASKED, FAILED): (STABLE, NOTHING),
    (ASKED, REQUEST_SDP): (OFFERED, OFFER),
    (ASKED, REQUEST_BARE): (ASKED, NOTHING),
    (COUNTERED, ACK_SDP): (STABLE, AGREE),
    (COUNTERED, ACK_BARE): (STABLE, FORGET),
    (COUNTERED, REPLY_SDP): (COUNTERED, OFFER),  # the 2xx again
    (COUNTERED, REPLY_BARE): (COUNTERED, NOTHING),  # the 2xx after an offer in a reliable 1xx
    (COUNTERED, FAILED): (STABLE, FORGET),
    (COUNTERED, REQUEST_SDP): (OFFERED, OFFER),
    (COUNTERED, REQUEST_BARE): (ASKED, FORGET),
}

# Who refreshes (RFC 4028).
NOBODY = 0
THE_OUTSIDE = 1
THE_INSIDE = 2

# What the outside party says it can do, bits.
UPDATE = 1
TIMER = 2
RELIABLE = 4

_OFFERING = (b"INVITE", b"UPDATE", b"PRACK", b"ACK")


class Session:
    """One INVITE dialog's agreement.

    ``outside_sdp`` is what the outside party last said of itself, ``inside_sdp`` what it was last
    told in the node's name; both b"" before the first agreement.  ``asker``: the outside sent the
    request of the exchange that is under way; ``cseq`` its number; ``offer`` and ``guess`` its
    descriptions.  ``interval``: seconds, 0 without a session timer; ``refreshed``: when it began
    anew.  ``unacked``: the CSeq of the inside's INVITE that was answered 2xx and whose ACK has not
    passed yet, else 0.
    """

    __slots__ = (
        "asker",
        "can",
        "cseq",
        "guess",
        "inside_sdp",
        "interval",
        "offer",
        "outside_sdp",
        "refreshed",
        "refresher",
        "state",
        "unacked",
    )

    def __init__(self) -> None:
        self.outside_sdp = b""
        self.inside_sdp = b""
        self.state = STABLE
        self.asker = True
        self.cseq = 0
        self.offer = b""
        self.guess = b""
        self.interval = 0
        self.refresher = NOBODY
        self.refreshed = 0.0
        self.can = 0
        self.unacked = 0

    @property
    def held(self) -> bool:
        """Whether either end has put the other on hold (RFC 3264 8.4)."""
        return any(
            b"\na=sendonly" in sdp or b"\na=inactive" in sdp or b"\nc=IN IP4 0.0.0.0" in sdp
            for sdp in (self.outside_sdp, self.inside_sdp)
        )

    def ends(self) -> float:
        """When it ends if nobody refreshes it; 0.0 without a session timer."""
        return self.refreshed + self.interval if self.interval else 0.0

    # -- what passes ---------------------------------------------------------------------------

    def asked(self, message: Message, by_outside: bool, cseq: int = 0) -> bool:
        """A request of the dialog passes; true when something was agreed by it.

        ``cseq``: the number that its sender gave it, where that is not what ``message`` says.
        """
        method = message.method
        if method not in _OFFERING:
            return False
        if by_outside:
            self._can(message)
        sdp = description(message)
        if method == b"ACK":
            if not by_outside:
                self.unacked = 0
            if self.state != COUNTERED or self.asker != by_outside:
                return False
            return self._step(ACK_SDP if sdp else ACK_BARE, sdp, by_outside)
        if method == b"PRACK" and self.state == COUNTERED and self.asker == by_outside:
            return self._step(ACK_SDP, sdp, by_outside) if sdp else False
        if not sdp and method != b"INVITE":
            return False
        self.asker = by_outside
        self.cseq = cseq or message.cseq
        return self._step(REQUEST_SDP if sdp else REQUEST_BARE, sdp, by_outside)

    def replied(self, request: Message, message: Message, by_outside: bool, now: float) -> bool:
        """An answer to a request of the outside (``by_outside``) or the inside passes; true when
        something was agreed, or the session was refreshed by it."""
        status, method = message.status, request.method
        if method not in _OFFERING or (status < 200 and message.body_end == message.body_start):
            return False
        done = False
        if 200 <= status < 300 and method != b"PRACK":
            self._refreshed(request, message, by_outside, now)
            done = True
            if method == b"INVITE" and not by_outside:
                self.unacked = request.cseq
        if not by_outside and 200 <= status < 300:
            self._can(message)
        if self.asker != by_outside or self.cseq != request.cseq:
            return done
        if status >= 300:
            return self._step(FAILED, b"", not by_outside) or done
        sdp = description(message)
        if not sdp:
            return self._step(REPLY_BARE, b"", not by_outside) or done if status >= 200 else done
        firm = status >= 200 or (message.has(RSEQ) and b"100rel" in message.lines(REQUIRE))
        return self._step(REPLY_SDP if firm else REPLY_MAYBE, sdp, not by_outside) or done

    def _step(self, event: int, sdp: bytes, by_outside: bool) -> bool:
        """One row of the table; a pair that is not there means nothing (a message come again)."""
        row = TABLE.get((self.state, event))
        if row is None:
            return False
        self.state, action = row
        if action == OFFER:
            self.offer, self.guess = sdp, b""
        elif action == GUESS:
            self.guess = sdp
        elif action == AGREE:
            self._agree(sdp, by_outside)
            return True
        elif action == ASSUME:
            if self.guess:
                self._agree(self.guess, by_outside)
                return True
            self.offer = b""
        elif action == FORGET:
            self.offer = self.guess = b""
        return False

    def _agree(self, answer: bytes, by_outside: bool) -> None:
        if by_outside:
            self.outside_sdp, self.inside_sdp = answer, self.offer
        else:
            self.outside_sdp, self.inside_sdp = self.offer, answer
        self.offer = self.guess = b""

    def _can(self, message: Message) -> None:
        """What the outside party says of itself (RFC 3261 20.5, 20.37)."""
        allow, supported = message.value(ALLOW), message.value(SUPPORTED)
        if allow is None and supported is None:
            return
        can = UPDATE if allow is not None and b"UPDATE" in allow else 0
        if supported is not None:
            if b"timer" in supported:
                can |= TIMER
            if b"100rel" in supported:
                can |= RELIABLE
        self.can = can

    def _refreshed(self, request: Message, message: Message, by_outside: bool, now: float) -> None:
        """A 2xx to INVITE or UPDATE begins the session timer anew, or ends it (RFC 4028 7.2)."""
        self.refreshed = now
        value = message.value(SESSION_EXPIRES)
        if value is None:
            # RFC 4028 7.2: the asked knows no timers; the asker may refresh all the same.
            asked_for = request.value(SESSION_EXPIRES)
            if asked_for is None or b"refresher=uac" not in asked_for.lower():
                self.interval, self.refresher = 0, NOBODY
                return
            value = asked_for
        self.interval, uac = session_expires(value)
        if not self.interval:
            self.refresher = NOBODY
        else:
            self.refresher = THE_OUTSIDE if uac == by_outside else THE_INSIDE

    # -- to a store and back -------------------------------------------------------------------

    def stored(self, offset: float) -> tuple[Any, ...]:
        """Plain values; ``offset``: wall clock minus monotonic clock."""
        return (
            self.outside_sdp,
            self.inside_sdp,
            self.state,
            self.asker,
            self.cseq,
            self.offer,
            self.guess,
            self.interval,
            self.refresher,
            self.refreshed + offset if self.refreshed else 0.0,
            self.can,
            self.unacked,
        )

    @classmethod
    def restored(cls, values: tuple[Any, ...], offset: float) -> Session:
        """The session again; raises ValueError for what is none."""
        session = cls()
        (
            session.outside_sdp,
            session.inside_sdp,
            session.state,
            session.asker,
            session.cseq,
            session.offer,
            session.guess,
            session.interval,
            session.refresher,
            refreshed,
            session.can,
            session.unacked,
        ) = values
        session.refreshed = refreshed - offset if refreshed else 0.0
        return session


def description(message: Message) -> bytes:
    """The session description of a message, b"" if it has none, :data:`UNKNOWN` for one that is
    not kept."""
    if message.body_end == message.body_start:
        return b""
    kind = message.value(CONTENT_TYPE)
    if kind is None:
        return b""
    if kind != b"application/sdp":
        kind = kind.partition(b";")[0].strip().lower()
    if kind == b"application/sdp":
        if message.body_end - message.body_start > MAX_SDP:
            return UNKNOWN
        return message.body
    return UNKNOWN if kind.startswith(b"multipart/") else b""


def session_expires(value: bytes) -> tuple[int, bool]:
    """(seconds, the sender of the request refreshes) of a Session-Expires (RFC 4028 section 4);
    0 seconds for what cannot be read."""
    number, _, params = value.partition(b";")
    number = number.strip()
    if not number.isdigit() or len(number) > 10:
        return 0, True
    return int(number), b"refresher=uas" not in params.lower().replace(b" ", b"")
