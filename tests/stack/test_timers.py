"""The timer queues against the plainest thing that could work: a sorted list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipfront.stack.timers import RESEND, UNTIL, Timed, Timers


class Owner(Timed):
    """Two slots."""


def test_nothing_is_due_before_its_time() -> None:
    timers, owner = Timers(), Owner()
    assert timers.next_deadline() is None
    timers.start(owner, RESEND, 0.5, 10.0)
    assert timers.next_deadline() == 10.5
    assert timers.due(10.4) == []
    assert timers.due(10.5) == [(RESEND, owner)]
    assert owner.resend_at == 0.0
    assert timers.next_deadline() is None
    assert timers.due(99.0) == []


def test_a_changed_slot_cancels() -> None:
    timers, owner = Timers(), Owner()
    timers.start(owner, UNTIL, 32.0, 0.0)
    owner.until = 0.0
    assert timers.next_deadline() is None
    assert timers.due(100.0) == []


def test_started_again_counts_only_once() -> None:
    timers, owner = Timers(), Owner()
    timers.start(owner, UNTIL, 32.0, 0.0)
    timers.start(owner, UNTIL, 32.0, 5.0)
    assert timers.next_deadline() == 37.0
    assert timers.due(36.0) == []
    assert timers.due(37.0) == [(UNTIL, owner)]


def test_kinds_do_not_meet() -> None:
    timers, owner = Timers(), Owner()
    timers.start(owner, UNTIL, 1.0, 0.0)
    timers.start(owner, RESEND, 1.0, 0.0)
    owner.resend_at = 0.0
    assert timers.due(2.0) == [(UNTIL, owner)]


def test_order_over_lengths() -> None:
    timers = Timers()
    slow, quick = Owner(), Owner()
    timers.start(slow, UNTIL, 3.0, 0.0)
    timers.start(quick, UNTIL, 1.0, 1.0)
    assert [owner for _, owner in timers.due(9.0)] == [quick, slow]


def test_cancelled_entries_do_not_stay() -> None:
    """A thousand calls that ended leave nothing behind once somebody asks."""
    timers = Timers()
    for _ in range(1000):
        owner = Owner()
        timers.start(owner, UNTIL, 32.0, 0.0)
        owner.until = 0.0
    assert len(timers) == 1000
    assert timers.next_deadline() is None
    assert len(timers) == 0


def test_what_only_lingers_ends_together() -> None:
    """A hundred transactions of an eighth of a second are one waking, never too early."""
    timers = Timers()
    owners = [Owner() for _ in range(100)]
    for number, owner in enumerate(owners):
        timers.start(owner, UNTIL, 32.0, 10.001 + number / 1000)
    assert timers.next_deadline() == 42.125
    assert timers.due(42.124) == []
    assert len(timers.due(42.125)) == 100


def test_what_is_short_is_exact() -> None:
    timers = Timers()
    owner = Owner()
    timers.start(owner, RESEND, 0.5, 10.001)
    assert timers.next_deadline() == 10.501


STEP = st.tuples(
    st.sampled_from(["start", "cancel", "pass"]),
    st.integers(0, 4),
    st.sampled_from([RESEND, UNTIL]),
    st.sampled_from([0.0, 0.5, 1.0, 4.0, 32.0]),
)


@given(st.lists(STEP, max_size=60))
def test_like_a_sorted_list(steps: list[tuple[str, int, int, float]]) -> None:
    timers = Timers()
    owners = [Owner() for _ in range(5)]
    wanted: dict[tuple[int, int], float] = {}
    now = 1.0
    for verb, index, kind, amount in steps:
        owner = owners[index]
        if verb == "start":
            timers.start(owner, kind, amount, now)
            wanted[(index, kind)] = now + amount
        elif verb == "cancel":
            if kind == RESEND:
                owner.resend_at = 0.0
            else:
                owner.until = 0.0
            wanted.pop((index, kind), None)
        else:
            now += amount
            due = {(owners.index(who), what) for what, who in timers.due(now)}  # type: ignore[arg-type]
            assert due == {key for key, at in wanted.items() if at <= now}
            wanted = {key: at for key, at in wanted.items() if at > now}
        assert timers.next_deadline() == min(wanted.values(), default=None)
