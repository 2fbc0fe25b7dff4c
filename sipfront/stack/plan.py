"""What is to be done with one request: the outcome of :mod:`sipfront.stack.routing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import AUTHORIZATION, FROM, PROXY_AUTHORIZATION, TO
from sipfront.sip.uri import Uri
from sipfront.stack.flows import VIA_NAME
from sipfront.stack.hiding import PARAM

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.contacts import Registration
    from sipfront.stack.dialog import Leg
    from sipfront.stack.enrolment import Enrolment, Passing
    from sipfront.stack.flows import Flow
    from sipfront.stack.record import Record
    from sipfront.stack.settings import Trunk
    from sipfront.stack.shared import Shared
    from sipfront.stack.tagmap import Kept


#: How nodes are told by which transport somebody came.
SOURCE_NAME = tuple(name.lower() for name in VIA_NAME)
#: A policy refusal towards a node: never 403 or 404, Asterisk stops a trunk for ever on those.
TO_NODE_REFUSED = b"Retry-After: 7\r\n"


class Target:
    """One place outside that a request is sent to."""

    __slots__ = ("binding", "flow", "routes", "uri")

    def __init__(
        self, uri: bytes, flow: Flow, binding: Binding | None = None, routes: bytes = b""
    ) -> None:
        self.uri = uri
        self.flow = flow
        self.binding = binding
        self.routes = routes


class Plan:
    """What is to be done with one request.

    To a node: ``node`` is the owner or the one that credentials lead to, None for the active one;
    ``uri`` and ``routes`` only in a dialog.  To the outside: ``targets``.
    """

    __slots__ = (
        "admitted",
        "aor",
        "attempts",
        "correlation",
        "emergency",
        "enrolment",
        "extra",
        "kept",
        "leg",
        "local",
        "masked",
        "node",
        "overflowed",
        "passing",
        "record",
        "registration",
        "retried",
        "routes",
        "second",
        "spare",
        "targets",
        "to_node",
        "trunk",
        "turn",
        "uri",
    )

    def __init__(self, *, to_node: bool) -> None:
        self.to_node = to_node
        self.node: int | None = None
        self.leg: Leg | None = None
        self.uri = b""
        self.routes = b""
        self.targets: list[Target] = []
        #: the next ways to a trunk, when the first one fails (RFC 3263 4.3)
        self.spare: list[Target] = []
        self.extra = b""
        self.trunk = ""
        self.local = False
        self.masked = b""
        self.registration: Registration | None = None
        #: the account at a trunk that was called, and a node's REGISTER to a trunk
        self.enrolment: Enrolment | None = None
        self.passing: Passing | None = None
        self.emergency = False
        self.attempts = 0
        self.aor = b""
        self.overflowed = False
        self.retried = False
        #: what is written down of the call, and whether this INVITE is its other leg
        self.record: Record | None = None
        self.second = False
        self.correlation = b""
        #: what a caller that takes only one early dialog was told
        self.kept: Kept | None = None
        #: a REGISTER whose turn it is, and how soon that comes (sipfront.stack.pace)
        self.admitted = False
        self.turn = 0


def dialog_named(value: bytes) -> tuple[bytes, bytes, bytes]:
    """(Call-ID, to-tag, from-tag) of a Replaces, Join or Target-Dialog (RFC 3891, 3911, 4538)."""
    call_id, _, rest = value.partition(b";")
    tags: dict[bytes, bytes] = {}
    for piece in rest.split(b";"):
        name, _, text = piece.partition(b"=")
        tags[name.strip().lower()] = text.strip()
    to_tag = tags.get(b"to-tag", tags.get(b"remote-tag", b""))
    from_tag = tags.get(b"from-tag", tags.get(b"local-tag", b""))
    return call_id.strip(), to_tag, from_tag


def called(plan: Plan, message: Message, node: int) -> bytes:
    """The Request-URI of a call for an account at a trunk, as that node registered; else b""."""
    if plan.enrolment is None:
        return b""
    return plan.enrolment.target(node, Uri.parse(message.uri))


def restored(uri: Uri, host: str, port: int) -> bytes:
    """The far side's URI again: user and parameters came back, host and port are in the token."""
    clean = uri.without(b"transport", b"maddr", PARAM)
    shown = f"[{host}]" if ":" in host else host
    user = b"%b@" % uri.user if uri.user else b""
    params = b";" + clean.params if clean.params else b""
    return b"sip:%b%b:%d%b" % (user, shown.encode(), port, params)


def aor_of(message: Message, shared: Shared, hid: int = TO) -> bytes:
    """The address-of-record of a REGISTER: its To, our own addresses being the domain."""
    uri = Uri.parse(address.parse(message.value(hid) or b"").uri)
    if uri.scheme not in (b"sip", b"sips"):
        raise Malformed("unsupported scheme in To", 416)
    user, at, host = uri.key().rpartition(b"@")
    if host in shared.own_hosts:
        return b"%b%b%b" % (user, at, shared.domain.lower())
    return uri.key()


def claimed(message: Message, shared: Shared) -> bytes:
    """The address-of-record for which a new request brings credentials: its From (RFC 3261 22.1);
    b"" if it brings none, or belongs to a dialog."""
    if message.to_tag or not (message.has(AUTHORIZATION) or message.has(PROXY_AUTHORIZATION)):
        return b""
    try:
        return aor_of(message, shared, FROM)
    except Malformed:
        return b""  # a tel: URI, say; the source is counted anyway


def source(host: str, trunk: Trunk | None) -> bytes:
    """Header lines for a node: what only we may say, and what it cannot see any more.

    A form in which port and transport (of :data:`SOURCE_NAME`) are still to be filled in.
    """
    shown = f"[{host}]" if ":" in host else host
    form = shown.replace("%", "%%") + ":%d;transport=%b\r\n"
    if trunk is not None:
        form += f"X-Sipfront-Trunk: {trunk.name}\r\n".replace("%", "%%")
    return b"X-Sipfront-Source: " + form.encode()
