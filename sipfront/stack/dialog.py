"""Legs: the dialogs that pass the front, and who is at both of their ends.

A leg is one dialog (RFC 3261 section 12) between an outside party and a node.  Call-ID and tags
pass unchanged, so both ends know the dialog by the same names; what differs is where each
believes the other to be.

The key is Call-ID, the tag of the *outside* party and the tag of the *inside* party.  A node that
is a proxy sends the same Call-ID and tags back out; then the roles of the two tags are swapped,
and the two legs stay apart.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.session import Session
    from sipfront.stack.tagmap import Kept
    from sipfront.stack.transaction import ClientTx, ServerTx

EARLY = 0
CONFIRMED = 1
ENDED = 2


class Leg:
    """One dialog through the front.

    ``outside_*`` and ``inside_*``: flow, remote target (the URI of its Contact), route set (the
    value of a Route header, b"" if none), tag, highest CSeq seen from there, and the token that
    stands for it on the *other* side.  ``by_outside``: the outside party sent the first request.
    ``inside_uri``: the From or To value by which the node knows itself, where it had to be masked.
    ``outside_party`` and ``inside_party``: the From or To value of each, as the outside sees them,
    tag included; with them the front can speak in the place of either.  ``event``: the Event of a
    subscription.
    ``correlation``: what pairs it with the other leg of its call (X-Sipfront-Call).
    ``kept``: how the node calls it, where that differs; ``inside_tag`` is what the outside knows.
    ``lost``: an early dialog whose call went on elsewhere.
    ``session``: what its ends have agreed, for the leg of an INVITE.  ``seen``: when something was
    last answered in it; ``until``: when it ends by its own terms, 0.0 when it has none.
    ``key``: Call-ID and tags never change, so it is made once (see the module's docstring).
    ``joined``: the other leg of a call that goes on without its node (the front is its end of both).
    """

    __slots__ = (
        "alias",
        "by_outside",
        "call_id",
        "correlation",
        "epoch",
        "event",
        "inside_cseq",
        "inside_flow",
        "inside_party",
        "inside_routes",
        "inside_tag",
        "inside_target",
        "inside_token",
        "inside_uri",
        "joined",
        "kept",
        "key",
        "kind",
        "lost",
        "outside_cseq",
        "outside_flow",
        "outside_party",
        "outside_routes",
        "outside_tag",
        "outside_target",
        "outside_token",
        "owner",
        "seen",
        "session",
        "state",
        "trunk",
        "until",
    )

    def __init__(self, call_id: bytes, outside_tag: bytes, inside_tag: bytes, owner: int) -> None:
        self.call_id = call_id
        self.outside_tag = outside_tag
        self.inside_tag = inside_tag
        self.key = key_of(call_id, outside_tag, inside_tag)
        self.owner = owner
        self.epoch = 0
        self.kind = b"INVITE"
        self.state = EARLY
        self.by_outside = True
        self.outside_flow: Flow | None = None
        self.outside_target = b""
        self.outside_routes = b""
        self.outside_token = b""
        self.outside_cseq = 0
        self.inside_flow: Flow | None = None
        self.inside_target = b""
        self.inside_routes = b""
        self.inside_token = b""
        self.inside_cseq = 0
        self.inside_uri = b""
        self.trunk = ""
        self.event = b""
        self.outside_party = b""
        self.inside_party = b""
        self.correlation = b""
        self.kept: Kept | None = None
        self.alias = b""
        self.lost = False
        self.session: Session | None = None
        self.seen = 0.0
        self.until = 0.0
        self.joined: Leg | None = None


class Gone(NamedTuple):
    """What is remembered for a while of a call's dialog that ended: its other half may live on."""

    party: tuple[bytes, bytes]  #: Call-ID and tag of the outside
    at: float  #: when something was last answered in it
    outside_sdp: bytes
    inside_sdp: bytes
    correlation: bytes


def key_of(call_id: bytes, outside_tag: bytes, inside_tag: bytes) -> bytes:
    """The key of a leg; NUL cannot stand in any of the three."""
    return b"%b\0%b\0%b" % (call_id, outside_tag, inside_tag)


class Legs:
    """All legs that are known, bounded; the oldest goes first when there is no more room."""

    __slots__ = (
        "_aliases",
        "_changed",
        "_gone",
        "_legs",
        "_removed",
        "forgotten",
        "joined",
        "limit",
        "owned",
        "recent",
        "unacked",
    )

    #: Dialogs that we ended, remembered while a BYE of the other side may be on its way.
    MAX_GONE = 50_000
    #: Calls that ended, remembered while their other half may not have: a node ends it within
    #: milliseconds, one that sleeps within the time after which it is given up; and how many, of
    #: 1,000 calls/s those of the last seconds, 8 MB.
    RECENT = 40.0
    MAX_RECENT = 8_192

    def __init__(self, limit: int, nodes: int) -> None:
        self._legs: dict[bytes, Leg] = {}
        #: the same legs by the tags that their nodes use, where those differ
        self._aliases: dict[bytes, Leg] = {}
        #: answered INVITEs whose ACK has not passed yet: who was asked, for whom, the 2xx
        self.unacked: dict[Leg, tuple[ClientTx, ServerTx, Message]] = {}
        self._changed: dict[bytes, Leg | None] | None = None
        self._gone: dict[bytes, None] = {}
        self._removed: list[Leg] = []
        self.limit = limit
        #: confirmed dialogs of each node
        self.owned = [0] * nodes
        #: calls that ended a moment ago
        self.recent: deque[Gone] = deque(maxlen=self.MAX_RECENT)
        #: legs of calls that go on without their node
        self.joined = 0
        self.forgotten = 0

    def find(self, call_id: bytes, outside_tag: bytes, inside_tag: bytes) -> Leg | None:
        """The leg with these names."""
        key = b"%b\0%b\0%b" % (call_id, outside_tag, inside_tag)
        leg = self._legs.get(key)
        return self._aliases.get(key) if leg is None and self._aliases else leg

    def alias(self, leg: Leg) -> None:
        """From now on it is found by the tag that its node uses as well."""
        if leg.kept is None:
            return
        key = key_of(leg.call_id, leg.outside_tag, leg.kept.own)
        if key == leg.alias:
            return
        self._aliases.pop(leg.alias, None)
        self._aliases[key] = leg
        leg.alias = key

    @property
    def renamed(self) -> bool:
        """Whether any dialog has two names."""
        return bool(self._aliases)

    def add(self, leg: Leg) -> None:
        """Remember a leg."""
        if len(self._legs) >= self.limit:
            self.remove(next(iter(self._legs.values())))
            self.forgotten += 1
        self._legs[leg.key] = leg
        self.alias(leg)

    def confirm(self, leg: Leg) -> None:
        """The dialog was answered (2xx)."""
        if leg.state == EARLY:
            leg.state = CONFIRMED
            if self._changed is not None:
                self._changed[leg.key] = leg
            self.owned[leg.owner] += 1

    def rehome(self, leg: Leg, owner: int) -> None:
        """It lives at another node from now on."""
        if leg.state == CONFIRMED:
            self.owned[leg.owner] -= 1
            self.owned[owner] += 1
        leg.owner = owner

    def remove(self, leg: Leg) -> None:
        """The dialog is over."""
        if leg.state == CONFIRMED:
            if leg.joined is None:
                self.owned[leg.owner] -= 1
            else:
                self.joined -= 1
            self._recently(leg)
            if self._changed is not None and len(self._removed) < self.limit:
                self._removed.append(leg)
        leg.state = ENDED
        self.unacked.pop(leg, None)
        if leg.alias:
            self._aliases.pop(leg.alias, None)
            leg.alias = b""
        key = leg.key
        if self._legs.get(key) is leg:
            del self._legs[key]
            if self._changed is not None:
                self._changed[key] = None

    def join(self, one: Leg, other: Leg) -> None:
        """The two are a call that goes on without its node: it owns them no longer."""
        for leg, partner in ((one, other), (other, one)):
            leg.joined = partner
            self.owned[leg.owner] -= 1
            self.joined += 1
            self.refreshed(leg)

    def _recently(self, leg: Leg) -> None:
        session, recent = leg.session, self.recent
        if session is not None and session.outside_sdp:
            party = (leg.call_id, leg.outside_tag)
            sdps = (session.outside_sdp, session.inside_sdp)
            recent.append(Gone(party, leg.seen, *sdps, leg.correlation))
            while recent[0].at < leg.seen - self.RECENT:
                recent.popleft()

    def refreshed(self, leg: Leg) -> None:
        """What a store must know of a confirmed leg changed (a target, a flow, a CSeq)."""
        if self._changed is not None and leg.state == CONFIRMED:
            self._changed[leg.key] = leg

    def track(self) -> None:
        """From now on note what changes; somebody will ask."""
        self._changed = {}

    def changes(self) -> dict[bytes, Leg | None]:
        """The legs that changed since the last time, None for those that are over."""
        changed = self._changed
        if not changed:
            return {}
        self._changed = {}
        return changed

    def removed(self) -> list[Leg]:
        """The confirmed legs that were removed since the last time."""
        removed, self._removed = self._removed, []
        return removed

    def ended_by_us(self, leg: Leg) -> None:
        """The front itself said BYE: the party's own BYE may cross it."""
        self.remove(leg)
        if len(self._gone) >= self.MAX_GONE:
            del self._gone[next(iter(self._gone))]
        self._gone[leg.key] = None

    def was_ended(self, call_id: bytes, outside_tag: bytes, inside_tag: bytes) -> bool:
        """Whether we ended this dialog not long ago."""
        return key_of(call_id, outside_tag, inside_tag) in self._gone

    def of(self, owner: int) -> list[Leg]:
        """The legs of one node, oldest first."""
        return [leg for leg in self._legs.values() if leg.owner == owner]

    def __len__(self) -> int:
        return len(self._legs)

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._legs.values()))
