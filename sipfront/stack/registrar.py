"""REGISTER through the front: back-to-back towards the nodes (RFC 3261 10, design: message rules).

The node is the registrar.  It sees one Contact per binding, at the front, under one Call-ID with
rising CSeq of our own; the phone sees its own Contact and expiry and nobody else's.  What the
digest covers (method, digest-uri, credentials) is not touched, so challenge and answer pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CALL_ID, CONTACT, CSEQ, EXPIRES, USER_AGENT
from sipfront.sip.uri import Uri
from sipfront.stack.bindings import Binding, Bindings
from sipfront.stack.forward import hidden
from sipfront.stack.hiding import PARAM, Tokens

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message
    from sipfront.stack.flows import Flow, Listener

#: CSeqs towards nodes begin at the wall clock's seconds since then, so that they rise over
#: restarts of the front and stay below 2**31 until 2088.
EPOCH = 1_600_000_000
#: What a registrar may leave out (RFC 3261 10.3 step 7 lets it choose; everyone's default).
DEFAULT_EXPIRES = 3600
#: Contacts in one REGISTER.
MAX_CONTACTS = 10
#: Series of CSeqs remembered beside those of the bindings: REGISTERs under way, of 3 s and more.
MAX_SERIES = 10_000

_SIP = (b"sip", b"sips")


class Registration:
    """One REGISTER on its way: what it asks for, and under which names the node will see it."""

    __slots__ = ("aor", "call_id", "cseq", "entries", "flow", "passed", "star")

    def __init__(self, aor: bytes, flow: Flow) -> None:
        self.aor = aor
        self.flow = flow
        #: (binding as it will be, span of its URI in the message)
        self.entries: list[tuple[Binding, int, int, Uri]] = []
        #: Contacts that are no SIP URIs (``tel:``), as they came
        self.passed: list[bytes] = []
        self.star = False
        self.call_id = b""
        self.cseq = 0


class Registrar:
    """Turns REGISTERs of phones into ours, and the nodes' answers into theirs."""

    __slots__ = ("_bindings", "_series", "_tokens", "_wall_offset", "full")

    def __init__(self, bindings: Bindings, tokens: Tokens, wall_offset: float) -> None:
        self._bindings = bindings
        self._tokens = tokens
        self._wall_offset = wall_offset
        self._series: dict[bytes, int] = {}
        self.full = 0

    def read(self, message: Message, aor: bytes, flow: Flow, now: float) -> Registration:
        """What a REGISTER asks for; raises Malformed."""
        registration = Registration(aor, flow)
        for field in message.fields:
            if field[0] == CONTACT:
                self._read_contacts(registration, message, field[2], field[3])
        if registration.star and (registration.entries or message.value(EXPIRES) != b"0"):
            raise Malformed("Contact * needs Expires 0 and no other Contact")  # RFC 3261 10.3
        for binding, _, _, _ in registration.entries:
            if not self._bindings.room(binding.name):
                self.full += 1
                raise Malformed("Too many bindings", 503)
        self._number(registration, now)
        return registration

    def _read_contacts(
        self, registration: Registration, message: Message, begin: int, end: int
    ) -> None:
        value = message.data[begin:end]
        if value == b"*":
            registration.star = True
            return
        agent = message.value(USER_AGENT) or b""
        for start, stop in address.split(value):
            contact = address.parse(value[start:stop])
            uri = Uri.parse(contact.uri)
            if uri.scheme not in _SIP:
                registration.passed.append(contact.uri)
                continue  # not ours to reach: it passes as it is
            instance = contact.param(b"+sip.instance")
            if instance:
                who = b"%b;%b" % (instance, contact.param(b"reg-id") or b"")
            else:
                who = b"%b@%b:%d" % (uri.user or b"", uri.host_key, uri.port or 0)
            name = self._tokens.binding(registration.aor, who)
            binding = Binding(name, registration.aor, contact.uri, registration.flow)
            binding.user_agent = agent[:128]
            offset = begin + start
            registration.entries.append(
                (binding, offset + contact.uri_start, offset + contact.uri_end, uri)
            )
            if len(registration.entries) > MAX_CONTACTS:
                raise Malformed("Too many contacts", 403)

    def _number(self, registration: Registration, now: float) -> None:
        """Call-ID and CSeq of our own: one series for each binding, one for queries and ``*``.

        It rises before there is a binding too: a phone answers the challenge of its first REGISTER
        in the same second, and the same number again would be a loop (RFC 3261 8.2.2.2).
        """
        name = self._tokens.binding(registration.aor, b"*")
        if registration.entries:
            name = registration.entries[0][0].name
        known = self._bindings.get(name)
        last = max(known.cseq if known is not None else 0, self._series.pop(name, 0))
        registration.call_id = b"%b@sipfront" % name
        registration.cseq = max(last + 1, int(now + self._wall_offset - EPOCH), 1)
        if len(self._series) >= MAX_SERIES:
            del self._series[next(iter(self._series))]
        self._series[name] = registration.cseq
        for binding, _, _, _ in registration.entries:
            binding.cseq = registration.cseq
            known = self._bindings.get(binding.name)
            if known is not None:
                known.cseq = registration.cseq

    def edits(self, registration: Registration, message: Message, inside: Listener) -> list[Edit]:
        """What a node sees instead."""
        edits: list[Edit] = []
        for binding, start, end, uri in registration.entries:
            new = hidden(uri, inside, binding.name)
            if message.data[start - 1 : start] != b"<":
                new = b"<%b>" % new
            edits.append((start, end, new))
        for hid, value in (
            (CALL_ID, registration.call_id),
            (CSEQ, b"%d REGISTER" % registration.cseq),
        ):
            field = message.field(hid)
            if field is not None:
                edits.append((field[2], field[3], value))
        return edits

    def back(self, message: Message, request: Message, edits: list[Edit]) -> None:
        """Give an answer the phone's own Call-ID and CSeq again."""
        for hid in (CALL_ID, CSEQ):
            field = message.field(hid)
            value = request.value(hid)
            if field is not None and value is not None:
                edits.append((field[2], field[3], value))

    def accepted(
        self, registration: Registration, message: Message, now: float, edits: list[Edit]
    ) -> tuple[int, int]:
        """A node's 2xx: bindings made and removed (their counts), the answer's Contacts mended."""
        granted = _granted(message)
        own = {binding.name: binding for binding, _, _, _ in registration.entries}
        made = removed = 0
        if registration.star:
            for old in self._bindings.of(registration.aor, 0.0):
                self._bindings.remove(old)
                removed += 1
        lines: list[bytes] = []
        for name, binding in own.items():
            found = granted.get(name)
            if found is None or found[1] <= 0:
                held = self._bindings.get(name)
                if held is not None:
                    self._bindings.remove(held)
                    removed += 1
                continue
            binding.expires = now + found[1]
            binding.seen = now
            held = self._bindings.get(name)
            if held is not None and not held.flow.open and held.flow is not binding.flow:
                held.flow.successor = binding.flow  # its dialogs are reached by this one now
            self._bindings.put(binding)
            made += 1
            lines.append(b"<%b>%b" % (binding.contact, found[0]))
        for contact in registration.passed:
            found = granted.get(contact)
            if found is not None and found[1] > 0:
                lines.append(b"<%b>%b" % (contact, found[0]))
        if made:
            # The list is complete (RFC 3261 10.3 step 8): what the node dropped, we drop.
            for old in self._bindings.of(registration.aor, 0.0):
                if old.name not in granted:
                    self._bindings.remove(old)
                    removed += 1
        if not own and not registration.star:  # a query: what came over this flow is its own
            for name, (params, _) in granted.items():
                held = self._bindings.get(name)
                if held is not None and held.flow is registration.flow:
                    lines.append(b"<%b>%b" % (held.contact, params))
        text = b"".join([b"Contact: %b\r\n" % line for line in lines])
        for field in message.fields:
            if field[0] == CONTACT:
                edits.append((field[1], field[4], text))
                text = b""
        return made, removed


def _granted(message: Message) -> dict[bytes, tuple[bytes, int]]:
    """Token -> (header parameters with their semicolon, seconds) of an answer's Contacts.

    One that is no SIP URI stands under its URI.
    """
    default = DEFAULT_EXPIRES
    value = message.value(EXPIRES)
    if value is not None and value.isdigit() and len(value) < 10:
        default = int(value)
    granted: dict[bytes, tuple[bytes, int]] = {}
    for value in message.values(CONTACT):
        try:
            for start, end in address.split(value):
                contact = address.parse(value[start:end])
                uri = Uri.parse(contact.uri)
                token = uri.param(PARAM) if uri.scheme in _SIP else contact.uri
                if token is None:
                    continue
                expires = contact.param(b"expires")
                seconds = default
                if expires is not None and expires.isdigit() and len(expires) < 10:
                    seconds = int(expires)
                params = contact.params.strip()
                if params and params[:1] != b";":
                    params = b";" + params
                if expires is None:
                    params += b";expires=%d" % seconds
                granted[token.lower() if uri.scheme in _SIP else token] = (params, seconds)
        except Malformed:
            continue  # the node's list may hold what it likes; ours are found
    return granted
