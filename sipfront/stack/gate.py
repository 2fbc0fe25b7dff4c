"""The gate: a REGISTER passes it to a node when its turn has come (:mod:`sipfront.stack.pace`).

Whatever goes to a node is counted before it goes: what phones send, what the front has to tell, and
what is sent again because no answer came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import AUTHORIZATION
from sipfront.stack.guard import nonce_of
from sipfront.stack.pace import Queue, Turn
from sipfront.stack.timers import UNTIL, Sleeper
from sipfront.stack.transaction import PROCEEDING

if TYPE_CHECKING:
    from sipfront.stack.layer import Transactions
    from sipfront.stack.pair import Link
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ClientTx, ServerTx

#: A phone's REGISTER waits so long at most: it gives up after 32 s (timer F), and 503 with a time
#: is better than that.
WAIT = 24.0
_PHONES = (Turn.PROOF, Turn.CHANGED, Turn.REFRESH)


class Gate:
    """One queue per node, and who stands in it."""

    __slots__ = ("_proxy", "_shared", "queues")

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        rate = shared.settings.registering.rate
        self.queues = [Queue(rate) for _ in shared.settings.nodes]

    def admit(self, server: ServerTx, plan: Plan, node: int, now: float) -> bool:
        """Whether a REGISTER may go to a node now; if not, it waits here."""
        if plan.admitted:
            plan.admitted = False
            return True
        queue = self.queues[node]
        if queue.free(now):
            queue.bucket.spent(now)
            return True
        shared = self._shared
        if queue.waiting(_PHONES) >= shared.settings.limits.parked:
            self.too_long(server, now)
            return False
        patient = Patient(self, server, plan)
        self._proxy.layer.timers.start(patient, UNTIL, WAIT, now)
        request = server.request
        proof = request.value(AUTHORIZATION) if request is not None else None
        if proof is not None and shared.nonces.issuer(nonce_of(proof), now) is not None:
            queue.put(patient, Turn.PROOF)
        else:
            queue.put(patient, Turn(plan.turn))
        shared.count("REGISTERs that waited for their turn")
        return False

    def admitted(self, server: ServerTx, plan: Plan, now: float) -> bool:
        """Its turn has come; False when it went nowhere."""
        before = len(server.branches)
        self._proxy.failover.to_pair(server, plan, now)
        plan.admitted = False
        return len(server.branches) > before

    def interval(self, link: Link, now: float) -> float:
        """How soon a REGISTER is sent to a node again at first; 0.0: T1 (RFC 3261 17.1.2.2).

        While others wait for their turn the node is at its pace: what is late then is not lost, and
        to send it again would only be one more.  Silence is looked for here instead.
        """
        if not self.queues[link.node].waiting():
            return link.interval
        self._proxy.failover.doubt(link, now)
        return 0.0

    def may_resend(self, client: ClientTx, now: float) -> bool:
        """Whether a REGISTER may be sent to its node again now; if not, its turn comes later.

        To the node it is one more, whoever sends it and why.  So it is counted before it goes, and
        timer E (RFC 3261 17.1.2.2) is only the earliest moment; timer F ends the wait.
        """
        if client.node < 0 or client.flow.node < 0 or client.sent[:9] != b"REGISTER ":
            return True
        queue = self.queues[client.node]
        if queue.free(now):
            queue.bucket.spent(now)
            return True
        queue.put(Late(self._proxy.layer, client), Turn.AGAIN)
        self._shared.count("REGISTERs sent again at their turn")
        self._proxy.failover.doubt(self._shared.pair.links[client.node], now)
        return False

    def too_long(self, server: ServerTx, now: float) -> None:
        """More phones than the node is given in time."""
        if server.request is not None and server.state <= PROCEEDING:
            self._shared.count("REGISTERs that waited too long")
            self._proxy.refuse(server, 503, now, self._shared.retry_after())


class Patient(Sleeper):
    """A phone's REGISTER that waits for its turn."""

    __slots__ = ("_gate", "plan", "server")

    def __init__(self, gate: Gate, server: ServerTx, plan: Plan) -> None:
        self._gate = gate
        self.server = server
        self.plan = plan
        self.resend_at = 0.0
        self.until = 0.0

    def go(self, now: float) -> bool:
        """Its turn has come."""
        if self.until == 0.0 or self.server.request is None or self.server.state > PROCEEDING:
            return False
        self.until = 0.0
        self.plan.admitted = True
        return self._gate.admitted(self.server, self.plan, now)

    def fired(self, now: float) -> None:
        """It has waited too long."""
        self._gate.too_long(self.server, now)


class Late:
    """A REGISTER that its node has not answered; it is sent again when its turn has come."""

    __slots__ = ("_client", "_layer")

    def __init__(self, layer: Transactions, client: ClientTx) -> None:
        self._layer = layer
        self._client = client

    def go(self, now: float) -> bool:
        """Its turn has come; False when it was answered, or given up, meanwhile."""
        return self._layer.resend(self._client, now)
