"""Accounts at trunks that register: one stable Contact each, and what each node put behind it.

A carrier that is registered to calls the Contact of the registration.  Here that Contact is the
front's and the same for both nodes, so that a failover changes nothing at the carrier.  What a node
registered (its user, and parameters such as Asterisk's ``line``) is remembered per node, and is the
Request-URI of the calls that go to it.  Values and tables only; who may register, and when, is in
:mod:`sipfront.stack.trunking` and :mod:`sipfront.stack.trunk_client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.sip import address
from sipfront.sip.errors import Malformed
from sipfront.sip.headers import CALL_ID, CONTACT, CSEQ, EXPIRES
from sipfront.sip.uri import Uri
from sipfront.stack.contacts import call_id, granted_by, seconds_of
from sipfront.stack.forward import contact_uri, hidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.sip.message import Edit, Message
    from sipfront.stack.flows import Flow, Listener
    from sipfront.stack.hiding import Tokens

#: Accounts at all trunks; a company has a few, a hoster some hundred.
MAX_ENROLMENTS = 2_000
#: CSeqs begin at the wall clock's seconds since then: they rise over restarts, below 2**31.
EPOCH = 1_600_000_000
#: A binding at the carrier outlives what the active node is told by this, and the standby is told
#: this: whoever becomes active registers again before the carrier's binding ends.  Seconds.
MARGIN = 60
#: No expiry shown to a node is shorter: Asterisk registers again 10 s before the end.
LEAST = 20


class Enrolment:
    """One account at one trunk."""

    __slots__ = (
        "aor",
        "contacts",
        "cseq",
        "expires",
        "flow",
        "granted",
        "status",
        "token",
        "trunk",
        "until",
        "user",
        "why",
    )

    def __init__(self, trunk: str, aor: bytes, token: bytes, nodes: int) -> None:
        self.trunk = trunk
        self.aor = aor
        self.token = token
        #: the user part of the Contact that the carrier knows
        self.user = aor.rpartition(b"@")[0]
        #: what each node registered, and until when it said so
        self.contacts = [b""] * nodes
        self.until = [0.0] * nodes
        self.cseq = 0
        #: the carrier's binding: how long it was granted, when it ends, by which way it was made
        self.granted = 0
        self.expires = 0.0
        self.flow: Flow | None = None
        #: the last final answer of the carrier (0: none yet), and what went wrong, if anything
        self.status = 0
        self.why = ""

    @property
    def margin(self) -> int:
        """What the standby is told, and how much earlier than the carrier the active one ends.
        Before it is known what the carrier grants it must be short: it may grant little."""
        return min(MARGIN, max(self.granted // 2, LEAST))

    def contact(self, listener: Listener) -> bytes:
        """The Contact that the carrier knows."""
        return hidden(Uri.parse(b"sip:%b@invalid" % self.user), listener, self.token)

    def target(self, node: int, uri: Uri) -> bytes:
        """The Request-URI of a call for a node: as it registered; the dialled number if the carrier
        put one in the place of the account's.  b"" if it did not register."""
        mine = self.contacts[node]
        if not mine or uri.user is None or uri.user == self.user:
            return mine
        own = Uri.parse(mine)
        port = b":%d" % own.port if own.port is not None else b""
        params = b";" + own.params if own.params else b""
        return b"sip:%b@%b%b%b" % (uri.user, own.host, port, params)

    def stored(self, offset: float) -> tuple[Any, ...]:
        """As a row; ``offset`` is wall clock minus monotonic clock, seconds."""
        until = tuple([moment + offset if moment else 0.0 for moment in self.until])
        expires = self.expires + offset if self.expires else 0.0
        contacts = tuple(self.contacts)
        return (self.trunk, self.aor, contacts, until, self.cseq, self.granted, expires)

    @staticmethod
    def restored(token: bytes, row: tuple[Any, ...], offset: float) -> Enrolment:
        """Out of a row; ValueError when it is none."""
        trunk, aor, contacts, until, cseq, granted, expires = row
        if len(contacts) != len(until):
            raise ValueError("not a row of this")
        made = Enrolment(trunk, aor, token, len(contacts))
        made.contacts = list(contacts)
        made.until = [moment - offset if moment else 0.0 for moment in until]
        made.cseq, made.granted = cseq, granted
        made.expires = expires - offset if expires else 0.0
        return made

    def elsewhere(self, node: int, now: float) -> bool:
        """Whether another node than this one is registered."""
        return any(until > now for other, until in enumerate(self.until) if other != node)


class Passing:
    """A node's REGISTER on its way to the carrier."""

    __slots__ = ("asked", "contact", "cseq", "enrolment", "node")

    def __init__(
        self, enrolment: Enrolment, node: int, contact: bytes, asked: int, cseq: int
    ) -> None:
        self.enrolment = enrolment
        self.node = node
        self.contact = contact
        self.asked = asked
        self.cseq = cseq

    def edits(self, message: Message, listener: Listener, edits: list[Edit]) -> None:
        """What the carrier sees instead: the stable Contact, one series of numbers."""
        line = b"Contact: <%b>;expires=%d\r\n" % (self.enrolment.contact(listener), self.asked)
        for field in message.fields:
            if field[0] == CONTACT:
                edits.append((field[1], field[4], line))
                line = b""
        for hid, value in (
            (CALL_ID, call_id(self.enrolment.token)),
            (CSEQ, b"%d REGISTER" % self.cseq),
        ):
            field_ = message.field(hid)
            if field_ is not None:
                edits.append((field_[2], field_[3], value))

    def back(
        self, message: Message, request: Message, flow: Flow, now: float, edits: list[Edit]
    ) -> bool:
        """The carrier's answer as the node sees it; whether the account's state is another now."""
        field = message.field(CALL_ID)  # the rest is given back to every node's request
        if field is not None:
            edits.append((field[2], field[3], request.call_id))
        line = b""
        changed = False
        if message.status < 300:
            changed = accepted(self.enrolment, message, self.asked, flow, now)
            if self.enrolment.granted:
                shown = self.enrolment.granted - self.enrolment.margin
                self.enrolment.until[self.node] = now + self.enrolment.granted
                line = b"Contact: <%b>;expires=%d\r\n" % (self.contact, max(shown, LEAST))
        elif message.status not in (401, 407):
            changed = failed(self.enrolment, message.status)
        for field in message.fields:
            if field[0] in (CONTACT, EXPIRES):
                edits.append((field[1], field[4], line if field[0] == CONTACT else b""))
                line = b"" if field[0] == CONTACT else line
        if line:  # a carrier that says nothing of Contacts
            before = message.field(CSEQ)
            if before is not None:
                edits.append((before[1], before[1], line))
        return changed


