"""By which flow a phone is reached, and what is answered when there is none.

A phone with ``+sip.instance`` and ``reg-id`` may hold several flows; it is still one phone, so a
request goes by one of them, and by the next when that is broken (RFC 5626 section 7).  Who is told
that a flow is gone: a proxy 430, because it may know another way; everybody else 480.

A node that does not know RFC 5626 sees a phone's flows as phones of their own and rings them all:
the second INVITE of the same call to the same phone is answered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import FROM, VIA
from sipfront.sip.uri import Uri
from sipfront.stack.hiding import PARAM
from sipfront.stack.outbound import instance
from sipfront.stack.plan import Target
from sipfront.stack.shared import Refusal

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.plan import Plan
    from sipfront.stack.shared import Shared

#: Two INVITEs of one caller to one phone come so soon after each other when they are one call
#: (seconds), where the dialplan does not copy the header that tells it.
SAME_CALL = 1.0


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


def once(
    shared: Shared, node: int, plan: Plan, message: Message, binding: Binding, now: float
) -> None:
    """A node's INVITE to one flow of a phone that rings by another one already; raises Refusal.

    RFC 5626 section 6: at most one flow of an instance at a time.  Who rings all contacts of an
    address-of-record goes on with those that are left.  430 (section 11.5) says that this flow is not
    the way and another one of the instance may be.  It counts for nothing when the phone is busy:
    Asterisk takes 480 for a phone that nobody answered, and its Dial() would not say BUSY then.
    """
    mark = instance(binding)
    if not mark:
        return
    others = {
        other.name
        for other in shared.bindings.of(binding.aor, now)
        if other is not binding and instance(other) == mark
    }
    if not others:
        return
    for server in shared.pair.links[node].serving.values():
        request, before = server.request, server.plan
        if request is None or before is None or request.to_tag or server.cancelled:
            continue
        if (Uri.parse(request.uri).param(PARAM) or b"").lower() not in others:
            continue
        if plan.correlation and before.correlation:
            same = plan.correlation == before.correlation
        else:
            same = now - server.received_at <= SAME_CALL and _caller(request) == _caller(message)
        if same:
            raise Refusal(430, "the phone rings by another flow")


def _caller(message: Message) -> bytes:
    try:
        return address.parse(message.value(FROM) or b"").uri
    except Malformed:
        return b""


def _target(binding: Binding) -> Target:
    return Target(binding.contact.partition(b"?")[0], binding.flow, binding)
