"""Which transaction a message belongs to, and where answers go (RFC 3261 17.2.3, 18.2; RFC 3581)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.errors import Garbage
from sipfront.sip.headers import VIA
from sipfront.sip.params import split
from sipfront.sip.via import parse_via
from sipfront.stack.flows import OUTSIDE, STRANGER

#: How often a phone that offers it is to send a keep-alive, seconds: over UDP before a NAT forgets
#: it (RFC 5626 4.4.2 says 24 to 29), over a connection before something between ends what is silent
#: (4.4.1: 95 to 120).
DATAGRAMS = 29
CONNECTIONS = 120
#: The methods whose flow is kept alive: for a registration, or for a call (RFC 6223 4.2).
KEPT = (b"REGISTER", b"INVITE")

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.sip.via import Via
    from sipfront.stack.flows import Flow, Flows
    from sipfront.stack.transaction import ClientTx

#: RFC 3261 8.1.1.7.
COOKIE = b"z9hG4bK"
_COMMA = 44
#: The sides, from a stranger (-2) on, as they stand in a key.
_SIDES = [b"%d " % node for node in range(STRANGER, 64)]


def top_via(message: Message) -> Via:
    """The first Via of a request; raises Malformed."""
    value = message.value(VIA)
    if not value or value.isspace():
        raise Garbage("no Via")
    if _COMMA in value:
        start, end = split(value)[0]
        value = value[start:end]
    return parse_via(value)


def mismatch(client: ClientTx, message: Message, flow: Flow) -> str:
    """What a response with the right branch (RFC 3261 17.1.3) has that its request had not.

    An answer of another Call-ID would make a dialog under the name of somebody else's call.
    """
    if client.flow.node != flow.node:
        return "response from the wrong side"
    if client.invite != (message.cseq_method == b"INVITE"):
        return "response to another method"
    server = client.server
    if server is not None and server.request is not None and server.plan is not None:
        # It is forwarded as it came, unless it is a registration of an account that both nodes have.
        if server.request.call_id == message.call_id and server.plan.passing is None:
            return ""
    return "" if message.call_id in client.sent else "response to another call"


def way_back(message: Message, via: Via, flow: Flow, flows: Flows) -> tuple[Flow, bytes]:
    """By which flow answers go, and the Via lines that they carry.

    ``received`` and ``rport`` are ours to set; preset ones are overwritten.
    """
    keep = 0
    if flow.node == OUTSIDE and not message.to_tag and message.method in KEPT:
        keep = interval(flow)
    lines: list[bytes] = []
    for value in message.values(VIA):
        lines.append(b"Via: ")
        if len(lines) == 1:
            lines.append(via.stamped(flow.host.encode(), flow.port, keep))
            if _COMMA in value:
                lines.append(value[split(value)[0][1] :])
        else:
            lines.append(value)
        lines.append(b"\r\n")
    vias = b"".join(lines)
    if flow.reliable or via.rport:
        return flow, vias
    host = via.host.decode("ascii", "replace").strip("[]")
    if host == flow.host and (via.port or 5060) != flow.port and flow.node == OUTSIDE:
        # Asked without rport by somebody who is not behind NAT: to the port that it names.
        return flows.udp(flow.listener, flow.host, via.port or 5060), vias
    return flow, vias


def interval(flow: Flow) -> int:
    """How often the phone behind a flow is to speak, seconds."""
    return CONNECTIONS if flow.reliable else DATAGRAMS


def server_key(message: Message, via: Via, flow: Flow, method: bytes) -> bytes:
    """The key of a server transaction; without the cookie the rules of RFC 2543 apply.

    The side is a part of it: nobody outside can hit a transaction of a node.
    """
    side = _SIDES[flow.node - STRANGER]
    branch = via.branch
    if branch.startswith(COOKIE) and len(branch) > 7:
        return b"".join((side, branch, b" ", via.sent_by, b" ", method))
    return b"\0".join(
        (
            side,
            message.uri,
            message.from_tag,
            message.call_id,
            b"%d" % message.cseq,
            via.host,
            via.params,
            method,
        )
    )
