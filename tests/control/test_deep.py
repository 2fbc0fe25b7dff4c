"""Which outcomes of deeper probes count: stories of a node that cannot call, or seems so."""

from __future__ import annotations

import itertools

from schedules import PROBES
from sim import Sim
from sim import settings as with_
from stories import last, roles, settled

from sipfront.control.evidence import Checked
from sipfront.control.verdict import State


def deep(**what: object) -> Sim:
    return settled(settings=with_(probes=PROBES[1], **what), calls=2.0)


def test_a_deadlock_that_still_answers_options_is_left() -> None:
    sim = deep()
    sim.change(0, broken=True)
    sim.run(10.0)
    assert sim.monitor.active == 1
    event = last(sim, "failover")
    assert event.rule == "cannot serve"
    assert "pbx-a is up and cannot call (call (echo): no ringing)" in event.sentence
    assert event.took is not None
    assert event.took < 7.0
    assert any(isinstance(item, Checked) and item.good is False for item in event.evidence)
    assert roles(sim).states == (State.UP, State.UP)
    assert roles(sim).lost == (False, False)  # it lives: its calls stay where they are


def test_real_calls_that_fail_make_it_quicker() -> None:
    def took(calls: float, seed: int) -> float:
        sim = settled(settings=with_(probes=PROBES[1]), calls=calls, seed=seed)
        sim.change(0, broken=True)
        began = sim.now
        sim.run(12.0)
        assert sim.monitor.active == 1
        return next(at for at, event in sim.changes if event.kind == "failover") - began

    with_calls, without = (sum(took(calls, seed) for seed in range(8)) for calls in (20.0, 0.0))
    assert with_calls < without - 4.0


def test_both_nodes_unable_is_no_reason_to_move() -> None:
    sim = deep()
    sim.change(0, broken=True)
    sim.change(1, broken=True)
    sim.run(30.0)
    assert sim.monitor.epoch == 5
    assert "pbx-b: call (echo)" in last(sim, "kept").sentence


def test_a_worse_standby_is_no_reason_to_move_and_a_better_one_is() -> None:
    sim = deep()
    sim.change(1, lagging=True)
    sim.change(0, broken=True)
    sim.run(20.0)
    assert sim.monitor.epoch == 5
    assert "40 s behind" in last(sim, "kept").sentence
    sim.change(1, lagging=False)
    sim.run(6.0)
    assert (sim.monitor.active, sim.monitor.epoch) == (1, 6)


def test_a_session_cap_changes_nothing() -> None:
    sim = deep()
    sim.change(0, status=503)
    sim.run(60.0)
    assert sim.monitor.epoch == 5
    assert roles(sim).states[0] is State.OVERLOADED


def test_an_overloaded_node_whose_probe_fails_is_busy_not_dead() -> None:
    sim = deep()
    sim.change(0, mute=True)
    sim.run(4.5)
    sim.change(0, mute=False)
    sim.run(10.0)
    assert sim.monitor.epoch == 5


def test_what_failed_while_the_front_was_cut_off_says_nothing() -> None:
    for length in (1.0, 3.0, 9.0):
        sim = deep()
        sim.cut_off(True)
        sim.run(length)
        sim.cut_off(False)
        sim.run(20.0)
        assert sim.monitor.epoch == 5


def test_two_nodes_that_are_bad_in_turns_do_not_make_the_roles_swing() -> None:
    sim = deep()
    for _ in range(20):
        for bad, good in ((0, 1), (1, 0)):
            sim.change(bad, broken=True)
            sim.change(good, broken=False)
            sim.run(15.0)
    moves = [at for at, event in sim.changes if event.rule == "cannot serve"]
    assert 2 <= len(moves) <= sim.settings.max_per_hour
    assert min(b - a for a, b in itertools.pairwise(moves)) >= sim.settings.hold_down


def test_the_status_shows_every_answer() -> None:
    sim = deep()
    node = sim.monitor.status(sim.now).nodes[0]
    shown = {answer.probe: answer for answer in node.answers}
    assert (shown["echo"].question, shown["echo"].answer) == ("call", "good")
    assert shown["echo"].text == "audio both ways"
    assert shown["echo"].age_ms is not None
    assert node.doubt == ""
