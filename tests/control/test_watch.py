"""The watch over one node, driven by hand; its two ways to the end and what stops them."""

from __future__ import annotations

from sipfront.control.evidence import Answered, Overload, Refused, Silent
from sipfront.control.settings import Settings
from sipfront.control.verdict import State
from sipfront.control.watch import Watch

S = Settings(nodes=("a", "b"))
CALM = S.interval


def up(now: float = 10.0) -> Watch:
    """A watch whose node has just answered."""
    watch = Watch(0, S, now - 0.002)
    watch.asked(1, "options", now - 0.002)
    watch.answered(Answered(0, 1, 200, now - 0.002, now))
    assert watch.reach is State.UP
    return watch


def ask_while_due(
    watch: Watch, until: float, start: float = 10.0, probe: int = 100
) -> list[tuple[float, str]]:
    """Send every probe at its time from ``start`` on, and nobody answers."""
    sent = []
    while (due := watch.due(CALM)) <= until:
        now = max(due, start)
        for kind in watch.kinds_due(now, CALM):
            watch.asked(probe, kind, now)
            sent.append((round(now, 3), kind))
            probe += 1
    return sent


def test_a_node_is_asked_again_after_the_interval() -> None:
    watch = up()
    assert watch.due(CALM) == 10.0 - 0.002 + S.interval
    assert watch.kinds_due(10.2, CALM) == ()
    assert watch.kinds_due(10.5, CALM) == ("options",)


def test_a_miss_starts_the_burst_with_a_stray_bye_in_it() -> None:
    watch = up()
    watch.asked(2, "options", 10.5)
    sent = ask_while_due(watch, 11.25)
    assert sent == [
        (10.6, "options"), (10.6, "bye"), (10.7, "options"), (10.8, "options"),
        (10.9, "options"), (10.9, "bye"), (11.0, "options"), (11.1, "options"),
        (11.2, "options"), (11.2, "bye"),
    ]  # fmt: skip
    assert not watch.silent_out(11.299)
    assert watch.silent_out(11.3)


def test_one_lost_packet_is_no_suspicion_two_are() -> None:
    watch = up()
    watch.asked(2, "options", 10.5)
    assert not watch.suspect(10.65)
    watch.asked(3, "options", 10.6)
    assert watch.suspect(10.71)


def test_any_word_ends_the_silence() -> None:
    watch = up()
    watch.asked(2, "options", 10.5)
    ask_while_due(watch, 11.25)
    watch.hear(11.29)
    assert not watch.silent_out(11.4)
    assert not watch.suspect(11.4)


def test_real_requests_count_and_start_the_burst_at_once() -> None:
    watch = up()
    watch.silent(Silent(0, 10.1, 10.16, 2))
    assert watch.suspect(10.16)
    assert watch.kinds_due(10.16, CALM) == ("options",)
    watch.silent(Silent(0, 10.1, 10.5, 9))
    assert not watch.silent_out(10.85)  # patience
    assert watch.silent_out(10.9)


def test_silence_from_before_the_last_word_proves_nothing() -> None:
    watch = up()
    watch.silent(Silent(0, 9.9, 10.2, 9))
    assert not watch.suspect(10.2)


def test_four_refusals_apart_are_the_end() -> None:
    watch = up()
    for n in range(3):
        watch.refused(Refused(0, 10.1 + n * 0.010))
    assert not watch.refused_out(10.13)
    watch.refused(Refused(0, 10.136))
    assert watch.refused_out(10.136)


def test_many_refusals_at_one_moment_are_one() -> None:
    watch = up()
    for _ in range(20):
        watch.refused(Refused(0, 10.1))
    assert not watch.refused_out(10.12)


def test_one_refusal_and_a_quick_burst_of_silence_is_the_end_too() -> None:
    """ICMP is rate-limited between hosts."""
    watch = up()
    watch.refused(Refused(0, 10.1))
    sent = ask_while_due(watch, 10.19, start=10.1)
    assert sent[:4] == [
        (10.1, "options"),
        (10.11, "options"),
        (10.11, "bye"),
        (10.12, "options"),
    ]
    assert not watch.refused_out(10.16)
    assert watch.refused_out(10.1 + 7 * 0.010)


