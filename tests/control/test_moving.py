"""Hooks around a change of role: what waits for them, and what their failure leads to."""

from __future__ import annotations

from sim import Sim
from sim import settings as with_
from stories import last, roles, settled

from sipfront.control.actions import RunHook
from sipfront.control.decision import Standing
from sipfront.control.evidence import HookDone
from sipfront.control.moving import RETRY
from sipfront.control.settings import Hook

FENCE = Hook("fence", required=True, timeout=1.0)
PROMOTE = Hook("promote", required=True, timeout=1.0)
DEMOTE = Hook("demote", required=True, timeout=1.0)


def hooked(*hooks: Hook, **what: object) -> Sim:
    sim = settled(settings=with_(hooks=hooks), calls=10.0, **what)
    asked: list[RunHook] = []
    run = sim._hook

    def keep(do: RunHook) -> None:
        asked.append(do)
        run(do)

    sim._hook = keep  # type: ignore[method-assign]
    sim.asked_hooks = asked  # type: ignore[attr-defined]
    return sim


def until(sim: Sim, kind: str) -> None:
    """Let time go by until such an event."""
    while kind not in sim.kinds():
        sim.run(0.01)


def ran(sim: Sim) -> list[tuple[str, int, int]]:
    return [(do.hook, do.node, do.epoch) for do in sim.asked_hooks]  # type: ignore[attr-defined]


def test_fence_and_promote_come_first_and_notify_last() -> None:
    sim = hooked(FENCE, PROMOTE, Hook("notify"))
    sim.change(0, alive=False)
    until(sim, "moving")
    assert sim.monitor.active == 0
    assert "the fence hook for pbx-a runs" in last(sim, "moving").sentence
    sim.run(1.2)
    assert sim.monitor.active == 1
    # People hear first that nobody could take over: the active is DOWN and still active.
    changing = [hook for hook in ran(sim) if hook[2] == 6]
    assert changing == [("fence", 0, 6), ("promote", 1, 6), ("notify", 1, 6)]


def test_a_required_fence_that_fails_stops_the_failover_and_says_so() -> None:
    sim = hooked(FENCE)
    sim.hooks(fence="fail")
    sim.change(0, alive=False)
    sim.run(5.0)
    assert sim.monitor.active == 0
    said = last(sim, "kept").sentence
    assert "the required fence hook for pbx-a failed: fail" in said
    assert "tried again in" in said
    sim.hooks(fence="good")
    sim.run(RETRY)
    assert sim.monitor.active == 1


def test_a_required_fence_that_hangs_is_a_failure_after_its_time_out() -> None:
    sim = hooked(FENCE)
    sim.hooks(fence="hang")
    sim.change(0, alive=False)
    until(sim, "moving")
    sim.run(0.9)
    assert "hook" not in sim.kinds()
    sim.run(0.3)
    assert "did not end within 1 s" in last(sim, "hook").sentence
    assert sim.monitor.active == 0


def test_a_late_end_of_a_hook_that_was_given_up_changes_nothing() -> None:
    sim = hooked(FENCE)
    sim.hooks(fence="hang")
    sim.change(0, alive=False)
    sim.run(2.0)
    run = sim.asked_hooks[0]  # type: ignore[attr-defined]
    sim.tell(HookDone("fence", 0, run.run, True, "late", sim.now))
    assert sim.monitor.active == 0


def test_a_fence_that_is_not_required_is_not_waited_for() -> None:
    sim = hooked(Hook("fence"))
    sim.hooks(fence="hang")
    sim.change(0, alive=False)
    until(sim, "failover")
    assert sim.monitor.active == 1
    assert ran(sim)[0] == ("fence", 0, 6)


def test_a_failure_of_one_that_is_not_required_is_told() -> None:
    sim = hooked(Hook("fence"), Hook("notify"))
    sim.hooks(fence="fail", notify="fail")
    sim.change(0, alive=False)
    sim.run(2.0)
    told = [event.sentence for event in sim.events if event.kind == "hook"]
    assert "the fence hook for pbx-a failed: fail" in told
    assert "the notify hook for pbx-b failed: fail" in told


def test_a_switch_over_fences_nobody_and_demotes_who_was_left() -> None:
    sim = hooked(FENCE, PROMOTE, DEMOTE)
    done, said = sim.switchover()
    assert done
    assert said.endswith("(epoch 6 begins when the promote hook has ended well)")
    assert sim.switchover() == (False, sim.monitor.view().moving)
    sim.run(3.0)
    assert [name for name, _, _ in ran(sim)] == ["promote", "demote"]
    assert roles(sim).ready == (True, True)


def test_force_does_not_wait_for_hooks() -> None:
    sim = hooked(PROMOTE)
    sim.hooks(promote="hang")
    assert sim.switchover(force=True)[0]
    assert sim.monitor.active == 1
    assert ran(sim) == [("promote", 1, 6)]


def test_who_could_not_be_demoted_is_not_ready() -> None:
    sim = hooked(DEMOTE)
    sim.hooks(demote="fail")
    sim.switchover()
    sim.run(2.0)
    assert roles(sim).ready == (False, True)
    assert "demote hook: fail" in sim.monitor.redundancy()[1]
    sim.hooks(demote="good")
    sim.run(RETRY)
    assert roles(sim).ready == (True, True)


def test_a_dead_node_is_demoted_when_it_is_back() -> None:
    sim = hooked(DEMOTE)
    sim.change(0, alive=False)
    sim.run(5.0)
    assert ran(sim) == []
    sim.change(0, alive=True)
    sim.run(1.5)
    assert roles(sim).standings[0] is Standing.FENCED
    sim.run(2.0)
    assert ran(sim) == [("demote", 0, 6)]
    assert roles(sim).ready == (True, True)


def test_no_hooks_for_a_node_in_maintenance() -> None:
    sim = hooked(FENCE, DEMOTE)
    sim.hooks(fence="hang")
    sim.mode(1, "maintenance")
    sim.mode(0, "maintenance", force=True)
    sim.change(0, alive=False)
    sim.run(1.0)
    sim.mode(1, "in-service")
    assert sim.monitor.active == 1
    assert ran(sim) == []


def test_a_change_is_given_up_when_the_heir_dies_meanwhile() -> None:
    sim = hooked(FENCE)
    sim.hooks(fence="hang")
    sim.change(0, frozen=True)
    until(sim, "moving")
    sim.change(1, alive=False)
    sim.run(0.6)
    assert "given up: pbx-b is DOWN" in last(sim, "hook").sentence
    assert sim.monitor.active == 0


def test_people_are_told_when_redundancy_is_lost_and_mended() -> None:
    sim = hooked(Hook("notify"))
    sim.change(1, alive=False)
    sim.run(3.0)
    sim.change(1, alive=True)
    sim.run(4.0)
    why = [do.why for do in sim.asked_hooks]  # type: ignore[attr-defined]
    assert [text.split(":")[1] for text in why] == [" no", " yes"]
