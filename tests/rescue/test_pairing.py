"""Who talks to whom, when it is certain, and when it is not."""

from __future__ import annotations

from sipfront.rescue.pairing import Pairing
from sipfront.stack.dialog import EARLY, Gone, Leg
from sipfront.stack.session import OFFERED
from tests.rescue.build import NODE, leg, sdp

A, B = sdp(b"192.0.2.1", 4000), sdp(b"192.0.2.2", 5000)
AT_NODE = sdp(NODE, 10000)


def partner(*legs: Leg, ended: list[Gone] | None = None) -> Leg | None:
    """The partner of the first."""
    pairing = Pairing()
    for one in legs:
        pairing.add(one)
    for gone in ended or []:
        pairing.ended(gone)
    return pairing.partner(legs[0])


def test_descriptions_that_name_each_other() -> None:
    a, b = leg("a", A, B), leg("b", B, A)
    assert partner(a, b) is b
    assert partner(b, a, leg("c", sdp(b"192.0.2.3", 1), AT_NODE)) is a


def test_one_way_is_not_enough() -> None:
    assert partner(leg("a", A, B), leg("b", B, AT_NODE)) is None


def test_every_stream_counts() -> None:
    """Also one that is off: it must be off on both sides."""
    video = b"m=video 6000 RTP/AVP 96\r\n"
    a2, b2 = A + video, B + video.replace(b"6000", b"7000")
    a, b = leg("a", a2, b2), leg("b", b2, a2)
    assert partner(a, b) is b
    assert partner(a, leg("b", b2, A + video.replace(b"6000", b"6002"))) is None
    assert partner(a, leg("b", B, a2)) is None


def test_two_networks_with_equal_private_addresses() -> None:
    """Another phone that says the same of itself, in whatever dialog: nobody is sure any more."""
    a, b = leg("a", A, B), leg("b", B, A)
    for other in (
        leg("c", A, AT_NODE),
        leg("c", B, AT_NODE, owner=1),
        leg("c", sdp(b"192.0.2.1", 4000, b"other 7 7 IN IP4 9.9.9.9"), b""),
    ):
        assert partner(a, b, other) is None
    ringing = leg("c", b"", b"", state=EARLY)
    assert ringing.session is not None
    ringing.session.state, ringing.session.offer = OFFERED, A
    assert partner(a, b, ringing) is None
    gone = Gone((b"x", b"y"), 0.0, A, B, b"")
    assert partner(a, b, ended=[gone]) is None


def test_an_early_dialog_of_a_fork_beside_it() -> None:
    """The same party twice: who of the two it is bridged with is not certain."""
    a, b = leg("a", A, B), leg("b", B, A)
    fork = leg("b", B, A, state=EARLY)
    fork.inside_tag = b"other"
    assert partner(a, b, fork) is None


def test_the_same_correlation() -> None:
    """The PBX told each where it really hears the other (behind NAT): the header says who."""
    a = leg("a", A, sdp(b"198.51.100.1", 2000), call=b"x")
    b = leg("b", B, sdp(b"198.51.100.2", 3000), call=b"x")
    assert partner(a, b) is b
    assert partner(a, b, leg("c", sdp(b"192.0.2.3", 1), AT_NODE, call=b"x")) is None
    assert partner(a, leg("b", B, A, call=b"x", owner=1)) is None
    assert partner(a, leg("b", B, A, call=b"y")) is None
    early = leg("c", b"", b"", call=b"x", state=EARLY)
    assert partner(a, b, early) is None
    gone = Gone((b"x", b"y"), 0.0, sdp(b"192.0.2.9", 1), AT_NODE, b"x")
    assert partner(a, b, ended=[gone]) is None


def test_a_correlation_that_was_inherited() -> None:
    """The descriptions name somebody else: the header is of an older call."""
    c = sdp(b"192.0.2.3", 7000)
    a, b = leg("a", A, c, call=b"x"), leg("b", B, AT_NODE, call=b"x")
    assert partner(a, b) is b
    assert partner(a, b, leg("c", c, AT_NODE)) is None


def test_the_descriptions_are_better_evidence_than_the_header() -> None:
    a, b = leg("a", A, B, call=b"x"), leg("b", B, A, call=b"y")
    assert partner(a, b, leg("c", sdp(b"192.0.2.3", 1), AT_NODE, call=b"x")) is b


def test_a_feed_of_the_pbx_is_believed_before_all() -> None:
    """Unless it says two things of one."""
    a, b = leg("a", A, AT_NODE), leg("b", B, AT_NODE)
    c = leg("c", sdp(b"192.0.2.3", 1), AT_NODE)
    pairing = Pairing()
    for one in (a, b, c):
        pairing.add(one)
    pairing.told([(a.key, b.key)])
    assert (pairing.partner(a), pairing.partner(b), pairing.partner(c)) == (b, a, None)
    pairing.told([(c.key, a.key)])
    assert (pairing.partner(a), pairing.partner(b), pairing.partner(c)) == (None, None, None)
    pairing.told([(b"x\0y\0z", c.key)])
    assert pairing.partner(c) is None


def test_who_is_joined_already_is_left_alone() -> None:
    a, b = leg("a", A, B), leg("b", B, A)
    b.joined = a
    assert partner(a, b) is None
