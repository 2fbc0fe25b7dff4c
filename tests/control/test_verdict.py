from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipfront.control.verdict import Verdict


def test_three_failures_in_a_row_and_two_successes_in_a_row() -> None:
    v = Verdict(rise=2, fall=3, good=True)
    assert [v.fail(), v.fail(), v.fail()] == [False, False, True]
    assert not v.good
    assert [v.succeed(), v.succeed()] == [False, True]
    assert v.good


def test_a_success_between_failures_restores_all_and_the_other_way_round() -> None:
    v = Verdict(rise=2, fall=3, good=True)
    v.fail(), v.fail(), v.succeed()
    assert [v.fail(), v.fail()] == [False, False]
    v.fail(), v.succeed(), v.fail()
    assert v.succeed() is False
    assert not v.good


@given(st.integers(1, 5), st.integers(1, 5), st.booleans(), st.lists(st.booleans()))
def test_the_answer_changes_exactly_when_it_says_so(
    rise: int, fall: int, good: bool, outcomes: list[bool]
) -> None:
    v = Verdict(rise, fall, good)
    row = 0
    for n, ok in enumerate(outcomes):
        before = v.good
        changed = v.succeed() if ok else v.fail()
        row = row + 1 if n and outcomes[n - 1] is ok else 1
        assert changed == (v.good != before)
        assert 0 <= v.value <= rise + fall - 1
        if ok and row >= rise:
            assert v.good
        if not ok and row >= fall:
            assert not v.good
