"""Answered calls whose ACK had not passed when their node died (design, section 5).

The caller has its 200: it is an established call, and whoever's ACK the dead node owed gets it
from here.  Only the called phone's 200 was seen, and the caller's INVITE went on to another node:
ACK and BYE, because that node will call the phone anew.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.stack.dialog import CONFIRMED
from sipfront.stack.timers import RESEND, Sleeper

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.flows import Flow
    from sipfront.stack.pair import Link
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: RFC 3326: why a call that nobody acknowledged is ended.
NO_ACK = b'SIP;cause=408;text="No ACK"'


class Side(IntEnum):
    """Who was asked by the INVITE."""

    NODE = 0  #: the caller is outside and has its 200
    PHONE = 1  #: the node that died had called a phone


class Owed(IntEnum):
    """What the front does in the node's place."""

    REPEAT = 0  #: the 200, until the caller acknowledges it
    ACK = 1
    ACK_BYE = 2


#: (who was asked, whether the call went on elsewhere) -> what is done.
OWED: dict[tuple[Side, bool], Owed] = {
    (Side.NODE, False): Owed.REPEAT,
    (Side.NODE, True): Owed.REPEAT,  # answered is answered, whatever else was tried
    (Side.PHONE, False): Owed.ACK,
    (Side.PHONE, True): Owed.ACK_BYE,
}


class Repeat(Sleeper):
    """A 200 that is sent again until its ACK comes (RFC 3261 13.3.1.4), over any transport."""

    __slots__ = ("_ends", "_interval", "_leg", "_server", "_unacked")

    def __init__(self, unacked: Unacked, leg: Leg, server: ServerTx, now: float) -> None:
        self._unacked = unacked
        self._leg = leg
        self._server = server
        timing = unacked.timing
        self._interval = timing.t1
        self._ends = now + 64 * timing.t1
        self.resend_at = 0.0
        self.until = 0.0

    def start(self, now: float) -> None:
        """The next one is due in an interval."""
        self._unacked.timers.start(self, RESEND, self._interval, now)

    def fired(self, now: float) -> None:
        """Again, later, or never."""
        if not self._unacked.waits(self._leg):
            return
        if now >= self._ends:
            self._unacked.give_up(self._leg, now)
            return
        self._unacked.repeat(self._server)
        self._interval = min(2 * self._interval, self._unacked.timing.t2)
        self.start(now)


class Unacked:
    """Owes what dead nodes owed."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self.timing = shared.settings.timing
        self.timers = proxy.layer.timers
        self._repeated: set[Leg] = set()

    def passes(self, plan: Plan, message: Message, flow: Flow, now: float) -> None:
        """An ACK for a 2xx: end to end, no transaction (RFC 3261 16.11 last paragraph, 13.2.2.4)."""
        if plan.leg is not None:
            self._shared.legs.unacked.pop(plan.leg, None)
            if plan.leg.joined is not None:
                self._proxy.joined.acknowledge(plan.leg, message)
                return
        if plan.to_node:
            node = plan.node
            if node is None or self._shared.pair.down(node):
                self._shared.count("ack for a dead owner")
                return
            inside = self._shared.pair.flow(node, plan.local)
            if inside is None:
                return
            _, data = self._proxy.builder.to_node(message, plan, node, inside, flow, None)
            self._proxy.layer.outbox.append((inside, data))
            if plan.leg is not None and plan.leg.kept is not None:
                self._proxy.reinvites.acknowledged(plan.leg, now)
            return
        target = plan.targets[0]
        _, data = self._proxy.builder.to_outside(message, plan, target, flow.node, None)
        self._proxy.layer.outbox.append((target.flow, data))

    def node_down(self, link: Link, now: float) -> None:
        """A node was given up, and its calls in set-up are being moved."""
        waiting = self._shared.legs.unacked
        for leg in [leg for leg in waiting if leg.owner == link.node]:
            client, server, answer = waiting[leg]
            side = Side.NODE if client.node >= 0 else Side.PHONE
            owed = OWED[side, leg.correlation in link.left]
            if owed is Owed.REPEAT:
                if leg not in self._repeated:
                    self._repeated.add(leg)
                    Repeat(self, leg, server, now).start(now)
                continue
            del waiting[leg]
            self._acknowledge(leg, client, server, answer, now, bye=owed is Owed.ACK_BYE)

    def _acknowledge(
        self,
        leg: Leg,
        client: ClientTx,
        server: ServerTx,
        answer: Message,
        now: float,
        *,
        bye: bool,
    ) -> None:
        self._shared.count("answers acknowledged for a node")
        self._proxy.parting.acknowledge(client, answer)
        client.abandoned = True  # its 2xx, when it comes again, is acknowledged here again
        if not bye:
            return
        self._shared.count("answered calls that went on elsewhere")
        ending = self._proxy.parting.hang_up(client, answer, now)
        if server.plan is not None:
            self._proxy.leaving.leave(server.plan, client.flow, ending, now)
        self._shared.legs.ended_by_us(leg)
        self._proxy.owed.add(leg)

    # -- for Repeat ----------------------------------------------------------------------------

    def waits(self, leg: Leg) -> bool:
        """Whether its ACK has not come yet."""
        if leg.state == CONFIRMED and leg in self._shared.legs.unacked:
            return True
        self._repeated.discard(leg)
        return False

    def repeat(self, server: ServerTx) -> None:
        """Send the 200 once more."""
        if server.sent:
            self._shared.count("answers repeated for a node")
            self._proxy.layer.outbox.append((server.flow, server.sent))

    def give_up(self, leg: Leg, now: float) -> None:
        """RFC 3261 13.3.1.4: without an ACK for 64*T1, a BYE."""
        self._repeated.discard(leg)
        self._shared.count("answers never acknowledged")
        self._proxy.aftermath.end(leg, now, NO_ACK)
