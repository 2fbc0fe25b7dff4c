"""Stories of a pair, on a moved clock: what happened, what the monitor did, and what it said."""

from __future__ import annotations

import pytest
from sim import NAMES, Sim, settings
from stories import last, roles, settled

from sipfront.control.actions import Roles
from sipfront.control.decision import Mode, Standing, decide
from sipfront.control.evidence import Answered, Refused
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

ACTIVE, STANDBY = Standing.ACTIVE, Standing.STANDBY
DRAINING, FENCED = Standing.DRAINING, Standing.FENCED


# ---------------------------------------------------------------------- beginnings


def test_the_first_start_chooses_the_preferred_node_as_soon_as_it_answers() -> None:
    sim = Sim(active=None)
    assert roles(sim).active is None
    sim.run(0.05)
    assert (sim.monitor.active, sim.monitor.epoch) == (0, 1)
    assert last(sim, "start").sentence.startswith("pbx-a becomes active")


def test_the_first_start_waits_one_second_for_a_preferred_node_that_is_silent() -> None:
    sim = Sim(active=None)
    sim.change(0, frozen=True)
    sim.run(0.7)
    assert sim.monitor.active is None
    sim.run(0.4)
    assert sim.monitor.active == 1


def test_the_first_start_does_not_wait_for_a_node_that_refuses() -> None:
    sim = Sim(active=None)
    sim.change(0, alive=False)
    sim.run(0.1)
    assert sim.monitor.active == 1


def test_a_restarted_front_goes_on_with_the_stored_roles_at_once() -> None:
    monitor = Monitor(Settings(nodes=NAMES), 50.0, active=1, epoch=9, modes=("drain", "in-service"))
    first = monitor.take()[0]
    assert isinstance(first, Roles)
    assert (first.epoch, first.active) == (9, 1)
    assert first.standings == (STANDBY, ACTIVE)
    assert monitor.modes == (Mode.DRAIN, Mode.IN_SERVICE)


def test_a_restarted_front_leaves_a_stored_active_that_is_dead() -> None:
    sim = Sim(active=0)
    sim.change(0, frozen=True)
    sim.run(1.1)
    assert (sim.monitor.active, sim.monitor.epoch) == (1, 6)


# ---------------------------------------------------------------------- deaths


def test_the_active_is_killed_and_comes_back() -> None:
    """It is fenced until it has been UP for two seconds, then a standby; nothing fails back."""
    sim = settled(calls=20.0)
    sim.change(0, alive=False)
    sim.run(0.5)
    assert (roles(sim).active, roles(sim).epoch) == (1, 6)
    assert roles(sim).standings == (FENCED, ACTIVE)
    assert roles(sim).lost == (True, False)
    said = last(sim, "failover").sentence
    assert "pbx-a is left for pbx-b" in said
    assert "refused 4 times within 30 ms" in said
    assert "alarm" in sim.kinds()
    sim.change(0, alive=True)
    sim.run(1.0)
    assert roles(sim).states[0] is State.UP
    assert roles(sim).standings == (FENCED, ACTIVE)
    assert roles(sim).ready == (False, True)
    sim.run(2.0)
    assert roles(sim).standings == (STANDBY, ACTIVE)
    assert roles(sim).ready == (True, True)
    assert sim.kinds()[-1] == "mended"
    sim.run(300.0)
    assert (roles(sim).active, roles(sim).epoch) == (1, 6)


def test_a_failover_carries_its_evidence_and_can_be_decided_again() -> None:
    sim = settled(calls=20.0)
    sim.change(0, alive=False)
    sim.run(0.5)
    event = last(sim, "failover")
    assert sum(isinstance(item, Refused) for item in event.evidence) >= 4
    assert any(isinstance(item, Answered) and item.node == 1 for item in event.evidence)
    assert list(event.evidence) == sorted(event.evidence, key=lambda item: item.at)
    assert event.view is not None
    again = decide(event.view)
    assert (again.sentence, again.target) == (event.sentence, 1)


