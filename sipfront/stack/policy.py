"""What each node may start, by its standing (design, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.plan import TO_NODE_REFUSED
from sipfront.stack.route import Standing
from sipfront.stack.shared import Refusal, Shared

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.plan import Plan


#: A phone that was heard by its REGISTER so lately need not be asked whether it is there, seconds.
FRESH = 30.0


def may_start(shared: Shared, node: int, message: Message, plan: Plan, now: float) -> None:
    """Whether a node may send this request outside; raises Refusal when not."""
    standing = shared.pair.route.standings[node]
    left = shared.pair.links[node].left
    if left and message.method == b"INVITE" and not message.to_tag:
        # It slept, and goes on with a call that the other node has: the phone is in it already.
        for call in message.named(b"x-sipfront-call"):
            if call in left:
                raise Refusal(480, "the call went on elsewhere")
    if standing == Standing.ACTIVE or (plan.leg is not None and standing != Standing.FENCED):
        return
    if plan.emergency and standing != Standing.FENCED:
        return
    if standing == Standing.FENCED:
        status = 481 if message.to_tag else 503
        raise Refusal(status, "node is fenced", b"" if message.to_tag else TO_NODE_REFUSED)
    if message.method == b"OPTIONS" and plan.targets:
        if (phone := plan.targets[0].binding) is not None:
            # qualify: what it learns it will need after the failover, but two need not ask a phone
            if now - phone.seen < FRESH:
                raise Refusal(200, "phone known to be there")
            return
    link = shared.pair.links[node]
    if standing == Standing.DRAINING:
        if shared.legs.owned[node] > 0 or link.pending or link.ringing:
            return
        raise Refusal(503, "node is draining", TO_NODE_REFUSED)
    if message.method == b"INVITE":
        if message.call_id in link.started or len(link.started) < len(link.hedged):
            return
        raise Refusal(503, "standby starts no calls", TO_NODE_REFUSED)
    raise Refusal(503, "standby starts nothing", TO_NODE_REFUSED)
