"""A crowd of phones before the real pair: who can be called, and what a node is asked at most."""

from __future__ import annotations

from pathlib import Path

from bench import crowd, spaces
from tests.lab.faulting import FULL


def test_a_crowd_outlives_every_death(lab: Path) -> None:
    """The shortest honest one: more REGISTERs than the nodes may get, and each phone comes twice."""
    plan = crowd.Plan() if FULL else crowd.Plan(phones=150, rate=60.0, over=2.0, expiry=20)
    found = spaces.run(crowd.run(plan))
    print("\n" + "\n".join(found.lines))
    assert not found.bad
