"""Whether a REGISTER changes nothing and may be answered here, without asking a node.

Phones behind NAT come every minute; the node need not hear each of them.  What makes that safe
(RFC 3261 10.3, RFC 5626): only the very flow on which a node accepted the phone, with the very same
Contacts, under the same Call-ID and with a higher CSeq; only while the node holds the binding for
longer than the phone is told; never from half of the node's interval on where the front cannot
refresh there itself, so that the node sees the phone's own credentials; never when credentials are
sent that are not those that were accepted; never after a node refused the phone.

Everything else goes to the node, and the reason is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sipfront.sip.headers import AUTHORIZATION, REQUIRE
from sipfront.stack.contacts import user_of
from sipfront.stack.expiry import MIN_EXPIRES

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.contacts import Entry, Registration
    from sipfront.stack.flows import Flow
    from sipfront.stack.shared import Shared

#: A node's own clock, its rounding and a retransmission: the binding must outlive the phone's
#: next REGISTER by this, seconds.
MARGIN = 5.0


class Verdict(NamedTuple):
    """``status`` 0: a node must be asked.  ``why`` is counted."""

    status: int
    why: str
    extra: bytes = b""


def judge(shared: Shared, registration: Registration, message: Message, now: float) -> Verdict:
    """What is done with a REGISTER from outside."""
    entries = registration.entries
    for entry in entries:
        if 0 < entry.seconds < MIN_EXPIRES:
            return Verdict(423, "interval too brief", b"Min-Expires: %d\r\n" % MIN_EXPIRES)
    for entry in entries:
        held = shared.bindings.get(entry.binding.name)
        if held is not None and held.expires > now and held.call_id == message.call_id:
            if message.cseq <= held.number:
                return Verdict(500, "REGISTER out of order")  # RFC 3261 10.3 step 7
    if registration.star or registration.passed or not entries:
        return Verdict(0, "no plain Contact")
    if message.has(REQUIRE):
        return Verdict(0, "requires something")
    node = shared.pair.route.active
    if node is None:
        return Verdict(0, "no active node")
    lines = []
    agreed = []
    for entry in entries:
        held = shared.bindings.get(entry.binding.name)
        if held is None or held.expires <= now:
            return Verdict(0, "not known")
        why = _changed(shared, entry, held, message)
        if why:
            return Verdict(0, why)
        seconds = _told(shared, entry)
        why = _due(shared, held, node, seconds, now)
        if why:
            return Verdict(0, why)
        agreed.append((held, seconds))
        lines.append(
            b"Contact: <%b>%b;expires=%d\r\n%b" % (held.contact, held.shown, seconds, held.also)
        )
    for held, seconds in agreed:
        held.agreed = seconds
        held.expires = now + seconds
        held.due = min(held.due, held.expires)
        held.seen = now
        held.number = message.cseq
        shared.bindings.touch(held)
    return Verdict(200, "", b"".join(lines))


def _told(shared: Shared, entry: Entry) -> int:
    """The expiry that the phone is told."""
    binding = entry.binding
    longest = shared.registrar.expiries.of(binding.flow, entry.uri.host, binding.user_agent)
    return min(entry.seconds, longest)


def _changed(shared: Shared, entry: Entry, held: Binding, message: Message) -> str:
    """Why this is more than a refresh, "" when it is not."""
    binding = entry.binding
    if not entry.seconds:
        return "ends"
    if held.doubted:
        return "was refused"
    if not _same(held.flow, binding.flow):
        return "other flow"
    if held.call_id != message.call_id:
        return "other Call-ID"
    if held.contact != binding.contact or held.params != binding.params:
        return "other Contact"
    if held.to != binding.to or held.uri != binding.uri:
        return "other address"
    value = message.value(AUTHORIZATION)
    if value is None:
        return ""
    account = shared.accounts.of(held.aor)
    proved = account.proves(value, b"REGISTER") if account is not None else None
    if proved is False or (proved is None and user_of(value) != held.user):
        return "other credentials"
    return ""


def _same(mine: Flow, its: Flow) -> bool:
    """Whether two flows are one: the same connection, or the same two addresses over UDP."""
    if mine is its:
        return mine.open
    return (
        not mine.reliable
        and mine.listener is its.listener
        and (mine.host, mine.port) == (its.host, its.port)
    )


def _due(shared: Shared, held: Binding, node: int, seconds: int, now: float) -> str:
    """Why the node must hear of it, "" when it need not."""
    place = shared.registrar.place(node)
    left = held.held[place] - now
    if left <= seconds + MARGIN:
        return "ends at the node" if left > 0 else "not at the node"
    if shared.registrar.refreshes(held.aor):
        return ""  # the front does it at half-life
    if left > held.granted[place] / 2:
        return ""
    if shared.pair.doubtful(node) or shared.pair.down(node):
        return ""  # it cannot be asked now; there is time
    return "half-life"
