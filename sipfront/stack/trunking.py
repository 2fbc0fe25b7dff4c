"""To and from trunks: which one a node means, and what becomes of a node's REGISTER to one.

The REGISTER of the active node is passed, with the account's stable Contact in the place of the
node's own.  That of any other node is answered here with a short expiry: it learns that it is
registered, the front learns what it would like to be called, and the carrier learns nothing.  It
is never refused with 403 or 404, because Asterisk gives up a registration for ever on those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import address
from sipfront.sip.headers import AUTHORIZATION, OURS, PROXY_AUTHORIZATION, TO
from sipfront.sip.uri import Uri
from sipfront.stack.enrolment import Passing, asked_of
from sipfront.stack.guard import by_flow, nonce_of
from sipfront.stack.hiding import PARAM
from sipfront.stack.plan import TO_NODE_REFUSED, Target
from sipfront.stack.route import Standing
from sipfront.stack.shared import Refusal

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.plan import Plan
    from sipfront.stack.settings import Trunk
    from sipfront.stack.shared import Shared


def asked(shared: Shared, message: Message, uri: Uri) -> Trunk | None:
    """The trunk that a node wants: by our header, else by the Request-URI's host."""
    names = message.named(b"x-sipfront-trunk") if message.has(OURS) else None
    if names:
        wanted = names[0].decode("ascii", "replace")
        for trunk in shared.settings.trunks:
            if trunk.name == wanted:
                return trunk
        raise Refusal(503, "unknown trunk", TO_NODE_REFUSED)
    for trunk in shared.settings.trunks:
        if trunk.host.lower() == uri.host_key and (uri.port or 5060) == trunk.port:
            return trunk
    return next((trunk for trunk in shared.settings.trunks if uri.host_key in trunk.match), None)


def send(
    shared: Shared, plan: Plan, trunk: Trunk, message: Message, uri: Uri, node: Flow, now: float
) -> None:
    """The ways of a node's request to a trunk; raises Refusal."""
    if message.method == b"REGISTER" and trunk.register != "none":
        plan.passing = _register(shared, trunk, message, node.node, now)
    flows = shared.trunk_flows.get(trunk.name, ())
    if not flows:
        raise Refusal(503, "trunk not resolved", TO_NODE_REFUSED)
    proof = message.value(AUTHORIZATION) or message.value(PROXY_AUTHORIZATION)
    if proof is not None and len(flows) > 1:  # to the address that issued the nonce
        issuer = shared.nonces.issuer(nonce_of(proof), now)
        flows = tuple(sorted(flows, key=lambda flow: by_flow(flow) != issuer))
    host = trunk.host if trunk.port == 5060 else b"%b:%d" % (trunk.host, trunk.port)
    if uri.host_key in trunk.match:
        host = uri.host  # a name that the carrier knows, and may have been signed for
    clean = uri.without(b"transport", b"maddr", b"ttl", b"method", PARAM)
    params = b";" + clean.params if clean.params else b""
    user = b"%b@" % uri.user if uri.user else b""
    plan.trunk = trunk.name
    target = b"sip:%b%b%b" % (user, host, params)
    plan.targets.append(Target(target, flows[0]))
    plan.spare = [Target(target, flow) for flow in flows[1:]]


def _register(shared: Shared, trunk: Trunk, message: Message, node: int, now: float) -> Passing:
    """A node's REGISTER: as it is to be passed, or a Refusal that answers it."""
    table = shared.enrolments
    aor = Uri.parse(address.parse(message.value(TO) or b"").uri).key()
    enrolment = table.open(trunk.name, aor)
    if enrolment is None:
        raise Refusal(503, "too many accounts at trunks", TO_NODE_REFUSED)
    contact, seconds = asked_of(message)
    passed = trunk.register == "node" and (shared.pair.route.standings[node] == Standing.ACTIVE)
    if not contact:
        contact, seconds = enrolment.contacts[node], enrolment.margin
        passed = False
    elif seconds:
        enrolment.contacts[node] = contact
        enrolment.until[node] = now + max(enrolment.margin, enrolment.granted) + 10.0
    else:
        # A PBX that is shut down in order ends its registration, but not its partner's.
        passed = passed and not enrolment.elsewhere(node, now)
        contact, enrolment.contacts[node], enrolment.until[node] = b"", b"", 0.0
    table.touch(enrolment)
    if not passed:
        told = min(seconds, enrolment.margin)
        line = b"Contact: <%b>;expires=%d\r\n" % (contact, told) if contact else b""
        raise Refusal(200, "REGISTER of a standby to a trunk", line)
    return Passing(enrolment, node, contact, seconds, table.number(enrolment, now))
