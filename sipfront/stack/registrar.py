"""REGISTER through the front: back-to-back towards the nodes (RFC 3261 10, design: message rules).

The node is the registrar.  It sees one Contact per binding, at the front, under one Call-ID with
rising CSeq of our own; the phone sees its own Contact and expiry and nobody else's.  What the
digest covers (method, digest-uri, credentials) is not touched, so challenge and answer pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import (
    AUTHORIZATION,
    CALL_ID,
    CONTACT,
    CSEQ,
    EXPIRES,
    MIN_EXPIRES,
    TO,
    USER_AGENT,
)
from sipfront.sip.uri import Uri
from sipfront.stack import outbound
from sipfront.stack.bindings import Binding, Bindings
from sipfront.stack.contacts import (
    DEFAULT_EXPIRES,
    MAX_KEPT,
    SIP,
    Entry,
    Registration,
    also_of,
    call_id,
    granted_by,
    seconds_of,
    user_of,
    without_expires,
)
from sipfront.stack.expiry import Expiries
from sipfront.stack.forward import hidden

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message
    from sipfront.stack.accounts import Accounts
    from sipfront.stack.flows import Flow, Listener
    from sipfront.stack.hiding import Tokens
    from sipfront.stack.settings import Settings

#: CSeqs towards nodes begin at the wall clock's seconds since then, so that they rise over
#: restarts of the front and stay below 2**31 until 2088.
EPOCH = 1_600_000_000
#: What nodes are asked for where no credentials are known: nobody can remove the binding there
#: when its phone is gone, so it must age out.
UNPROVEN_EXPIRY = 600
#: A node that wants longer intervals than this (RFC 3261 20.23) is not believed.
MAX_MIN_EXPIRES = 86_400
#: Values that many bindings share (domains, User-Agents), kept once.
MAX_SHARED_VALUES = 10_000
#: Contacts in one REGISTER.
MAX_CONTACTS = 10
#: Series of CSeqs remembered beside those of the bindings: REGISTERs under way, of 3 s and more.
MAX_SERIES = 10_000


class Watcher(Protocol):
    """Who wants to know what nodes said about bindings."""

    def registered(self, binding: Binding, node: int, now: float) -> None:
        """A phone's REGISTER was accepted by a node."""

    def unregistered(self, binding: Binding, now: float) -> None:
        """A binding ended at a node by its phone's wish, or was dropped there."""


