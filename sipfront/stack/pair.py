"""The pair as the data path sees it: when a node was heard, what it owes us, and the route.

A node is **suspect** when the network refused a request to it, or when at least two sends are
unanswered and nothing at all was received from it since the first of them (a lost packet alone
must not make double calls).  Anything that it sends ends the suspicion.  What follows from a
suspicion (hedging, parking) is in :mod:`sipfront.stack.proxy`; who carries traffic is control's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.route import NodeState, Route, Standing

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.settings import Timing
    from sipfront.stack.transaction import ClientTx, ServerTx

#: First retransmissions, rounded up to these, so that the timer queues stay few.
INTERVALS = (0.05, 0.1, 0.2, 0.5)
#: Calls that left a node, remembered while it may still wake up and go on with them.
MAX_LEFT = 5_000
#: Samples before a node's habits are believed.
ENOUGH = 4


class Link:
    """What the data path knows of one node."""

    __slots__ = (
        "failed",
        "finals",
        "first_unanswered",
        "flows",
        "heard",
        "hedged",
        "interval",
        "left",
        "node",
        "overloaded_until",
        "pending",
        "ringing",
        "samples",
        "sends",
        "serving",
        "srtt",
        "started",
        "suspect",
        "var",
    )

    def __init__(self, node: int, interval: float) -> None:
        self.node = node
        self.flows: tuple[Flow, ...] = ()
        self.heard = 0.0
        self.first_unanswered = 0.0  # 0.0: nothing is unanswered
        self.sends = 0
        self.suspect = False
        self.srtt = 0.0
        self.var = 0.0
        self.samples = 0
        self.interval = interval
        self.overloaded_until = 0.0
        #: final answers to calls from outside, challenges aside, and how many were 5xx but 503
        self.finals = 0
        self.failed = 0
        #: requests to it that have no answer above 100 yet
        self.pending: dict[bytes, ClientTx] = {}
        #: calls (X-Sipfront-Call) that went on elsewhere while it did not answer, newest last
        self.left: dict[bytes, None] = {}
        #: INVITEs to it that rang (101 to 199 were passed) and have no final answer
        self.ringing: dict[bytes, ClientTx] = {}
        #: INVITEs of its own that have no final answer, by their transaction's key
        self.serving: dict[bytes, ServerTx] = {}
        #: calls that it was given as a hedge, and calls that it made of them (Call-IDs)
        self.hedged: set[bytes] = set()
        self.started: set[bytes] = set()

    def sent(self, now: float) -> None:
        """A request was sent to it."""
        if self.first_unanswered == 0.0:
            self.first_unanswered = now
            self.sends = 1
        else:
            self.sends += 1

    def spoke(self, now: float) -> bool:
        """Something came from it; True when that ended a suspicion."""
        self.heard = now
        self.first_unanswered = 0.0
        self.sends = 0
        if self.suspect:
            self.suspect = False
            return True
        return False

    def leave(self, correlation: bytes) -> None:
        """A call that it was given goes on elsewhere: what it makes of it is not wanted."""
        if len(self.left) >= MAX_LEFT:
            del self.left[next(iter(self.left))]
        self.left[correlation] = None

    def over(self, branch: bytes) -> None:
        """A request to it will get no answer any more."""
        self.pending.pop(branch, None)
        self.ringing.pop(branch, None)

    def silent(self, now: float) -> bool:
        """Whether it owes us an answer for longer than it ever takes."""
        return (
            self.sends >= 2
            and self.first_unanswered > 0.0
            and now - self.first_unanswered >= 2 * self.interval
        )

    def sample(self, took: float, timing: Timing) -> None:
        """A first answer came ``took`` seconds after a request that was sent once (RFC 6298)."""
        if self.samples == 0:
            self.srtt = took
            self.var = took / 2
        else:
            self.var += (abs(self.srtt - took) - self.var) / 4
            self.srtt += (took - self.srtt) / 8
        self.samples += 1
        if self.samples >= ENOUGH:
            wanted = max(timing.floor, self.srtt + 4 * self.var)
            for interval in INTERVALS:
                if interval >= wanted:
                    break
            self.interval = max(interval, timing.floor)


class Pair:
    """The links and the route."""

    __slots__ = ("links", "route")

    def __init__(self, nodes: int, timing: Timing) -> None:
        self.links = [Link(node, timing.t1) for node in range(nodes)]
        standby = tuple(Standing.STANDBY for _ in range(nodes))
        up = tuple(NodeState.UP for _ in range(nodes))
        self.route = Route(0, None, standby, up, (False,) * nodes, "no decision yet")

    def doubtful(self, node: int) -> bool:
        """Whether a request to it should not wait for its answer alone."""
        state = self.route.states[node]
        return self.links[node].suspect or state in (NodeState.SUSPECT, NodeState.OVERLOADED)

    def down(self, node: int) -> bool:
        """Whether control has given it up."""
        return self.route.states[node] == NodeState.DOWN

    def other(self, node: int, now: float) -> int | None:
        """A node that is ready to take an INVITE in place of ``node``."""
        for index, ready in enumerate(self.route.ready):
            if index != node and ready and not self.links[index].suspect:
                if self.links[index].overloaded_until <= now:
                    return index
        return None

    def flow(self, node: int, local: bool) -> Flow | None:
        """The inside flow to a node for requests of a ``local`` or a remote peer."""
        flows = self.links[node].flows
        if not flows:
            return None
        return flows[0] if local or len(flows) == 1 else flows[1]