def test_two_refusals_need_a_shorter_silence_beside_them() -> None:
    """The kernel's first ICMP errors come at once, then one a second."""
    watch = up()
    watch.refused(Refused(0, 10.1))
    ask_while_due(watch, 10.11, start=10.1)
    watch.refused(Refused(0, 10.111))
    ask_while_due(watch, 10.19, start=10.12)
    assert not watch.refused_out(10.14)
    assert watch.refused_out(10.1 + 5 * 0.010)


def test_what_was_in_flight_before_the_refusal_is_no_veto() -> None:
    watch = up()
    watch.refused(Refused(0, 10.1))
    watch.hear(10.104)
    assert watch.refused_at == 10.1
    watch.hear(10.12)
    assert watch.refused_at is None
    assert watch.vetoes == 1


def test_the_answer_to_a_probe_sent_after_the_refusal_vetoes_at_once() -> None:
    watch = up()
    watch.refused(Refused(0, 10.1))
    watch.asked(7, "options", 10.1)
    watch.answered(Answered(0, 7, 200, 10.1, 10.101))
    assert watch.refused_at is None
    assert not watch.suspect(10.101)


def test_heard_but_not_answering_is_overload() -> None:
    watch = up()
    watch.asked(2, "options", 10.5)
    for n in range(10):
        watch.hear(10.55 + n * 0.1)
        ask_while_due(watch, 10.6 + n * 0.1, probe=100 + 3 * n)
    assert watch.mute_out(11.6)
    assert not watch.silent_out(11.6)
    watch.muted = True
    assert watch.overloaded(11.6)
    assert watch.kinds_due(12.5, CALM) == ("options", "bye")


def test_a_503_with_a_time_is_overload_for_that_time() -> None:
    watch = up()
    watch.overload(Overload(0, 10.1, 3))
    assert watch.overloaded(13.0)
    assert not watch.overloaded(13.2)
    watch.overload(Overload(0, 14.0, 100_000))
    assert not watch.overloaded(14.0 + 61.0)


def test_503_to_options_is_alive_and_busy() -> None:
    watch = up()
    for n in range(3):
        watch.asked(10 + n, "options", 10.5 + n * 0.5)
        watch.answered(Answered(0, 10 + n, 503, 10.5 + n * 0.5, 10.502 + n * 0.5))
    assert watch.reach is State.UP
    assert watch.overloaded(11.6)


def test_down_becomes_up_after_answers_in_a_row_in_time() -> None:
    watch = up()
    watch.sink(certain=True, why="a test")
    watch.asked(5, "options", 20.0)
    watch.answered(Answered(0, 5, 404, 20.0, 20.7))  # too late to count
    assert watch.reach is State.DOWN
    watch.asked(6, "options", 21.0)
    watch.answered(Answered(0, 6, 404, 21.0, 21.01))
    assert watch.reach is State.DOWN
    assert watch.due(CALM) == 21.1  # the next one is not waited for
    watch.asked(7, "options", 21.1)
    watch.answered(Answered(0, 7, 404, 21.1, 21.11))
    assert watch.reach is State.UP


def test_a_refusal_between_two_answers_begins_anew() -> None:
    watch = up()
    watch.sink(certain=True, why="a test")
    watch.asked(5, "options", 20.0)
    watch.answered(Answered(0, 5, 200, 20.0, 20.01))
    watch.refused(Refused(0, 20.1))
    watch.asked(6, "options", 20.6)
    watch.answered(Answered(0, 6, 200, 20.6, 20.61))
    assert watch.reach is State.DOWN


def test_deafness_is_not_counted_from_before_the_front_slept() -> None:
    watch = up()
    ask_while_due(watch, 40.0)
    watch.hear(39.9)  # it speaks, and answers nothing
    watch.muted = True
    assert watch.deaf_out(40.0)
    watch.restart(41.0)
    assert not watch.deaf_out(41.0 + S.rescue_after - 0.001)
    assert watch.deaf_out(41.0 + S.rescue_after)