def test_a_process_that_restarts_within_the_burst_is_not_left() -> None:
    sim = settled(calls=20.0)
    sim.change(0, alive=False)
    while sim.monitor.status().nodes[0].state != "SUSPECT":
        sim.run(0.005)
    sim.change(0, alive=True)
    sim.run(3.0)
    assert sim.monitor.epoch == 5
    assert "veto" in sim.kinds()
    assert roles(sim).states[0] is State.UP


def test_a_forged_refusal_is_vetoed_by_the_next_answer() -> None:
    sim = settled()
    for _ in range(20):
        sim.tell(Refused(0, sim.now))
        assert roles(sim).states[0] is State.SUSPECT
        sim.run(0.03)
        assert roles(sim).states[0] is State.UP
    assert sim.monitor.epoch == 5
    assert "down" not in sim.kinds()


def test_an_answer_that_was_in_flight_makes_no_flap() -> None:
    """The last words of a killed node are read after the error that its death caused."""
    sim = settled()
    sim.change(0, alive=False)
    sim.tell(Refused(0, sim.now))
    sim.run(0.003)
    sim.monitor.heard(0, sim.now)
    sim.run(0.1)
    states = [event.kind for event in sim.events if event.node == "pbx-a"]
    assert states == ["up", "down"]
    assert "veto" not in sim.kinds()
    assert sim.monitor.active == 1


def test_a_frozen_node_keeps_its_dialogs_until_rescue_after() -> None:
    sim = settled(calls=20.0)
    sim.change(0, frozen=True)
    sim.run(1.2)
    assert roles(sim).active == 1
    assert roles(sim).states[0] is State.DOWN
    assert roles(sim).standings[0] is DRAINING
    assert roles(sim).lost == (False, False)
    sim.run(5.0)
    assert roles(sim).standings[0] is FENCED
    assert roles(sim).lost == (True, False)
    assert "given up" in last(sim, "lost").sentence


def test_a_node_stunned_for_three_seconds_drains_and_loses_nothing() -> None:
    sim = settled(calls=20.0)
    sim.change(0, frozen=True)
    sim.run(3.0)
    sim.change(0, frozen=False)
    sim.run(1.0)
    assert roles(sim).states[0] is State.UP
    assert roles(sim).standings == (DRAINING, ACTIVE)
    assert "lost" not in sim.kinds()
    sim.run(2.0)
    assert roles(sim).ready == (True, True)
    sim.monitor.drained(0, sim.now)
    sim._carry_out()
    assert roles(sim).standings == (STANDBY, ACTIVE)


def test_a_node_silent_first_and_refusing_then_is_given_up_at_once() -> None:
    sim = settled(calls=20.0)
    sim.change(0, frozen=True)
    sim.run(1.5)
    sim.change(0, alive=False)
    sim.run(1.0)
    assert roles(sim).lost == (True, False)
    assert roles(sim).standings[0] is FENCED


def test_a_dead_active_without_a_ready_standby_is_kept_until_there_is_one() -> None:
    sim = settled()
    sim.mode(1, "maintenance")
    sim.change(0, alive=False)
    sim.run(5.0)
    assert sim.monitor.active == 0
    assert "pbx-b is in maintenance" in last(sim, "kept").sentence
    sim.mode(1, "in-service")
    assert sim.monitor.active == 1


def test_an_active_that_returns_before_anybody_could_take_over_stays_active() -> None:
    sim = settled()
    sim.mode(1, "maintenance")
    sim.change(0, alive=False)
    sim.run(3.0)
    sim.change(0, alive=True)
    sim.run(1.0)
    assert roles(sim).states[0] is State.UP
    assert roles(sim).standings[0] is ACTIVE
    assert sim.monitor.epoch == 5


# ---------------------------------------------------------------------- not deaths


