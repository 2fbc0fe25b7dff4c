"""Deeper questions to one node: what counts as an answer, and what only as a doubt."""

from __future__ import annotations

import pytest

from sipfront.control.evidence import Checked, Traffic
from sipfront.control.questions import Answers
from sipfront.control.settings import Probe, Settings

S = Settings(
    nodes=("pbx-a", "pbx-b"),
    probes=(
        Probe("echo", "call", stale=20.0),
        Probe("account", "register", stale=20.0),
        Probe("lag", "ready", stale=20.0),
        Probe("web", "reachable", required=False),
    ),
)


def answers(*outcomes: tuple[str, str, bool | None]) -> Answers:
    made = Answers(S)
    for n, (probe, question, good) in enumerate(outcomes):
        made.checked(Checked(0, probe, question, good, f"text {n}", 0.1, 10.0 + n))
    return made


def test_nothing_is_known_before_the_first_outcome() -> None:
    made = answers()
    assert (made.faults, made.cannot, made.proven(10.0)) == ((), (), ())
    assert made.asked["echo"].word(10.0) == "unknown"


def test_a_good_answer_is_proof_until_it_is_stale() -> None:
    made = answers(("echo", "call", True))
    assert made.proven(30.0) == ("call",)
    assert made.proven(30.1) == ()
    assert made.asked["echo"].word(31.0) == "unknown"


def test_one_bad_outcome_is_no_answer_two_are() -> None:
    made = answers(("echo", "call", True), ("echo", "call", False))
    assert made.cannot == ()
    assert made.proven(12.0) == ()
    made.checked(Checked(0, "echo", "call", False, "no audio", 0.1, 13.0))
    assert (made.cannot, made.faults) == (("call",), ("call (echo): no audio",))
    assert made.bad_since() == 11.0
    assert made.fell("echo")


def test_a_bad_answer_stays_bad_when_it_cannot_be_asked_any_more() -> None:
    made = answers(("echo", "call", False), ("echo", "call", False), ("echo", "call", None))
    assert made.asked["echo"].word(1000.0) == "bad"
    assert made.asked["echo"].tried == 12.0


def test_one_on_the_mend_is_not_ready_and_not_left_either() -> None:
    made = answers(("echo", "call", False), ("echo", "call", False), ("echo", "call", True))
    assert made.faults == ("call (echo): text 1",)
    assert made.cannot == ()
    made.checked(Checked(0, "echo", "call", True, "fine", 0.1, 14.0))
    assert made.faults == ()


def test_readiness_says_nothing_about_serving() -> None:
    made = answers(("lag", "ready", False), ("lag", "ready", False))
    assert made.faults == ("ready (lag): text 1",)
    assert made.cannot == ()


def test_a_probe_that_is_not_required_decides_nothing() -> None:
    made = answers(("web", "reachable", False), ("web", "reachable", False))
    assert made.faults == ()
    assert made.asked["web"].word(20.0) == "bad"


def test_what_was_known_before_a_cut_is_asked_anew() -> None:
    made = answers(("echo", "call", False), ("echo", "call", False), ("account", "register", True))
    made.blind(12.5)
    assert (made.cannot, made.proven(13.0)) == ((), ())
    assert made.faults == ("call (echo): text 1",)
    made.checked(Checked(0, "echo", "call", False, "still not", 0.1, 13.0))
    assert made.cannot == ("call",)


def test_real_traffic_is_a_doubt_that_makes_one_bad_outcome_enough() -> None:
    made = answers(("echo", "call", True))
    assert made.traffic(Traffic(0, 4, 4, 11.0), None, None) is None
    said = made.traffic(Traffic(0, 4, 3, 12.0), None, None)
    assert said == "7 of 8 calls of the last 4 s failed with 5xx"
    assert made.cannot == ()
    made.checked(Checked(0, "echo", "call", False, "500", 0.1, 13.0))
    assert made.cannot == ("call",)
    assert made.traffic(Traffic(0, 0, 0, 16.1), None, None) == ""


def test_a_few_failed_calls_are_no_doubt() -> None:
    made = answers()
    assert made.traffic(Traffic(0, 20, 5, 11.0), None, None) is None


def test_answers_that_take_much_longer_than_usual_are_a_doubt() -> None:
    made = answers()
    assert made.traffic(Traffic(0, 0, 0, 11.0), 0.004, 0.002) is None
    said = made.traffic(Traffic(0, 0, 0, 12.0), 0.240, 0.002)
    assert said == "answers take 240 ms, usually 2 ms"


def test_a_probe_that_nobody_knows_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="no such probe"):
        answers(("mood", "call", True))
    with pytest.raises(ValueError, match="no such probe"):
        answers(("echo", "ready", True))