def accepted(enrolment: Enrolment, message: Message, asked: int, flow: Flow, now: float) -> bool:
    """The carrier's 2xx; whether the account was not registered before."""
    was = enrolment.expires > now
    seconds = 0
    if asked:
        found = granted_by(message).get(enrolment.token)
        seconds = found[1] if found is not None else _said(message, asked)
    enrolment.granted = seconds
    enrolment.expires = now + seconds if seconds else 0.0
    enrolment.flow = flow
    enrolment.status = message.status
    enrolment.why = ""
    return was != bool(seconds)


def failed(enrolment: Enrolment, status: int, why: str = "") -> bool:
    """The carrier refused, or did not answer (0); whether that is news."""
    why = why or f"answered {status}"
    news = enrolment.why != why
    enrolment.status = status
    enrolment.why = why
    return news


def _said(message: Message, asked: int) -> int:
    """What a carrier grants that does not repeat the Contact as it was: the only one's, or all's."""
    values = message.values(CONTACT)
    if len(values) == 1:
        try:
            found = seconds_of(address.parse(values[0]).param(b"expires"))
        except Malformed:
            found = None
        if found is not None:
            return found
    found = seconds_of(message.value(EXPIRES))
    return asked if found is None else found


def asked_of(message: Message) -> tuple[bytes, int]:
    """Contact and seconds of a node's REGISTER; b"" for a query, 0 for the end."""
    contact = contact_uri(message)
    seconds = seconds_of(message.value(EXPIRES))
    value = message.value(CONTACT) or b""
    if value.strip() == b"*":
        return b"*", 0
    if contact:
        own = seconds_of(address.parse(value[slice(*address.split(value)[0])]).param(b"expires"))
        seconds = own if own is not None else seconds
    return contact, 3600 if seconds is None else seconds


class Enrolments:
    """All accounts at all trunks, bounded."""

    __slots__ = ("_all", "_changed", "_nodes", "_tokens", "_wall_offset")

    def __init__(self, tokens: Tokens, nodes: int, wall_offset: float) -> None:
        self._tokens = tokens
        self._nodes = nodes
        self._wall_offset = wall_offset
        self._all: dict[bytes, Enrolment] = {}
        self._changed: dict[bytes, Enrolment | None] | None = None

    def open(self, trunk: str, aor: bytes) -> Enrolment | None:
        """The account's, made if it is new; None when there is no more room."""
        token = self._tokens.account(trunk.encode(), aor)
        found = self._all.get(token)
        if found is None and len(self._all) < MAX_ENROLMENTS:
            found = self._all[token] = Enrolment(trunk, aor, token, self._nodes)
        return found

    def put(self, enrolment: Enrolment) -> bool:
        """One that outlived the front; false when it is of another configuration."""
        if len(enrolment.contacts) != self._nodes:
            return False
        self._all[enrolment.token] = enrolment
        return True

    def remove(self, enrolment: Enrolment) -> None:
        """It is no more: its trunk was taken from the configuration."""
        if self._all.pop(enrolment.token, None) is not None and self._changed is not None:
            self._changed[enrolment.token] = None

    def number(self, enrolment: Enrolment, now: float) -> int:
        """The next CSeq of its series."""
        wall = int(now + self._wall_offset - EPOCH)
        enrolment.cseq = max(enrolment.cseq + 1, wall, 1)
        return enrolment.cseq

    def called(self, trunk: str, token: bytes | None, user: bytes | None) -> Enrolment | None:
        """The account that a call of a trunk is for: by its Contact's token; for carriers that drop
        parameters by the user, or because there is only one."""
        if token is not None:
            found = self._all.get(token)
            return found if found is not None and found.trunk == trunk else None
        mine = self.of(trunk)
        if len(mine) == 1:
            return mine[0]
        return next((found for found in mine if found.user == user), None)

    def of(self, trunk: str) -> list[Enrolment]:
        """The accounts at one trunk."""
        return [found for found in self._all.values() if found.trunk == trunk]

    def track(self) -> None:
        """From now on note what changes; somebody will ask."""
        self._changed = {}

    def touch(self, enrolment: Enrolment) -> None:
        """Something of it changed that must outlive the front."""
        if self._changed is not None:
            self._changed[enrolment.token] = enrolment

    def changes(self) -> dict[bytes, Enrolment | None]:
        """Those that changed since the last time, None for those that are gone."""
        changed = self._changed
        if not changed:
            return {}
        self._changed = {}
        return changed

    def __iter__(self) -> Iterator[Enrolment]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)