def test_an_overloaded_node_that_answers_only_a_stray_bye_is_not_left() -> None:
    sim = settled(calls=20.0)
    sim.change(0, mute=True)
    sim.run(4.5)
    assert roles(sim).states[0] is State.OVERLOADED
    assert sim.monitor.epoch == 5
    assert "OPTIONS unanswered" in last(sim, "overloaded").sentence
    sim.run(60.0)
    sim.change(0, mute=False)
    sim.run(1.0)
    assert roles(sim).states[0] is State.UP
    assert sim.monitor.epoch == 5


def test_a_node_that_speaks_in_dialogs_and_answers_no_options_is_not_left() -> None:
    sim = settled(calls=20.0, chatter=40.0)
    sim.change(0, mute=True)
    sim.run(30.0)
    assert roles(sim).states[0] is State.OVERLOADED
    assert sim.monitor.epoch == 5


def test_a_node_that_speaks_but_does_not_hear_is_left_in_the_end() -> None:
    sim = settled(calls=20.0, chatter=40.0)
    sim.change(0, loss_to=1.0)
    sim.run(4.0)
    assert roles(sim).states[0] is State.OVERLOADED
    sim.run(3.0)
    assert sim.monitor.active == 1
    assert "speaks but has not answered a probe" in last(sim, "failover").sentence


@pytest.mark.parametrize("status", [200, 401, 404, 405, 480, 500, 501])
def test_any_answer_is_alive(status: int) -> None:
    sim = settled()
    sim.change(0, status=status)
    sim.run(20.0)
    assert roles(sim).states == (State.UP, State.UP)


def test_503_is_alive_and_busy() -> None:
    sim = settled()
    sim.change(0, status=503)
    sim.run(5.0)
    assert roles(sim).states[0] is State.OVERLOADED
    assert sim.monitor.epoch == 5
    assert "503" in last(sim, "overloaded").sentence


def test_when_everything_inside_is_silent_nothing_is_done() -> None:
    """It is the front that is cut off; when it ends, nobody is fenced and nothing was lost."""
    sim = settled(calls=20.0)
    sim.cut_off(True)
    sim.run(30.0)
    assert roles(sim).states == (State.UNKNOWN, State.UNKNOWN)
    assert roles(sim).lost == (False, False)
    sim.cut_off(False)
    sim.run(2.0)
    assert roles(sim).states == (State.UP, State.UP)
    assert sim.monitor.epoch == 5
    assert "down" not in sim.kinds()


@pytest.mark.parametrize("length", [0.3, 0.6, 0.79, 0.85, 0.9, 1.0, 1.1, 1.5])
def test_the_end_of_a_cut_never_looks_like_the_death_of_one_node(length: float) -> None:
    """The standby's answer comes back first; the active's own comes right behind it."""
    for seed in range(10):
        sim = settled(calls=20.0, seed=seed)
        sim.change(0, delay=0.04)
        sim.cut_off(True)
        sim.run(length)
        sim.cut_off(False)
        sim.run(3.0)
        assert sim.monitor.epoch == 5


def test_a_witness_tells_two_dead_nodes_from_a_front_that_is_cut_off() -> None:
    sim = settled(settings=settings(witnesses=("router",)))
    sim.change(0, frozen=True)
    sim.change(1, frozen=True)
    sim.run(3.0)
    assert roles(sim).states == (State.DOWN, State.DOWN)
    sim = settled(settings=settings(witnesses=("router",)))
    sim.cut_off(True)
    sim.run(3.0)
    assert roles(sim).states == (State.UNKNOWN, State.UNKNOWN)


def test_a_front_that_did_not_run_blames_nobody() -> None:
    sim = settled(calls=20.0)
    sim.sleep(4.0)
    sim.run(3.0)
    assert "asleep" in sim.kinds()
    assert "down" not in sim.kinds()
    assert sim.monitor.status().asleep == 1
