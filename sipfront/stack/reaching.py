"""By which flow a phone is reached, and what is answered when there is none.

A phone with ``+sip.instance`` and ``reg-id`` may hold several flows; it is still one phone, so a
request goes by one of them, and by the next when that is broken (RFC 5626 section 7).  Who is told
that a flow is gone: a proxy 430, because it may know another way; everybody else 480.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import VIA
from sipfront.stack.outbound import instance
from sipfront.stack.plan import Target
from sipfront.stack.shared import Refusal

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.plan import Plan
    from sipfront.stack.shared import Shared


def gone(message: Message) -> int:
    """The answer to a request of a node whose flow is gone: a node that only passes the request on
    shows the Vias of those before it."""
    vias = message.values(VIA)
    return 430 if len(vias) > 1 or b"," in vias[0] else 480


def to_bindings(
    shared: Shared, plan: Plan, bindings: list[Binding], now: float, status: int = 480
) -> None:
    """Each phone once, by a flow that stands; ``status`` when there is none (RFC 3261 16.5)."""
    phones: dict[bytes, list[Binding]] = {}
    if len(bindings) > 1:
        bindings = sorted(bindings, key=lambda binding: binding.seen, reverse=True)
    for binding in bindings:
        mark = instance(binding)
        if not mark:
            ways = [binding]
        elif mark in phones:
            continue
        else:
            others = [
                other
                for other in shared.bindings.of(binding.aor, now)
                if other is not binding and instance(other) == mark
            ]
            others.sort(key=lambda other: other.seen, reverse=True)
            ways = [binding, *others]
        phones[mark or binding.name] = [way for way in ways if way.expires > now and way.flow.open]
    for ways in phones.values():
        if ways and len(plan.targets) < shared.settings.limits.forks:
            plan.targets.append(_target(ways[0]))
            plan.aor = ways[0].aor
    if not plan.targets:
        raise Refusal(status, "no binding reachable")
    if len(plan.targets) == 1:
        (ways,) = (ways for ways in phones.values() if ways)
        plan.spare = [_target(way) for way in ways[1:]]


def _target(binding: Binding) -> Target:
    return Target(binding.contact.partition(b"?")[0], binding.flow, binding)
