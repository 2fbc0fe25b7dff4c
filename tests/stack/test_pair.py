"""Suspicion, habits, and who may take a call in another's place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.stack.pair import ENOUGH, INTERVALS, Link, Pair
from sipfront.stack.route import NodeState, Route, Standing
from sipfront.stack.settings import Timing

TIMING = Timing()


def test_two_sends_and_silence() -> None:
    """A lost packet alone must not make double calls."""
    link = Link(0, 0.1)
    link.sent(10.0)
    assert not link.silent(99.0)
    link.sent(10.1)
    assert not link.silent(10.15)
    assert link.silent(10.21)
    link.spoke(10.22)
    assert not link.silent(99.0)
    assert link.heard == 10.22


def test_a_word_ends_a_suspicion_once() -> None:
    link = Link(0, 0.1)
    link.suspect = True
    assert link.spoke(1.0)
    assert not link.spoke(2.0)


@pytest.mark.parametrize(
    ("took", "interval"),
    [(0.001, 0.05), (0.02, 0.05), (0.05, 0.1), (0.12, 0.2), (0.4, 0.5), (9, 0.5)],
)
def test_habits(took: float, interval: float) -> None:
    link = Link(0, TIMING.t1)
    for _ in range(ENOUGH - 1):
        link.sample(took, TIMING)
        assert link.interval == TIMING.t1, "not believed yet"
    for _ in range(20):
        link.sample(took, TIMING)
    assert link.interval == interval


@given(st.lists(st.floats(0, 30), min_size=ENOUGH, max_size=50))
def test_the_interval_is_always_one_of_a_few(samples: list[float]) -> None:
    link = Link(0, TIMING.t1)
    for took in samples:
        link.sample(took, TIMING)
    assert link.interval in INTERVALS
    assert link.interval >= TIMING.floor


def route(states: tuple[NodeState, ...], ready: tuple[bool, ...]) -> Route:
    return Route(1, 0, (Standing.ACTIVE, Standing.STANDBY), states, ready)


@pytest.mark.parametrize("state", list(NodeState))
def test_doubt(state: NodeState) -> None:
    pair = Pair(2, TIMING)
    pair.route = route((state, NodeState.UP), (True, True))
    assert pair.doubtful(0) == (state in (NodeState.SUSPECT, NodeState.OVERLOADED))
    assert pair.down(0) == (state == NodeState.DOWN)
    pair.links[0].suspect = True
    assert pair.doubtful(0)


def test_the_other_node() -> None:
    pair = Pair(2, TIMING)
    assert pair.other(0, 1.0) is None, "before the first decision nobody is ready"
    pair.route = route((NodeState.UP, NodeState.UP), (True, True))
    assert pair.other(0, 1.0) == 1
    assert pair.other(1, 1.0) == 0
    pair.links[1].overloaded_until = 5.0
    assert pair.other(0, 4.9) is None
    assert pair.other(0, 5.0) == 1
    pair.links[1].suspect = True
    assert pair.other(0, 5.0) is None
    pair.links[1].suspect = False
    pair.route = route((NodeState.UP, NodeState.UP), (True, False))
    assert pair.other(0, 5.0) is None
