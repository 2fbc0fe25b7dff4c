"""What was done lately binds a front that was started anew as if it had not ended."""

from __future__ import annotations

from sim import NAMES, Sim, settings
from stories import settled

from sipfront.control.actions import RunHook, SendProbe
from sipfront.control.evidence import Answered, HookDone
from sipfront.control.monitor import Monitor
from sipfront.control.past import Left, Past
from sipfront.control.settings import Hook
from sipfront.control.verdict import NEVER


def again(sim: Sim, **more: object) -> Monitor:
    """The front was killed, and is there again at once: the monitor of the stored values."""
    old, now = sim.monitor, sim.now
    made = Monitor(
        settings(**more), now, old.active, old.epoch, old.modes, old.past.moved(lambda at: at)
    )
    answer(made, now)
    return made


def answer(monitor: Monitor, now: float) -> list[RunHook]:
    """Both nodes answer what they are asked; the hooks that are wanted meanwhile."""
    wanted = []
    for n in range(4):
        at = now + 0.1 * n
        monitor.expire(at)
        for do in monitor.take():
            if isinstance(do, SendProbe):
                monitor.evidence(Answered(do.node, do.probe, 200, at, at + 0.001))
            elif isinstance(do, RunHook):
                wanted.append(do)
    return wanted


def test_hold_down_goes_on() -> None:
    sim = settled()
    assert sim.switchover("pbx-b")[0]
    sim.run(30.0)
    done, said = again(sim).switchover("pbx-a", sim.now + 0.4)
    assert not done
    assert "hold-down: another 90 s" in said
    sim.run(91.0)
    assert again(sim).switchover("pbx-a", sim.now + 0.4)[0]


def test_the_hourly_limit_goes_on() -> None:
    sim = settled()
    for _ in range(4):
        assert sim.switchover(None)[0]
        sim.run(121.0)
    done, said = again(sim).switchover(None, sim.now + 0.4)
    assert not done
    assert "4 voluntary moves in the last hour are the limit" in said


def test_nodes_that_could_not_serve_in_turns_are_not_left_in_turns() -> None:
    past = Past(last_change=10.0, unwell=(10.0,))
    made = Monitor(settings(), 20.0, 0, 5, (), past)
    assert made.past == past
    assert made.view().unwell == (10.0,)


def test_a_node_that_is_owed_its_demotion_gets_it_and_is_not_ready_before() -> None:
    hook = Hook("demote", required=True, timeout=1.0)
    past = Past(owed=(Left(0, 6, "no route"),))
    made = Monitor(settings(hooks=(hook,)), 0.0, 1, 6, (), past)
    assert made.past.owed == past.owed
    (run,) = answer(made, 0.0)
    assert not made.view().nodes[0].ready
    assert "demote hook: no route" in made.view().nodes[0].obstacle
    assert (run.hook, run.node, run.epoch) == ("demote", 0, 6)
    # Killed again while it runs: it has not ended well, so it is owed still.
    assert made.past.owed == past.owed
    made.evidence(HookDone("demote", 0, run.run, True, "", 0.5))
    assert made.past.owed == ()
    assert made.view().nodes[0].ready


def test_a_pair_that_is_not_redundant_from_the_start_is_told_and_its_hook_tried_again() -> None:
    """All nodes are UP and nobody calls: nothing else would wake the front."""
    sim = Sim(settings=settings(hooks=(Hook("demote", required=True, timeout=1.0),)), active=1)
    sim.hooks(demote="fail")
    sim.monitor = Monitor(sim.settings, sim.now, 1, 5, (), Past(owed=(Left(0, 5),)))
    sim._carry_out()
    sim.run(2.0)
    assert "demote hook: fail" in sim.events[-1].sentence
    assert sim.kinds()[-1] == "alarm"
    sim.hooks(demote="good")
    sim.run(10.0)
    assert sim.monitor.redundancy()[0]
    assert sim.kinds()[-1] == "mended"


def test_who_is_owed_a_hook_that_is_configured_no_more_is_not() -> None:
    made = Monitor(settings(), 0.0, 1, 6, (), Past(owed=(Left(0, 6),)))
    assert made.past == Past()


def test_nothing_is_known_of_a_pair_that_never_changed() -> None:
    assert Monitor(settings(), 0.0).past == Past(NEVER)
    moved = Past(1.0, (1.0, 2.0), (3.0,), (Left(1, 2),)).moved(lambda at: at + 10)
    assert moved == Past(11.0, (11.0, 12.0), (13.0,), (Left(1, 2),))
    assert len(NAMES) == 2
