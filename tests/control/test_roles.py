from __future__ import annotations

import pytest

from sipfront.control.decision import Mode, Standing
from sipfront.control.evidence import Answered, Checked
from sipfront.control.pair import Pair
from sipfront.control.roles import Book
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

S = Settings(nodes=("pbx-a", "pbx-b"))


def book(active: int | None = 0) -> Book:
    pair = Pair(S, 0.0)
    for i, watch in enumerate(pair.watches):
        pair.take(Answered(i, i, 200, 0.0, 0.01))
        watch.asked(i, "options", 0.02)
        pair.take(Answered(i, i, 200, 0.02, 0.03))
    return Book(S, pair, 0.0, active, 3, ())


def test_a_move_is_a_new_epoch_and_the_old_one_drains() -> None:
    b = book()
    b.move(1, 10.0, voluntary=True)
    assert (b.epoch, b.active, b.last_change, b.voluntary) == (4, 1, 10.0, (10.0,))
    assert b.standings == [Standing.DRAINING, Standing.ACTIVE]
    assert b.drained(0)
    assert b.standings == [Standing.STANDBY, Standing.ACTIVE]
    assert not b.drained(0)


def test_a_node_that_is_left_dead_is_fenced() -> None:
    b = book()
    b.pair.watches[0].sink(certain=True, why="a test")
    b.move(1, 10.0, voluntary=False)
    assert b.standings[0] is Standing.FENCED
    assert not b.drained(0)


def test_draining_ends_after_its_longest_time() -> None:
    b = book()
    b.move(1, 10.0, voluntary=True)
    assert b.follow(10.0 + S.drain_max - 1) == []
    assert b.follow(10.0 + S.drain_max)[0][0] == 0
    assert b.standings[0] is Standing.STANDBY


def test_the_active_is_never_fenced_by_its_own_death() -> None:
    b = book()
    b.pair.watches[0].sink(certain=True, why="a test")
    b.follow(1.0)
    assert b.standings[0] is Standing.ACTIVE


def test_only_the_last_hour_of_voluntary_moves_is_kept() -> None:
    b = book()
    b.move(1, 10.0, voluntary=True)
    b.move(0, 3000.0, voluntary=True)
    b.move(1, 4000.0, voluntary=True)
    assert b.voluntary == (3000.0, 4000.0)


def test_the_view_is_frozen_and_whole() -> None:
    view = book().view(0.1)
    assert [n.state for n in view.nodes] == [State.UP, State.UP]
    assert [n.ready for n in view.nodes] == [True, True]
    assert hash(view) == hash(book().view(0.1))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="fit"):
        Book(S, Pair(S, 0.0), 0.0, 2, 0, ())
    with pytest.raises(ValueError, match="fit"):
        Book(S, Pair(S, 0.0), 0.0, 0, 0, (Mode.DRAIN,))
    with pytest.raises(ValueError, match="no such probe"):
        book().answers[0].checked(Checked(0, "mood", "call", True, "", 0.0, 1.0))
