from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipfront.control.pace import LATE, SOON, Pace
from sipfront.control.settings import Settings

S = Settings(nodes=("a", "b"))


def test_a_quick_node_is_suspected_after_a_tenth_of_a_second() -> None:
    pace = Pace(S)
    for _ in range(20):
        pace.answered(0.003)
    assert pace.late == SOON
    assert pace.quick == S.quick


def test_a_slow_node_widens_its_own_time_outs() -> None:
    pace = Pace(S)
    for n in range(40):
        pace.answered(0.1 + 0.05 * (n % 2))
    assert SOON < pace.late <= LATE
    assert pace.quick > S.quick


def test_an_answer_after_a_long_sleep_says_nothing_about_the_pace() -> None:
    pace = Pace(S)
    pace.answered(0.003)
    usual = pace.usual
    pace.answered(7.0)
    assert pace.usual == usual


@given(st.lists(st.floats(-1.0, 10.0)))
def test_the_bounds_hold(times: list[float]) -> None:
    pace = Pace(S)
    for took in times:
        pace.answered(took)
        assert SOON <= pace.late <= LATE
        assert pace.grace <= pace.late
        assert S.quick <= pace.quick <= LATE
