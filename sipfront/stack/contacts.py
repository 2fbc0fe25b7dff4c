"""What stands in a REGISTER and in its answer: Contacts with their parameters and expiries.

Values only; what becomes of them is in :mod:`sipfront.stack.registrar`, which this knows not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import address, params
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CONTACT, EXPIRES, REQUIRE
from sipfront.sip.uri import Uri
from sipfront.stack.hiding import PARAM

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.flows import Flow

#: Schemes of Contacts that are ours to reach.
SIP = (b"sip", b"sips")
#: What a registrar may leave out (RFC 3261 10.3 step 7 lets it choose; everyone's default).
DEFAULT_EXPIRES = 3600
#: Octets of a phone's Call-ID, of its Contact parameters, of further lines of an answer: no real
#: one comes near, and 200,000 bindings keep them.
MAX_KEPT = 512
#: Lines of a node's answer to REGISTER that belong to every answer: what of a flow the phone must
#: know (RFC 5626), and who the phone is (RFC 3455).
_ALSO = (b"Flow-Timer", b"P-Associated-URI")


class Entry:
    """One Contact of a REGISTER: the binding as it will be, and where it stands in the message."""

    __slots__ = ("binding", "end", "outbound", "seconds", "start", "tail", "tail_end", "uri")

    def __init__(self, binding: Binding, uri: Uri, seconds: int) -> None:
        self.binding = binding
        self.uri = uri
        #: what the phone asks for
        self.seconds = seconds
        #: whether its flow is kept by the rules of RFC 5626
        self.outbound = False
        #: the span of its URI, and that of its parameters
        self.start = self.end = self.tail = self.tail_end = 0


class Registration:
    """One REGISTER on its way: what it asks for, and under which names the node will see it."""

    __slots__ = ("also", "aor", "call_id", "cseq", "entries", "flow", "passed", "star")

    def __init__(self, aor: bytes, flow: Flow) -> None:
        self.aor = aor
        self.flow = flow
        self.entries: list[Entry] = []
        #: Contacts that are no SIP URIs (``tel:``), as they came
        self.passed: list[bytes] = []
        self.star = False
        #: header lines that the phone is told beside what the node said
        self.also = b""
        self.call_id = b""
        self.cseq = 0


def call_id(name: bytes) -> bytes:
    """The Call-ID of a series towards the nodes."""
    return b"%b@sipfront" % name


def user_of(value: bytes) -> bytes:
    """The username in credentials, b"" if there is none; a look at the octets only."""
    at = value.find(b"username=")
    if at < 0:
        return b""
    rest = value[at + 9 :]
    if rest[:1] == b'"':
        return rest[1:].partition(b'"')[0][:128]
    return rest.partition(b",")[0].strip()[:128]


def without_expires(text: bytes) -> bytes:
    """Contact parameters without the one that each side has of its own."""
    kept = [
        piece.strip()
        for piece in params.pieces(params.straight(text))
        if piece.strip() and piece.strip().partition(b"=")[0].strip().lower() != b"expires"
    ]
    return b"".join([b";" + piece for piece in kept])


def seconds_of(value: bytes | None) -> int | None:
    """An expiry; what cannot be read counts as absent (RFC 3261 20.19)."""
    if value is None or not value.isdigit() or len(value) > 9:
        return None
    return int(value)


def also_of(message: Message) -> bytes:
    """The lines of a node's answer that every later answer needs too."""
    found = [(name, value) for name in _ALSO for value in message.named(name.lower())]
    found += [(b"Require", value) for value in message.values(REQUIRE)]
    lines = b"".join([b"%b: %b\r\n" % pair for pair in found if b"\n" not in pair[1]])
    return lines if len(lines) <= MAX_KEPT else b""


def granted_by(message: Message) -> dict[bytes, tuple[bytes, int]]:
    """Token -> (header parameters without expires, seconds) of an answer's Contacts.

    One that is no SIP URI stands under its URI.
    """
    default = seconds_of(message.value(EXPIRES))
    if default is None:
        default = DEFAULT_EXPIRES
    granted: dict[bytes, tuple[bytes, int]] = {}
    for value in message.values(CONTACT):
        try:
            for start, end in address.split(value):
                contact = address.parse(value[start:end])
                uri = Uri.parse(contact.uri)
                token = uri.param(PARAM) if uri.scheme in SIP else contact.uri
                if token is None:
                    continue
                expires = seconds_of(contact.param(b"expires"))
                seconds = default if expires is None else expires
                text = without_expires(contact.params)
                granted[token.lower() if uri.scheme in SIP else token] = (text, seconds)
        except Malformed:
            continue  # the node's list may hold what it likes; ours are found
    return granted
