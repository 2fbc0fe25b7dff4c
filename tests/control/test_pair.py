from __future__ import annotations

from sipfront.control.evidence import Answered, Refused, Silent, Witness
from sipfront.control.pair import Pair, ms
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

S = Settings(nodes=("pbx-a", "pbx-b"))


def pair(settings: Settings = S) -> Pair:
    """Both have answered at 10.0."""
    both = Pair(settings, 9.9)
    for i, watch in enumerate(both.watches):
        watch.asked(i, "options", 9.999)
        both.take(Answered(i, i, 200, 9.999, 10.0))
    both.judge(10.0)
    return both


def test_a_silence_counts_only_while_somebody_else_is_heard() -> None:
    both = pair()
    both.take(Silent(0, 10.1, 10.95, 9))
    both.judge(10.95)
    assert both.watches[0].reach is State.UP  # pbx-b was heard before the silence only
    both.heard(1, 10.96)
    changes = both.judge(10.96)
    assert both.watches[0].reach is State.DOWN
    assert changes[0].sentence == "pbx-a left 9 sends unanswered for 860 ms, last heard 960 ms ago"


def test_both_silent_together_is_unknown_and_a_word_begins_all_anew() -> None:
    both = pair()
    both.take(Silent(0, 10.1, 11.0, 9))
    both.take(Silent(1, 10.2, 11.1, 9))
    both.judge(11.1)
    assert both.cut
    assert [both.state(w, 11.1) for w in both.watches] == [State.UNKNOWN] * 2
    both.heard(1, 11.2)
    both.judge(11.2)
    assert not both.cut
    assert both.watches[0].since is None
    assert both.state(both.watches[0], 11.2) is State.UNKNOWN  # not heard yet
    both.heard(0, 11.21)
    assert both.state(both.watches[0], 11.21) is State.UP


def test_a_witness_that_answers_lets_silence_count() -> None:
    both = pair(Settings(nodes=("pbx-a", "pbx-b"), witnesses=("router",)))
    both.take(Silent(0, 10.1, 11.0, 9))
    both.take(Silent(1, 10.2, 11.1, 9))
    both.witness(Witness("router", False, 11.0))
    both.judge(11.1)
    assert both.cut
    both.witness(Witness("router", True, 11.2))
    both.judge(11.2)
    assert [w.reach for w in both.watches] == [State.DOWN] * 2


def test_a_refusal_says_that_the_network_lives() -> None:
    both = pair()
    both.take(Silent(0, 10.1, 10.95, 9))
    both.take(Refused(1, 10.96))
    both.judge(10.96)
    assert both.watches[0].reach is State.DOWN


def test_the_other_node_is_asked_along() -> None:
    both = pair()
    assert both.company(both.watches[1], 10.1) == S.interval
    both.take(Refused(0, 10.1))
    assert both.company(both.watches[1], 10.1) == S.quick
    both.heard(1, 10.11)
    assert both.company(both.watches[1], 10.12) == S.interval


def test_a_sleep_of_the_front_begins_all_silences_anew() -> None:
    both = pair()
    both.take(Silent(0, 10.1, 10.95, 9))
    both.slept(14.0)
    both.heard(1, 14.01)
    both.judge(14.01)
    assert both.watches[0].reach is State.UP
    assert both.asleep == 1


def test_times_in_sentences() -> None:
    assert ms(0.0371) == "37 ms"
    assert ms(9.9) == "9900 ms"
    assert ms(61.4) == "61 s"
