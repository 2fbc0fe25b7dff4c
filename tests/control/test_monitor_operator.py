"""Stories of the operator's levers, of alarms, and of what the verbs promise to their caller."""

from __future__ import annotations

from sim import NAMES, settings
from stories import last, roles, settled

from sipfront.control.actions import SendProbe
from sipfront.control.decision import Standing
from sipfront.control.evidence import Answered, Checked, Spoke
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Probe, Settings
from sipfront.control.verdict import State

ACTIVE, DRAINING = Standing.ACTIVE, Standing.DRAINING


# ---------------------------------------------------------------------- the operator


def test_a_switch_over_by_hand_and_its_refusals() -> None:
    sim = settled()
    done, said = sim.switchover("pbx-b")
    assert done
    assert said.startswith("by hand to pbx-b")
    assert said.endswith("(epoch 6)")
    assert roles(sim).standings == (DRAINING, ACTIVE)
    assert roles(sim).ready == (True, True)  # it could take over again at once
    done, said = sim.switchover(1)
    assert (done, said) == (False, "pbx-b is the active node already")
    done, said = sim.switchover(0)
    assert not done
    assert "hold-down" in said
    done, said = sim.switchover(0, force=True)
    assert done
    assert "forced" in said
    assert sim.switchover("pbx-c")[1] == "no such node: pbx-c (pbx-a, pbx-b)"


def test_a_drain_in_hold_down_says_what_overrides_it() -> None:
    sim = settled()
    sim.switchover("pbx-b")
    done, said = sim.mode("pbx-b", "drain")
    assert not done
    assert "hold-down: another" in said
    assert said.endswith("; a forced switch-over overrides this")


def test_hold_down_does_not_bind_when_the_new_active_dies() -> None:
    sim = settled(calls=20.0)
    sim.switchover(1)
    sim.run(1.0)
    sim.change(1, alive=False)
    sim.run(0.5)
    assert (sim.monitor.active, sim.monitor.epoch) == (0, 7)


def test_no_more_than_four_switch_overs_an_hour() -> None:
    sim = settled()
    answers = []
    for _ in range(6):
        answers.append(sim.switchover(None)[0])
        sim.run(121.0)
    assert answers == [True, True, True, True, False, False]
    sim.run(3600.0)
    assert sim.switchover(None)[0]


def test_draining_the_active_switches_over_first() -> None:
    sim = settled()
    done, said = sim.mode(0, "drain")
    assert done
    assert "pbx-a is in drain" in said
    assert "by hand to pbx-b" in said
    assert roles(sim).standings == (DRAINING, ACTIVE)
    assert roles(sim).ready == (False, True)
    assert "pbx-a is in drain" in sim.monitor.redundancy()[1]


def test_the_only_good_node_is_not_drained_unless_forced() -> None:
    sim = settled()
    sim.mode("pbx-b", "maintenance")
    done, said = sim.mode(0, "drain")
    assert not done
    assert "stays in service" in said
    assert "force overrides" not in said  # this verb has no such word
    done, said = sim.mode(0, "drain", force=True)
    assert done
    assert "stays active" in said
    sim.mode(1, "in-service")
    assert sim.monitor.active == 1  # it is left as soon as somebody is there


def test_words_that_no_verb_knows() -> None:
    sim = settled()
    assert sim.mode(0, "asleep") == (
        False,
        "no such mode: asleep (in-service, drain, maintenance)",
    )
    assert sim.mode(7, "drain")[0] is False
    assert sim.mode(0, "in-service") == (True, "pbx-a is in in-service already")


def test_fail_back_in_its_window() -> None:
    sim = settled(settings=settings(failback="window", hold_down=10.0))
    sim.switchover(1)
    sim.run(60.0)
    assert sim.monitor.active == 1
    sim.monitor.window(True, sim.now)
    sim._carry_out()
    assert sim.monitor.active == 0
    assert last(sim, "fail-back").sentence.startswith("pbx-b is left for pbx-a")


def test_a_deeper_question_answered_badly_makes_a_standby_not_ready() -> None:
    sim = settled(settings=settings(probes=(Probe("lag", "ready"),)))
    sim.tell(Checked(1, "lag", "ready", None, "the prober has no socket", 0.1, sim.now))
    sim.tell(Checked(1, "lag", "ready", False, "replication is 40 s behind", 0.1, sim.now))
    assert roles(sim).ready == (True, True)
    for _ in range(2):
        sim.tell(Checked(1, "lag", "ready", False, "replication is 40 s behind", 0.1, sim.now))
        sim.run(1.0)
    assert roles(sim).ready == (True, False)
    assert "40 s behind" in sim.monitor.redundancy()[1]
    for _ in range(2):
        sim.tell(Checked(1, "lag", "ready", True, "0 s behind", 0.1, sim.now))
    assert roles(sim).ready == (True, True)


# ---------------------------------------------------------------------- alarms


def test_the_alarm_is_repeated_until_mended() -> None:
    sim = settled()
    sim.change(1, alive=False)
    sim.run(200.0)
    alarms = [event for event in sim.events if event.kind == "alarm"]
    assert len(alarms) == 4
    assert alarms[0].sentence.startswith("redundant: no: pbx-b is DOWN (refused")
    sim.change(1, alive=True)
    sim.run(5.0)
    assert last(sim, "mended").sentence == (
        "redundant: yes: pbx-b is ready to take over from pbx-a"
    )
    count = len(sim.events)
    sim.run(200.0)
    assert len(sim.events) == count


def test_maintenance_raises_no_alarm_and_drain_does() -> None:
    sim = settled()
    sim.mode(1, "maintenance")
    sim.run(100.0)
    assert "alarm" not in sim.kinds()
    assert sim.monitor.redundancy() == (False, "no: pbx-b is in maintenance")
    sim.mode(1, "drain")
    assert "alarm" in sim.kinds()


# ---------------------------------------------------------------------- the verbs


def test_what_was_taken_is_not_handed_out_again() -> None:
    monitor = Monitor(Settings(nodes=NAMES), 0.0, active=0)
    assert monitor.take()
    assert monitor.take() == []
    monitor.expire(0.0)
    probes = [do for do in monitor.take() if isinstance(do, SendProbe)]
    assert [(p.node, p.kind) for p in probes] == [(0, "options"), (1, "options")]
    assert len({p.probe for p in probes}) == 2


def test_news_that_is_old_or_of_an_unknown_probe_does_no_harm() -> None:
    sim = settled()
    sim.monitor.heard(0, sim.now - 3.0)
    sim.tell(Answered(0, 999_999, 200, sim.now - 1.0, sim.now))
    sim.tell(Spoke(1, sim.now - 2.0))
    sim.run(1.0)
    assert roles(sim).states == (State.UP, State.UP)


def test_an_idle_pair_costs_two_probes_each_half_second() -> None:
    sim = settled()
    before = sim.sent
    sim.run(100.0)
    assert sim.sent - before == 400
