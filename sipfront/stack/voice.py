"""What the front says to an outside party in the place of a node that is gone.

Call-ID and tags are the dialog's, the CSeq goes on where the node's ended and never back, Route and
Request-URI follow the route set (RFC 3261 12.2.1.1), and it goes out by the flow on which the party
is reached now, whatever that once was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.answer import KIND
from sipfront.sip.headers import CONTENT_TYPE, OTHER, RETRY_AFTER, WARNING
from sipfront.sip.uri import Uri
from sipfront.stack.forward import hidden, routed
from sipfront.stack.local import speak
from sipfront.stack.session import NOBODY, THE_INSIDE

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.flows import Flow
    from sipfront.stack.shared import Shared

#: What the front does in a dialog that it took over.
ALLOW = b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, MESSAGE\r\n"
#: Headers that are about the body or the message itself and go on with it from leg to leg; all
#: others are about the dialog, and that is another one.
_COPIED = frozenset(
    b"content-disposition content-encoding content-language mime-version info-package subject "
    b"accept accept-encoding accept-language unsupported recv-info e".split()
)
_COPIED_IDS = (WARNING, RETRY_AFTER)


def copied(message: Message) -> bytes:
    """The header lines of a message that go on to the other leg, but for Content-Type."""
    lines = []
    for field in message.fields:
        hid = field[0]
        line = message.data[field[1] : field[4]]
        if hid in _COPIED_IDS or (
            hid == OTHER and line.partition(b":")[0].strip().lower() in _COPIED
        ):
            lines.append(line)
    return b"".join(lines)


def kind(message: Message) -> bytes:
    """What the body of a message is."""
    return message.value(CONTENT_TYPE) or KIND


def reachable(shared: Shared, leg: Leg) -> Flow | None:
    """The flow by which the outside party is reached now; None when its connection is gone."""
    flow = leg.outside_flow
    if flow is not None and not flow.open:
        flow = leg.outside_flow = shared.flows.now(flow)
    return flow if flow is not None and flow.open else None


def contact(leg: Leg, flow: Flow) -> bytes:
    """The Contact line that the party knows the node by."""
    uri = b"sip:" + flow.listener.contact
    if leg.inside_target:
        secure = leg.outside_target[:5].lower() == b"sips:"
        uri = hidden(Uri.parse(leg.inside_target), flow.listener, leg.inside_token, secure=secure)
    return b"Contact: <%b>\r\n" % uri


def session_line(leg: Leg, *, asking: bool) -> bytes:
    """Session-Expires as it holds in this dialog (RFC 4028 7.1, 9): ``asking`` in a request of
    ours, else in our answer."""
    session = leg.session
    if session is None or not session.interval or session.refresher == NOBODY:
        return b""
    ours = session.refresher == THE_INSIDE
    role = b"uac" if ours == asking else b"uas"
    line = b"Session-Expires: %d;refresher=%b\r\n" % (session.interval, role)
    if not asking and role == b"uac":
        line += b"Require: timer\r\n"
    return line


def say(
    shared: Shared,
    leg: Leg,
    flow: Flow,
    method: bytes,
    extra: bytes = b"",
    body: bytes = b"",
    cseq: int = 0,
    kind: bytes = KIND,
) -> tuple[bytes, bytes]:
    """(branch, octets) of a request to the outside party; ``cseq`` only for an ACK."""
    if not cseq:
        leg.inside_cseq += 1
        cseq = leg.inside_cseq
        shared.legs.refreshed(leg)
    uri, routes = routed(leg.outside_target, leg.outside_routes)
    branch = b"z9hG4bK" + shared.fresh()
    via = b"%b;branch=%b;rport" % (flow.listener.via, branch)
    parties = (leg.inside_party, leg.outside_party)
    data = speak(method, uri, via, routes, *parties, leg.call_id, cseq, extra, body, kind)
    return branch, data
