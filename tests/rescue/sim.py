"""A PBX that bridges, as the front sees it: who really talks to whom, and what the tables say.

Telephones behind several NATs have the same few private addresses and ports and all write the same
``o=`` line.  The PBX passes descriptions on, or stands in the media and later takes itself out of
it one leg at a time, puts calls on hold, transfers them, calls back, and hangs up one leg before
the other.  At any moment it may die.
"""

from __future__ import annotations

import random

from sipfront.stack.dialog import CONFIRMED, EARLY, Gone, Leg
from sipfront.stack.session import OFFERED, STABLE
from tests.rescue.build import NODE, NODE_B, leg, sdp

HOSTS = (b"192.168.1.5", b"192.168.1.6", b"10.1.1.7")
PORTS = (4000, 4002)


class Pbx:
    """Two nodes' calls; ``bridged`` is the truth that the front has to find, or not to guess."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.legs: list[Leg] = []
        self.ended: list[Gone] = []
        self.bridged: dict[Leg, Leg] = {}
        self.mine: dict[Leg, bytes] = {}  # what each party says of itself
        self.made = 0
        self.public = 20000

    def play(self, steps: int) -> None:
        """Let things happen."""
        for _ in range(steps):
            self.dice.choices(
                (self.ring, self.answer, self.direct, self.hold, self.transfer, self.swap,
                 self.half, self.again, self.call_back),
                (5, 6, 8, 2, 2, 2, 3, 1, 1),
            )[0]()  # fmt: skip

    # -- parties -------------------------------------------------------------------------------

    def _party(self, owner: int, call: bytes) -> Leg:
        """A new dialog with a telephone somewhere."""
        self.made += 1
        own = sdp(self.dice.choice(HOSTS), self.dice.choice(PORTS))
        made = leg(str(self.made), b"", b"", call=call, owner=owner, state=EARLY)
        self.mine[made] = own
        self.legs.append(made)
        return made

    def _agree(self, made: Leg, told: bytes) -> None:
        session = made.session
        assert session is not None
        session.state, session.offer = STABLE, b""
        session.outside_sdp, session.inside_sdp = self.mine[made], told
        made.state = CONFIRMED

    def _node(self, made: Leg) -> bytes:
        return sdp((NODE, NODE_B)[made.owner], 10000 + self.made)

    def _named(self, other: Leg) -> bytes:
        """What the PBX says of a party: its own words, or where it really hears it (behind NAT)."""
        if self.dice.random() < 0.3:
            self.public += 2
            return sdp(b"198.51.100.9", self.public)
        return self.mine[other]

    def _pick(self, state: int = CONFIRMED) -> Leg | None:
        found = [
            one for one, two in self.bridged.items() if one.state == state and two in self.bridged
        ]
        return self.dice.choice(found) if found else None

    # -- what happens --------------------------------------------------------------------------

    def ring(self) -> None:
        """A calls B; nobody has answered."""
        owner = self.dice.randrange(5) == 0
        call = b"x%d" % self.made
        a = self._party(int(owner), call)
        b = self._party(int(owner), call if self.dice.random() < 0.6 else b"")
        assert a.session is not None
        a.session.state, a.session.asker, a.session.offer = OFFERED, True, self.mine[a]
        self.bridged[a], self.bridged[b] = b, a

    def answer(self) -> None:
        """Both legs are up, the media by the PBX or passed on as it came."""
        a = self._pick(EARLY)
        if a is None:
            return
        b = self.bridged[a]
        through = self.dice.random() < 0.5
        self._agree(a, self._node(a) if through else self._named(b))
        self._agree(b, self._node(b) if through else self._named(a))

    def direct(self) -> None:
        """The PBX takes itself out of the media: one leg now, the other with luck."""
        a = self._pick()
        if a is None:
            return
        b = self.bridged[a]
        if b.state == CONFIRMED:
            self._agree(a, self._named(b))
            if self.dice.random() < 0.7:
                self._agree(b, self._named(a))

    def hold(self) -> None:
        """Music for one."""
        a = self._pick()
        if a is not None:
            self._agree(a, self._node(a))

    def transfer(self) -> None:
        """B sends A to somebody new, who inherits the correlation."""
        a = self._pick()
        if a is None or self.bridged[a].state != CONFIRMED:
            return
        b = self.bridged[a]
        self._agree(a, self._node(a))
        self._end(b)
        c = self._party(a.owner, a.correlation if self.dice.random() < 0.5 else b"")
        self.bridged[a], self.bridged[c] = c, a

    def swap(self) -> None:
        """Attended: two calls become one, their other legs go (the media comes back first)."""
        a, c = self._pick(), self._pick()
        if a is None or c is None or a.owner != c.owner:
            return
        b, d = self.bridged[a], self.bridged[c]
        if len({a, b, c, d}) < 4 or CONFIRMED not in (b.state, d.state):
            return
        self._agree(a, self._node(a))
        self._agree(c, self._node(c))
        for gone in (b, d):
            self._end(gone)
        self.bridged[a], self.bridged[c] = c, a

    def half(self) -> None:
        """One hangs up; the PBX has not told the other yet, and may never."""
        a = self._pick()
        if a is not None:
            b = self.bridged[a]
            self._end(a)
            if self.dice.random() < 0.4:
                self._end(b)

    def again(self) -> None:
        """A party moves: another place, told by a re-INVITE."""
        a = self._pick()
        if a is not None and a.session is not None:
            self.mine[a] = sdp(self.dice.choice(HOSTS), self.dice.choice(PORTS))
            a.session.outside_sdp = self.mine[a]

    def call_back(self) -> None:
        """A feature makes a call of its own, and its legs inherit a correlation."""
        a = self._pick()
        if a is None:
            return
        e, f = (self._party(a.owner, a.correlation) for _ in range(2))
        self.bridged[e], self.bridged[f] = f, e
        self._agree(e, self._named(f))
        self._agree(f, self._named(e))

    def _end(self, one: Leg) -> None:
        self.legs.remove(one)
        self.bridged.pop(one, None)
        session = one.session
        assert session is not None
        if one.state == CONFIRMED:
            party = (one.call_id, one.outside_tag)
            sdps = (session.outside_sdp, session.inside_sdp)
            self.ended.append(Gone(party, 0.0, *sdps, one.correlation))

    def wrong(self, one: Leg, other: Leg) -> bool:
        """Whether a join of these two would be one of strangers."""
        return self.bridged.get(one) is not other or self.bridged.get(other) is not one
