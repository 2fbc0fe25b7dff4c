"""Turns: never more than the rate, and the more urgent first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipfront.stack.pace import Bucket, Queue, Turn


class Item:
    def __init__(self, log: list[tuple[float, str]], name: str, sends: bool = True) -> None:
        self.log, self.name, self.sends = log, name, sends

    def go(self, now: float) -> bool:
        if self.sends:
            self.log.append((now, self.name))
        return self.sends


def test_the_more_urgent_goes_first() -> None:
    log: list[tuple[float, str]] = []
    queue = Queue(10)
    for turn in tuple(Turn)[::-1]:
        queue.put(Item(log, turn.name), turn)
    at = 100.0
    while (deadline := queue.next_deadline()) is not None:
        at = max(at, deadline)
        queue.drain(at)
    assert [name for _, name in log] == [turn.name for turn in Turn]
    assert [round(when - 100, 3) for when, _ in log] == [0.0, 0.105, 0.21, 0.315, 0.42, 0.525, 0.63]


def test_what_is_not_wanted_any_more_costs_nothing() -> None:
    log: list[tuple[float, str]] = []
    queue = Queue(10)
    for number in range(50):
        queue.put(Item(log, f"{number}", sends=number == 49), Turn.OWN)
    queue.drain(1.0)
    assert log == [(1.0, "49")]
    assert queue.waiting() == 0


def test_free_means_nobody_waits_and_the_rate_allows() -> None:
    queue = Queue(10)
    assert queue.free(1.0)
    queue.bucket.spent(1.0)
    assert not queue.free(1.05)
    assert queue.free(1.11)
    queue.put(Item([], "x"), Turn.OWN)
    assert not queue.free(1.11)


@given(
    st.sampled_from([1, 7, 10, 50, 200, 1000]),
    st.lists(st.floats(0.0, 0.5), min_size=1, max_size=400),
)
def test_never_more_than_the_rate_in_any_second(rate: int, gaps: list[float]) -> None:
    bucket = Bucket(rate)
    now, sent = 10.0, []
    for gap in gaps:
        now += gap
        while bucket.at() <= now and len(sent) < 5_000:
            bucket.spent(now)
            sent.append(now)
    begin = 0
    for end, at in enumerate(sent):
        while sent[begin] <= at - 1.0:
            begin += 1
        assert end - begin + 1 <= rate
