from __future__ import annotations

from sipfront.control.evidence import Asked, Refused, Ring, Spoke, gather, tally


def test_the_ring_keeps_the_last_pieces_and_counts_all() -> None:
    ring = Ring(3)
    for at in range(5):
        ring.add(Refused(0, float(at)))
    assert len(ring) == 3
    assert ring.total == 5
    assert ring.since(0.0) == [Refused(0, 2.0), Refused(0, 3.0), Refused(0, 4.0)]
    assert ring.since(3.5) == [Refused(0, 4.0)]


def test_the_rings_of_all_nodes_are_told_in_one_line() -> None:
    one, two = Ring(8), Ring(8)
    one.add(Asked(0, 1, "options", 1.0))
    two.add(Spoke(1, 2.0))
    one.add(Refused(0, 3.0))
    line = gather([one, two], 1.5)
    assert line == (Spoke(1, 2.0), Refused(0, 3.0))
    assert tally(line) == {"Spoke": 1, "Refused": 1}


def test_an_event_never_carries_more_than_its_bound() -> None:
    ring = Ring(1000)
    for at in range(1000):
        ring.add(Spoke(0, float(at)))
    line = gather([ring], 0.0)
    assert len(line) == 200
    assert line[-1] == Spoke(0, 999.0)
