"""Verdicts: whose media passes the node ends, who goes on without it stays, lamps are renewed."""

from __future__ import annotations

from sipfront.rescue.calls import STRETCH, Fate, Verdict, given_up
from sipfront.stack.dialog import EARLY, Gone, Leg
from sipfront.stack.session import COUNTERED, OFFERED
from tests.rescue.build import NODE, leg, sdp

A, B = sdp(b"192.0.2.1", 4000), sdp(b"192.0.2.2", 5000)
AT_NODE = sdp(NODE, 10000)


def fates(*legs: Leg, ended: list[Gone] | None = None) -> list[tuple[str, Fate]]:
    """Who gets what, in order."""
    found = given_up(0, legs, ended or [], (NODE,))
    said = []
    for verdict in found:
        if verdict is not None:
            name = verdict.leg.call_id.decode()[5:]
            said.append((name + verdict.other.call_id.decode()[5:] if verdict.other else name,
                         verdict.fate))  # fmt: skip
    return said


def test_each_gets_its_own() -> None:
    """Those that certainly end come first, then those that had to be thought about, then lamps."""
    assert fates(
        leg("l", b"", b"", kind=b"SUBSCRIBE"),
        leg("a", A, B),
        leg("c", sdp(b"192.0.2.3", 1), AT_NODE),
        leg("b", B, A),
        leg("d", sdp(b"192.0.2.4", 1), AT_NODE, owner=1),
        leg("e", sdp(b"192.0.2.5", 1), AT_NODE, state=EARLY),
    ) == [("c", Fate.END), ("ab", Fate.KEEP), ("l", Fate.RENEW)]


def test_half_by_the_node_is_by_the_node() -> None:
    """The PBX had taken itself out on one side only."""
    assert fates(leg("a", A, B), leg("b", B, AT_NODE)) == [("b", Fate.END), ("a", Fate.END)]


def test_an_address_of_the_node_that_nobody_configured() -> None:
    """Paired by the header; what each was told is the address in the node's own o=."""
    public = sdp(b"203.0.113.9", 9000, b"- 1 1 IN IP4 203.0.113.9")
    learnt = sdp(b"198.51.100.7", 9000, b"- 1 1 IN IP4 203.0.113.9")
    a, b = leg("a", A, public, call=b"x"), leg("b", B, public.replace(b"9000", b"9002"), call=b"x")
    assert fates(a, b) == [("a", Fate.END), ("b", Fate.END)]
    a, b = leg("a", A, learnt, call=b"x"), leg("b", B, learnt.replace(b"9000", b"9002"), call=b"x")
    assert fates(a, b) == [("ab", Fate.KEEP)]


def test_an_offer_of_the_node_in_the_air() -> None:
    """Whether the phone has taken it is not known; an offer of the phone's own is refused, and
    what counted before counts on."""
    a, b = leg("a", A, B), leg("b", B, A)
    assert a.session is not None
    a.session.state, a.session.asker, a.session.offer = OFFERED, True, A
    assert fates(a, b) == [("ab", Fate.KEEP)]
    a.session.asker = False
    assert fates(a, b) == [("a", Fate.END), ("b", Fate.END)]
    a.session.state = COUNTERED
    assert fates(a, b) == [("a", Fate.END), ("b", Fate.END)]


def test_one_whose_other_half_has_just_gone() -> None:
    """Its place is taken by a stranger: nobody is joined.  Where both halves have gone, the place
    is free again."""
    a, b = leg("a", A, B), leg("b", B, A)
    gone = Gone((b"1", b"1"), 0.0, A, B, b"x")
    other = Gone((b"2", b"2"), 0.0, B, A, b"x")
    assert fates(a, b, ended=[gone]) == [("a", Fate.END), ("b", Fate.END)]
    assert fates(a, b, ended=[gone, other]) == [("ab", Fate.KEEP)]
    third = Gone((b"3", b"3"), 0.0, sdp(b"192.0.2.3", 1), AT_NODE, b"x")
    inherited = leg("c", sdp(b"192.0.2.4", 1), AT_NODE, call=b"x", owner=1)
    assert fates(a, b, ended=[gone, other, third]) == [("a", Fate.END), ("b", Fate.END)]
    assert fates(a, b, inherited, ended=[gone, other]) == [("a", Fate.END), ("b", Fate.END)]
    unsure = [gone._replace(correlation=b""), other._replace(correlation=b"")]
    assert fates(a, b, ended=unsure) == [("a", Fate.END), ("b", Fate.END)]


def test_who_is_kept_already_is_not_judged_again() -> None:
    a, b = leg("a", A, B), leg("b", B, A)
    a.joined, b.joined = b, a
    assert fates(a, b) == []


def test_a_feed_decides() -> None:
    """What the node told of its bridges; media by the node ends all the same."""

    class Known:
        def bridged(self, node: int) -> list[tuple[bytes, bytes]]:
            return [(a.key, b.key)] if node == 0 else []

    learnt = sdp(b"198.51.100.7", 9000, b"- 1 1 IN IP4 10.0.0.11")
    a, b = leg("a", A, learnt), leg("b", B, learnt.replace(b"9000", b"9002"))
    (verdict,) = [v for v in given_up(0, [a, b], hosts=(NODE,), feed=Known()) if v is not None]
    assert verdict == Verdict(a, Fate.KEEP, "", b)


def test_many_are_judged_in_stretches() -> None:
    """20,000 dialogs are not read in one go."""
    legs = [
        leg(str(n), sdp(b"192.0.2.1", 1000 + n), sdp(b"192.0.2.2", 1000 + n)) for n in range(1000)
    ]
    found = list(given_up(0, legs))
    assert found.count(None) >= 1000 // STRETCH
    assert sum(verdict is not None for verdict in found) == 1000
