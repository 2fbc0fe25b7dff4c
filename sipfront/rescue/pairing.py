"""Which two legs are one call.

A PBX bridges two dialogs, and only it knows which.  When it is gone and the parties' media goes on
without it, the front may put itself between the two, but only if it is *certain* who talks to whom:
a wrong join puts strangers on the line, which is worse than to end both calls.  So a pair is what

- an event feed of the PBX said (:class:`Feed`), or
- the correlation says (X-Sipfront-Call, copied by the dialplan): exactly these two dialogs have it,
  and no description contradicts; or
- the descriptions say: what each was last told, in every stream, is what the other says of itself,
  and no other dialog that lives, or ended a moment ago, says the same of itself.

Names of people, equal ``o=`` lines, times and order prove nothing and are not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sipfront.rescue.media import Place, places
from sipfront.stack.dialog import CONFIRMED, Gone, Leg
from sipfront.stack.session import OFFERED

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Whoever says of himself that he is at a place: a dialog's outside end.
Party = tuple[bytes, bytes]


class Feed(Protocol):
    """Something that knows from the PBX itself what is bridged (an event interface)."""

    def bridged(self, node: int) -> Iterable[tuple[bytes, bytes]]:
        """The keys of two legs (:attr:`Leg.key`) that the node bridged to each other, and to
        nobody else, when it was last heard."""


class Pairing:
    """All dialogs with a voice, and who says what of himself.  Fill it, then ask."""

    def __init__(self) -> None:
        #: who is at a place; () when several say so
        self._at: dict[tuple[bytes, int], Party] = {}
        self._legs: dict[Party, list[Leg]] = {}
        self._by_correlation: dict[bytes, list[Leg | None]] = {}
        self._by_feed: dict[bytes, bytes] = {}
        self._crowded: set[tuple[bytes, int]] = set()

    def add(self, leg: Leg) -> None:
        """A live dialog, of whatever node, early or not."""
        session = leg.session
        if session is None:
            return
        party = (leg.call_id, leg.outside_tag)
        self._legs.setdefault(party, []).append(leg)
        if leg.correlation:
            self._by_correlation.setdefault(leg.correlation, []).append(leg)
        self.said(party, session.outside_sdp)
        if session.offer and session.asker == (session.state == OFFERED):
            self.said(party, session.offer)  # the outside's own, not answered yet
        if session.guess and not session.asker:
            self.said(party, session.guess)

    def said(self, party: Party, sdp: bytes) -> None:
        """A party said this of itself."""
        for place in places(sdp):
            if place is not None and self._at.setdefault(place, party) != party:
                self._crowded.add(place)

    def ended(self, gone: Gone) -> None:
        """A dialog that has just ended: its other leg may still be there, and must not be taken
        for somebody else's."""
        self.said(gone.party, gone.outside_sdp)
        if gone.correlation:
            self._by_correlation.setdefault(gone.correlation, []).append(None)

    def told(self, feed: Iterable[tuple[bytes, bytes]]) -> None:
        """What a feed knows; who stands in two pairs stands in none."""
        for one, other in feed:
            for key, partner in ((one, other), (other, one)):
                if self._by_feed.setdefault(key, partner) != partner:
                    self._by_feed[key] = b""

    # -- asking --------------------------------------------------------------------------------

    def partner(self, leg: Leg) -> Leg | None:
        """The other leg of the call, if it is certain."""
        other = self._known(leg)
        return other if other is not None and self._known(other) is leg else None

    def _known(self, leg: Leg) -> Leg | None:
        session = leg.session
        if session is None or leg.state != CONFIRMED or leg.joined is not None:
            return None
        if leg.key in self._by_feed:
            return self._named(self._by_feed[leg.key], leg)
        told = places(session.inside_sdp)
        by_sdp = self._names(leg, told)
        if by_sdp is not None:
            return by_sdp
        other = self._correlated(leg)
        if other is None or self._contradicts(told, other):
            return None
        return other

    def _named(self, key: bytes, leg: Leg) -> Leg | None:
        call_id, _, rest = key.partition(b"\0")
        outside_tag = rest.partition(b"\0")[0]
        for other in self._legs.get((call_id, outside_tag), ()):
            if other.key == key and self._fits(leg, other):
                return other
        return None

    def _names(self, leg: Leg, told: tuple[Place, ...]) -> Leg | None:
        """Who is described by what ``leg`` was told, if that is one alone and the other way round."""
        session = leg.session
        own = places(session.outside_sdp) if session is not None else ()
        if not told or not own or not self._alone(told) or not self._alone(own):
            return None
        first = next(place for place in told if place is not None)
        party = self._at.get(first)
        others = self._legs.get(party, []) if party is not None else []
        if len(others) != 1:  # an early dialog beside it: who answered is not certain
            return None
        other = others[0]
        if not self._fits(leg, other) or other.session is None:
            return None
        if places(other.session.outside_sdp) != told or places(other.session.inside_sdp) != own:
            return None
        return other

    def _alone(self, said: tuple[Place, ...]) -> bool:
        return all(place is None or place not in self._crowded for place in said)

    def _correlated(self, leg: Leg) -> Leg | None:
        legs = self._by_correlation.get(leg.correlation, []) if leg.correlation else []
        if len(legs) != 2:
            return None
        other = legs[1] if legs[0] is leg else legs[0]
        return other if other is not None and self._fits(leg, other) else None

    def _contradicts(self, told: tuple[Place, ...], other: Leg) -> bool:
        """Whether ``told`` describes somebody who is not the party of ``other``."""
        party = (other.call_id, other.outside_tag)
        return any(
            place in self._crowded or self._at.get(place, party) != party
            for place in told
            if place is not None
        )

    def _fits(self, leg: Leg, other: Leg) -> bool:
        """Two dialogs of one node, both answered and with nobody else yet."""
        return (
            other is not leg
            and other.owner == leg.owner
            and other.state == CONFIRMED
            and other.joined is None
            and other.session is not None
        )