class Registrar:
    """Turns REGISTERs of phones into ours, and the nodes' answers into theirs."""

    __slots__ = (
        "_accounts",
        "_bindings",
        "_least",
        "_series",
        "_settings",
        "_shared_values",
        "_tokens",
        "_wall_offset",
        "expiries",
        "full",
        "watcher",
    )

    def __init__(
        self, bindings: Bindings, tokens: Tokens, settings: Settings, accounts: Accounts
    ) -> None:
        self._bindings = bindings
        self._tokens = tokens
        self._settings = settings.registering
        self._accounts = accounts
        self._wall_offset = settings.wall_offset
        self._series: dict[bytes, int] = {}
        self._shared_values: dict[bytes, bytes] = {}
        #: the shortest interval that each node takes
        self._least = [0] * len(settings.nodes)
        self.expiries = Expiries(settings.registering, settings.local_networks, settings.peers)
        self.full = 0
        self.watcher: Watcher | None = None

    # -- what stands where ---------------------------------------------------------------------

    def place(self, node: int) -> int:
        """Where a node's own expiry stands in a binding: nodes with one location table share it."""
        return 0 if self._settings.continuity == "shared" else node

    def node_expiry(self, aor: bytes, node: int) -> int:
        """Seconds that a node is asked for."""
        wanted = self._settings.node_expiry
        if self._accounts.of(aor) is None:
            wanted = min(wanted, UNPROVEN_EXPIRY)
        return max(wanted, self._least[node])

    def refreshes(self, aor: bytes) -> bool:
        """Whether the front refreshes the bindings of this address-of-record by itself."""
        return self._accounts.of(aor) is not None

    def too_brief(self, message: Message, node: int) -> bool:
        """A node's 423: the next REGISTER asks for what it wants; False if it makes no sense."""
        value = message.value(MIN_EXPIRES) or b""
        least = int(value) if value.isdigit() and len(value) < 10 else 0
        if not self._least[node] < least <= MAX_MIN_EXPIRES:
            return False
        self._least[node] = least
        return True

    # -- requests ------------------------------------------------------------------------------

    def read(self, message: Message, aor: bytes, flow: Flow) -> Registration:
        """What a REGISTER asks for; raises Malformed."""
        registration = Registration(aor, flow)
        for field in message.fields:
            if field[0] == CONTACT:
                self._read_contacts(registration, message, field[2], field[3])
        if registration.star and (registration.entries or message.value(EXPIRES) != b"0"):
            raise Malformed("Contact * needs Expires 0 and no other Contact")  # RFC 3261 10.3
        live = [entry for entry in registration.entries if entry.seconds]
        if len(live) > 1 and any(b"reg-id" in entry.binding.params for entry in live):
            raise Malformed("reg-id among several Contacts")  # RFC 5626 6
        for entry in registration.entries:
            if not self._bindings.room(entry.binding.name):
                self.full += 1
                raise Malformed("Too many bindings", 503)
        return registration

    def _read_contacts(
        self, registration: Registration, message: Message, begin: int, end: int
    ) -> None:
        value = message.data[begin:end]
        if value == b"*":
            registration.star = True
            return
        for start, stop in address.split(value):
            contact = address.parse(value[start:stop])
            uri = Uri.parse(contact.uri)
            if uri.scheme not in SIP:
                registration.passed.append(contact.uri)
                continue  # not ours to reach: it passes as it is
            instance = contact.param(b"+sip.instance")
            if instance:
                who = b"%b;%b" % (instance, contact.param(b"reg-id") or b"")
            else:
                who = b"%b@%b:%d" % (uri.user or b"", uri.host_key, uri.port or 0)
            name = self._tokens.binding(registration.aor, who)
            nodes = len(self._least)
            binding = Binding(name, registration.aor, contact.uri, registration.flow, nodes)
            binding.params = without_expires(contact.params)
            self._describe(binding, message)
            asked = seconds_of(contact.param(b"expires"))
            if asked is None:
                asked = seconds_of(message.value(EXPIRES))
            entry = Entry(binding, uri, DEFAULT_EXPIRES if asked is None else asked)
            offset = begin + start
            entry.start, entry.end = offset + contact.uri_start, offset + contact.uri_end
            entry.tail = entry.end + (1 if contact.bracketed else 0)
            entry.tail_end = begin + stop
            entry.outbound = entry.seconds > 0 and outbound.wanted(message, entry)
            registration.entries.append(entry)
            if len(registration.entries) > MAX_CONTACTS:
                raise Malformed("Too many contacts", 403)

    def _describe(self, binding: Binding, message: Message) -> None:
        """What is needed to speak of it later, to its phone or to a node."""
        binding.user_agent = self.same((message.value(USER_AGENT) or b"")[:128])
        binding.call_id = message.call_id
        binding.number = message.cseq
        binding.uri = self.same(message.uri)
        try:
            uri = address.parse(message.value(TO) or b"").uri
            binding.to = uri if uri != b"sip:" + binding.aor else b""
        except Malformed:
            binding.to = b""
        binding.user = user_of(message.value(AUTHORIZATION) or b"")
        if len(binding.call_id) > MAX_KEPT or len(binding.params) > MAX_KEPT:
            raise Malformed("Too long", 513)

    def same(self, value: bytes) -> bytes:
        """One object for equal values."""
        shared = self._shared_values
        known = shared.get(value)
        if known is None:
            if len(shared) >= MAX_SHARED_VALUES:
                shared.clear()
            known = shared[value] = value
        return known

    def number(self, name: bytes, now: float) -> int:
        """The next CSeq of a series: one for each binding, one for queries and ``*`` of an AOR.

        It rises before there is a binding too: a phone answers the challenge of its first REGISTER
        in the same second, and the same number again would be a loop (RFC 3261 8.2.2.2).
        """
        known = self._bindings.get(name)
        last = max(known.cseq if known is not None else 0, self._series.pop(name, 0))
        cseq = max(last + 1, int(now + self._wall_offset - EPOCH), 1)
        if len(self._series) >= MAX_SERIES:
            del self._series[next(iter(self._series))]
        self._series[name] = cseq
        if known is not None:
            known.cseq = cseq
        return cseq

    def series(self, aor: bytes) -> bytes:
        """The series of what concerns no single binding."""
        return self._tokens.binding(aor, b"*")

    def numbered(self, registration: Registration, now: float) -> None:
        """It goes to a node now: Call-ID and CSeq of our own."""
        if registration.entries:
            name = registration.entries[0].binding.name
        else:
            name = self.series(registration.aor)
        registration.call_id = call_id(name)
        registration.cseq = self.number(name, now)
        for entry in registration.entries:
            entry.binding.cseq = registration.cseq
            known = self._bindings.get(entry.binding.name)
            if known is not None:
                known.cseq = registration.cseq

    def edits(
        self, registration: Registration, message: Message, inside: Listener, node: int
    ) -> list[Edit]:
        """What a node sees instead."""
        edits: list[Edit] = []
        for entry in registration.entries:
            new = hidden(entry.uri, inside, entry.binding.name)
            if message.data[entry.start - 1 : entry.start] != b"<":
                new = b"<%b>" % new
            edits.append((entry.start, entry.end, new))
            if entry.seconds:  # the node's clock is another than the phone's
                tail = entry.binding.params + b";expires=%d" % (
                    self.node_expiry(registration.aor, node)
                )
                edits.append((entry.tail, entry.tail_end, tail))
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

    # -- answers -------------------------------------------------------------------------------

    def refused(self, registration: Registration, message: Message, node: int) -> None:
        """A node's failure: the old bindings stay as they were, and nothing is answered in that
        node's place until it has accepted the phone again."""
        if message.status == 423:
            self.too_brief(message, node)
        for entry in registration.entries:
            held = self._bindings.get(entry.binding.name)
            if held is not None and message.status in (403, 404):
                held.doubted = True

    def accepted(
        self, registration: Registration, message: Message, node: int, now: float
    ) -> list[bytes]:
        """A node's 2xx: bindings are made and removed; the values of Contact that the phone sees."""
        granted = granted_by(message)
        own = {entry.binding.name: entry for entry in registration.entries}
        place = self.place(node)
        made = False
        if registration.star:
            for old in self._bindings.of(registration.aor, 0.0):
                self._drop(old, node, now)
        lines: list[bytes] = []
        for name, entry in own.items():
            found = granted.get(name)
            if found is None or found[1] <= 0:
                gone = self._bindings.get(name)
                if gone is not None:
                    self._drop(gone, node, now)
                continue
            binding = entry.binding
            self._put(entry, found[1], place, now)
            binding.shown = found[0]
            binding.also = also_of(message)
            if entry.outbound:
                registration.also = outbound.agreed(binding)
            made = True
            lines.append(b"<%b>%b;expires=%d" % (binding.contact, binding.shown, binding.agreed))
            if self.watcher is not None:
                self.watcher.registered(binding, node, now)
        for contact in registration.passed:
            found = granted.get(contact)
            if found is not None and found[1] > 0:
                lines.append(b"<%b>%b;expires=%d" % (contact, *found))
        if made:
            # The list is complete (RFC 3261 10.3 step 8): what the node dropped, we drop.  What
            # it never had (it has just taken over, or lost its memory) is not dropped by it.
            for old in self._bindings.of(registration.aor, 0.0):
                if old.name not in granted and old.held[place] > now:
                    self._drop(old, node, now)
        if not own and not registration.star:  # a query: what came over this flow is its own
            for name, (text, seconds) in granted.items():
                held = self._bindings.get(name)
                if held is not None and held.flow is registration.flow and held.expires > now:
                    left = min(seconds, int(held.expires - now))
                    lines.append(b"<%b>%b;expires=%d" % (held.contact, text, left))
        return lines

    def _put(self, entry: Entry, seconds: int, place: int, now: float) -> None:
        """The binding as the node has it now."""
        binding = entry.binding
        longest = self.expiries.of(binding.flow, entry.uri.host, binding.user_agent)
        binding.agreed = min(entry.seconds, longest, seconds)
        binding.expires = now + binding.agreed
        binding.seen = now
        held = self._bindings.get(binding.name)
        if held is not None:
            if binding.params == held.params and binding.contact == held.contact:
                binding.held[:] = held.held  # where the other node has it, it has it as it is now
                binding.granted[:] = held.granted
            binding.cseq = max(binding.cseq, held.cseq)
            held.flow.followed_by(binding.flow, binding.aor)  # so its dialogs are reached there
        binding.flow.used_by(binding.aor)
        binding.held[place] = now + seconds
        binding.granted[place] = seconds
        self._bindings.put(binding)

    def _drop(self, binding: Binding, node: int, now: float) -> None:
        self._bindings.remove(binding)
        binding.held[self.place(node)] = 0.0
        if self.watcher is not None:
            self.watcher.unregistered(binding, now)

    def shown(
        self, message: Message, lines: list[bytes], edits: list[Edit], also: bytes = b""
    ) -> None:
        """Put the phone's own Contacts in the place of the node's list."""
        text = b"".join([b"Contact: %b\r\n" % line for line in lines]) + also
        for field in message.fields:
            if field[0] == CONTACT:
                edits.append((field[1], field[4], text))
                text = b""
            elif field[0] == EXPIRES:  # the node's; each Contact says its own
                edits.append((field[1], field[4], b""))
