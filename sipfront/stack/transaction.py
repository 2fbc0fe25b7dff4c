r"""The four transaction machines of RFC 3261 section 17, with RFC 6026, as tables.

A machine is a table (state, event) -> (next state, actions).  It knows no clock and no socket:
:mod:`sipfront.stack.layer` feeds it events and carries out its actions.

::

    INVITE client (17.1.1, RFC 6026 8.4)      non-INVITE client (17.1.2)
    CALLING -> PROCEEDING -> COMPLETED        TRYING -> PROCEEDING -> COMPLETED
           \-> ACCEPTED                       -> TERMINATED

    INVITE server (17.2.1, RFC 6026 8.3)      non-INVITE server (17.2.2)
    PROCEEDING -> COMPLETED -> CONFIRMED      TRYING -> PROCEEDING -> COMPLETED
              \-> ACCEPTED                    -> TERMINATED

A pair that is not in a table is :data:`ABSENT`: from the network it is absorbed and counted; from
our own code it is a bug.

Timers have the letters of the RFC in the comments.  Every transaction has two: ``RESEND`` (A, E,
G) and ``UNTIL`` (B, F, H: give up; D, I, J, K, L, M: forget; C belongs to the proxy core).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sipfront.stack.timers import Timed

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan

# States, shared numbers so that a table is one flat list.
TRYING = 0  # non-INVITE; for an INVITE client: CALLING
CALLING = 0
PROCEEDING = 1
COMPLETED = 2
ACCEPTED = 3  # RFC 6026: a 2xx was sent or received
CONFIRMED = 4  # INVITE server: the ACK came
TERMINATED = 5
STATES = 6
STATE_NAMES = ("TRYING", "PROCEEDING", "COMPLETED", "ACCEPTED", "CONFIRMED", "TERMINATED")

# Events.
REQUEST = 0  # server: the request again (a retransmission)
ACK = 1  # server: the ACK of a non-2xx answer
SEND_1XX = 2  # server: the proxy core answers
SEND_2XX = 3
SEND_3XX = 4  # 300-699
RECV_1XX = 5  # client: an answer came
RECV_2XX = 6
RECV_3XX = 7
TIMER_RESEND = 8
TIMER_UNTIL = 9
BROKEN = 10  # client: the transport failed; a server's peer may come back for its answer
EVENTS = 11
EVENT_NAMES = (
    "REQUEST",
    "ACK",
    "SEND_1XX",
    "SEND_2XX",
    "SEND_3XX",
    "RECV_1XX",
    "RECV_2XX",
    "RECV_3XX",
    "TIMER_RESEND",
    "TIMER_UNTIL",
    "BROKEN",
)

# Actions, bits.
PASS = 1  # hand the answer to the proxy core
SEND = 2  # send the answer that the core gives
AGAIN = 4  # send the last message again
SEND_ACK = 8  # acknowledge a non-2xx answer (17.1.1.3)
BACKOFF = 16  # restart RESEND, doubled
STOP_RESEND = 32
STOP_UNTIL = 64
LINGER = 128  # start UNTIL with the time that this state lasts
GIVE_UP = 256  # tell the core that no answer came
FAIL = 512  # tell the core that the transport failed
START_RESEND = 1024  # start RESEND (timer G)
SLOW = 2048  # RESEND goes on with T2 (17.1.2.2)

Row = tuple[int, int]
Table = dict[tuple[int, int], Row]

INVITE_CLIENT: Table = {
    (CALLING, TIMER_RESEND): (CALLING, AGAIN | BACKOFF),  # A
    (CALLING, TIMER_UNTIL): (TERMINATED, GIVE_UP),  # B
    (CALLING, RECV_1XX): (PROCEEDING, PASS | STOP_RESEND | STOP_UNTIL),
    (CALLING, RECV_2XX): (ACCEPTED, PASS | STOP_RESEND | LINGER),  # M, RFC 6026 8.4
    (CALLING, RECV_3XX): (COMPLETED, SEND_ACK | PASS | STOP_RESEND | LINGER),  # D
    (CALLING, BROKEN): (TERMINATED, FAIL),
    (PROCEEDING, RECV_1XX): (PROCEEDING, PASS),
    (PROCEEDING, RECV_2XX): (ACCEPTED, PASS | LINGER),
    (PROCEEDING, RECV_3XX): (COMPLETED, SEND_ACK | PASS | LINGER),
    (PROCEEDING, TIMER_UNTIL): (PROCEEDING, GIVE_UP),  # C, 16.8: the core cancels
    (PROCEEDING, BROKEN): (TERMINATED, FAIL),
    (COMPLETED, RECV_3XX): (COMPLETED, SEND_ACK),  # a retransmission
    (COMPLETED, TIMER_UNTIL): (TERMINATED, 0),
    (COMPLETED, BROKEN): (TERMINATED, 0),
    (ACCEPTED, RECV_2XX): (ACCEPTED, PASS),  # again, or of another fork
    (ACCEPTED, TIMER_UNTIL): (TERMINATED, 0),
}

NON_INVITE_CLIENT: Table = {
    (TRYING, TIMER_RESEND): (TRYING, AGAIN | BACKOFF),  # E
    (TRYING, TIMER_UNTIL): (TERMINATED, GIVE_UP),  # F
    (TRYING, RECV_1XX): (PROCEEDING, PASS | SLOW),
    (TRYING, RECV_2XX): (COMPLETED, PASS | STOP_RESEND | LINGER),  # K
    (TRYING, RECV_3XX): (COMPLETED, PASS | STOP_RESEND | LINGER),
    (TRYING, BROKEN): (TERMINATED, FAIL),
    (PROCEEDING, TIMER_RESEND): (PROCEEDING, AGAIN | SLOW),
    (PROCEEDING, TIMER_UNTIL): (TERMINATED, GIVE_UP),
    (PROCEEDING, RECV_1XX): (PROCEEDING, PASS),
    (PROCEEDING, RECV_2XX): (COMPLETED, PASS | STOP_RESEND | LINGER),
    (PROCEEDING, RECV_3XX): (COMPLETED, PASS | STOP_RESEND | LINGER),
    (PROCEEDING, BROKEN): (TERMINATED, FAIL),
    (COMPLETED, RECV_2XX): (COMPLETED, 0),  # retransmissions are absorbed
    (COMPLETED, RECV_3XX): (COMPLETED, 0),
    (COMPLETED, TIMER_UNTIL): (TERMINATED, 0),
}

INVITE_SERVER: Table = {
    (PROCEEDING, REQUEST): (PROCEEDING, AGAIN),
    (PROCEEDING, SEND_1XX): (PROCEEDING, SEND),
    (PROCEEDING, SEND_2XX): (ACCEPTED, SEND | STOP_RESEND | LINGER),  # L
    (PROCEEDING, SEND_3XX): (COMPLETED, SEND | START_RESEND | LINGER),  # G, H
    (COMPLETED, REQUEST): (COMPLETED, AGAIN),
    (COMPLETED, TIMER_RESEND): (COMPLETED, AGAIN | BACKOFF),
    (COMPLETED, ACK): (CONFIRMED, STOP_RESEND | LINGER),  # I
    (COMPLETED, TIMER_UNTIL): (TERMINATED, 0),
    (CONFIRMED, ACK): (CONFIRMED, 0),
    (CONFIRMED, REQUEST): (CONFIRMED, 0),  # the INVITE overtaken by its ACK
    (CONFIRMED, TIMER_UNTIL): (TERMINATED, 0),
    (ACCEPTED, REQUEST): (ACCEPTED, 0),  # RFC 6026 7.1: absorbed
    (ACCEPTED, SEND_2XX): (ACCEPTED, SEND),  # the callee sends its 2xx again
    (ACCEPTED, TIMER_UNTIL): (TERMINATED, 0),
}

NON_INVITE_SERVER: Table = {
    (TRYING, REQUEST): (TRYING, 0),
    (TRYING, SEND_1XX): (PROCEEDING, SEND),
    (TRYING, SEND_2XX): (COMPLETED, SEND | LINGER),  # J
    (TRYING, SEND_3XX): (COMPLETED, SEND | LINGER),
    (PROCEEDING, REQUEST): (PROCEEDING, AGAIN),
    (PROCEEDING, SEND_1XX): (PROCEEDING, SEND),
    (PROCEEDING, SEND_2XX): (COMPLETED, SEND | LINGER),
    (PROCEEDING, SEND_3XX): (COMPLETED, SEND | LINGER),
    (COMPLETED, REQUEST): (COMPLETED, AGAIN),
    (COMPLETED, SEND_2XX): (COMPLETED, 0),  # the first final answer holds
    (COMPLETED, SEND_3XX): (COMPLETED, 0),
    (COMPLETED, TIMER_UNTIL): (TERMINATED, 0),
}

#: What :func:`flatten` puts where a table has no row.
ABSENT: Row = (-1, 0)


def flatten(table: Table) -> list[Row]:
    """The table as one list, indexed by ``state * EVENTS + event``: ten times faster to read."""
    flat = [ABSENT] * (STATES * EVENTS)
    for (state, event), row in table.items():
        flat[state * EVENTS + event] = row
    return flat


IC, NC, IS, NS = map(flatten, (INVITE_CLIENT, NON_INVITE_CLIENT, INVITE_SERVER, NON_INVITE_SERVER))


class ServerTx(Timed):
    """A request that came to us, until it is answered and its retransmissions have died out.

    ``vias``: the Via lines that its answers carry; ``flow``: where they go.  ``branches`` are the
    client transactions through which it is forwarded, ``best`` the best final answer so far.
    """

    __slots__ = (
        "best",
        "branches",
        "cancelled",
        "flow",
        "interval",
        "invite",
        "key",
        "parked",
        "plan",
        "received_at",
        "request",
        "sent",
        "state",
        "table",
        "vias",
    )

    def __init__(
        self, key: bytes, request: Message, flow: Flow, vias: bytes, invite: bool, now: float
    ) -> None:
        self.key = key
        self.request: Message | None = request
        self.flow = flow
        self.vias = vias
        self.invite = invite
        self.state = PROCEEDING if invite else TRYING
        self.table = IS if invite else NS
        self.sent = b""
        self.interval = 0.0
        self.resend_at = 0.0
        self.until = 0.0
        self.received_at = now
        self.branches: list[ClientTx] = []
        self.best: tuple[ClientTx, Message] | None = None
        self.cancelled = False
        self.parked = False
        self.plan: Plan | None = None


class Task(Protocol):
    """Whoever sends a request of the front's own and wants its answers."""

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """An answer came."""

    def failed(self, now: float) -> None:
        """None will come."""


class ClientTx(Timed):
    """A request that we sent, until its answers have died out.

    ``node`` is the index of the node that it went to, or a negative number for outside.
    ``server`` is what it forwards, or None for a request of our own.
    """

    __slots__ = (
        "abandoned",
        "ack",
        "branch",
        "cancel",
        "cancelling",
        "final",
        "flow",
        "held",
        "interval",
        "invite",
        "legs",
        "node",
        "probe",
        "reason",
        "sends",
        "sent",
        "sent_at",
        "server",
        "state",
        "status",
        "table",
        "task",
    )

    def __init__(
        self,
        branch: bytes,
        data: bytes,
        flow: Flow,
        node: int,
        invite: bool,
        server: ServerTx | None,
        now: float,
    ) -> None:
        self.branch = branch
        self.sent = data
        self.flow = flow
        self.node = node
        self.invite = invite
        self.server = server
        self.state = CALLING
        self.table = IC if invite else NC
        self.status = 0  # the highest answer so far
        self.interval = 0.0
        self.resend_at = 0.0
        self.until = 0.0
        self.sends = 1
        self.sent_at = now
        self.ack = b""
        self.cancelling = False  # CANCEL is wanted
        self.cancel = False  # CANCEL was sent
        self.reason = b""  # the Reason line that it carries (RFC 3326)
        self.abandoned = False  # its answers are no longer passed
        self.held: Message | None = None  # a failure kept until the decision
        self.final = False
        self.legs: list[Leg] = []  # dialogs that its answers made
        self.probe = -1  # the number of the probe that it is
        self.task: Task | None = None  # whose request of our own it is

    def empty(self) -> None:
        """Let go of what it carried.

        A timer that was stopped holds it until its time comes: three minutes for timer C, of each
        call, with a request, an answer and their transaction.
        """
        self.sent = self.ack = b""
        self.server = None

    @property
    def under_way(self) -> bool:
        """Whether more can come of it: it was not given up, has not ended, and holds no failure."""
        return not self.abandoned and not self.final and self.held is None
