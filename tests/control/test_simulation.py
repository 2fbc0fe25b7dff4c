"""The whole control side against a simulated pair.

Here run so many random schedules that a mistake is found at once; ten thousand of them are a part
of their own in CI: ``python tests/control/simulate.py``.  ``SIPFRONT_SCHEDULES`` and
``SIPFRONT_SEED`` set how many run here, and the first one.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import simulate
from invariants import Broken
from schedules import (
    PROBES,
    RESTARTS,
    Fault,
    bad_hooks,
    by_hand,
    deadlock,
    kill,
    lie,
    restart,
    schedule,
    set_mode,
)  # fmt: skip
from sim import Sim

from sipfront.control import changes, decision
from sipfront.control.decision import Action, Decision, View, decide
from sipfront.control.evidence import HookDone
from sipfront.control.monitor import Monitor
from sipfront.control.moving import Hooks
from sipfront.control.past import Past
from sipfront.control.verdict import State

COUNT = int(os.environ.get("SIPFRONT_SCHEDULES", "300"))
FIRST = int(os.environ.get("SIPFRONT_SEED", "0"))
#: how many schedules one test runs, so that none comes near the time limit
CHUNK = 100


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_the_invariants_hold_in_random_schedules(first: int) -> None:
    _, last, kinds, broken = simulate.part(first, min(first + CHUNK, FIRST + COUNT))
    print(f"schedules {first} to {last - 1}: {dict(kinds)}")
    assert broken == []
    assert last - first < CHUNK or (kinds["failover"] and kinds["cannot serve"]), (
        "schedules in which nothing happens prove nothing"
    )


@pytest.mark.parametrize("first", [0, 50])
def test_they_hold_when_the_front_itself_is_killed(first: int) -> None:
    lives = 0
    for seed in range(first, first + 50):
        lives += schedule(seed, only=RESTARTS).life
    assert lives > 25


def test_a_seed_is_one_schedule_for_ever() -> None:
    one, two = schedule(7), schedule(7)
    assert [event.sentence for event in one.events] == [event.sentence for event in two.events]


# ---------------------------------------------------------------------- mutations


def careless(view: View) -> Decision:
    """Readiness is not asked for."""
    if view.active is not None and view.wish is None and not view.moving:
        if view.nodes[view.active].state is State.DOWN:
            return Decision(Action.MOVE, "failover", "a mutation", 1 - view.active)
    return decide(view)


def deaf(view: View) -> Decision:
    """A DOWN active is kept."""
    if view.active is not None and view.nodes[view.active].state is State.DOWN:
        return Decision(Action.STAY, "stay", "a mutation")
    return decide(view)


def patient(view: View) -> Decision:
    """An active that cannot call is kept."""
    return decide(replace(view, nodes=tuple(replace(node, cannot=()) for node in view.nodes)))


def hasty(view: View) -> Decision:
    """An active that cannot call is left for a standby that is no better."""
    every = ("reachable", "register", "call", "ready")
    nodes = [
        node if i == view.active else replace(node, proven=every, faults=(), cannot=())
        for i, node in enumerate(view.nodes)
    ]
    return decide(replace(view, nodes=tuple(nodes)))


def cruel(view: View) -> Decision:
    """Busy is dead."""
    return decide(
        replace(
            view,
            nodes=tuple(
                replace(node, state=State.DOWN) if node.state is State.OVERLOADED else node
                for node in view.nodes
            ),
        )
    )


def restless(view: View) -> str:
    """Nothing bounds a move."""
    return ""


_done = Hooks.done


def bold(hooks: Hooks, ev: HookDone, now: float) -> object:
    """A hook that failed is taken for one that ended well."""
    return _done(hooks, ev._replace(good=True), now)


def forgetful(_: Monitor) -> Past:
    """A front that was killed has forgotten what it did."""
    return Past()


@pytest.mark.parametrize(
    ("where", "name", "mutation", "only"),
    [
        (changes, "decide", careless, ()),
        (changes, "decide", deaf, ()),
        (changes, "decide", patient, (deadlock,)),
        (changes, "decide", hasty, (deadlock, lie)),
        (changes, "decide", cruel, ()),
        (decision, "bound", restless, (by_hand, set_mode)),
        (decision, "_swinging", restless, (lie,)),
        (Hooks, "done", bold, (kill, bad_hooks)),
        (Monitor, "past", property(forgetful), (by_hand, restart)),
    ],
    ids=[
        "careless",
        "deaf",
        "patient",
        "hasty",
        "cruel",
        "unbound",
        "swinging",
        "bold",
        "forgetful",
    ],
)
def test_a_mutated_rule_is_found_out(
    where: object,
    name: str,
    mutation: object,
    only: tuple[Fault, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, mutation)
    for seed in range(400):
        try:
            schedule(seed, only=only)
        except Broken as error:
            print(f"{mutation.__doc__} found by seed {seed}: {error}")
            return
    pytest.fail(f"{mutation.__doc__} not found in 400 schedules")


def test_without_the_mutation_the_same_schedules_hold() -> None:
    assert simulate.part(0, 40)[3] == []


# ---------------------------------------------------------------------- loss


def quiet(sim: Sim) -> None:
    assert simulate.troubles(sim) == []


def test_hours_with_five_percent_loss_each_way_change_no_role() -> None:
    """A whole day of it, and a night with jitter, are a part of their own in CI."""
    sim = simulate.lossy(1, 0.05, 3.0)
    print(f"3 h: {sim.sent} probes, {len(sim.events)} events")
    quiet(sim)
    assert sim.sent > 3 * 3600 * 2 * 2


def test_loss_and_jitter_change_no_role() -> None:
    sim = simulate.lossy(2, 0.05, 1.0, jitter=0.2, probes=PROBES[1])
    quiet(sim)
    assert len(sim.outcomes[0]) > 1700


def test_loss_under_load_changes_no_role() -> None:
    quiet(simulate.lossy(3, 0.05, 0.2, calls=10.0))


# ---------------------------------------------------------------------- how fast


def timed(seed: int, calls: float, icmp: str, **fault: object) -> tuple[float, float, float]:
    """Seconds from the fault, the first refusal and the first unanswered send to the decision."""
    sim = Sim(seed, calls=calls, chatter=2 * calls)
    sim.run(5.0 + sim.random.random())
    at = sim.now
    sim.first_refusal = sim.first_silence = float("-inf")
    sim.change(0, icmp=icmp, **fault)
    sim.run(3.0)
    done = [when for when, event in sim.changes if event.kind == "failover"]
    assert len(done) == 1
    return done[0] - at, done[0] - sim.first_refusal, done[0] - sim.first_silence


@pytest.mark.parametrize(
    ("name", "calls", "icmp", "fault", "clock", "limit"),
    [
        ("kill under load", 20.0, "all", {"alive": False}, 1, 0.1),
        ("kill, idle", 0.0, "all", {"alive": False}, 1, 0.1),
        ("kill, ICMP limited", 20.0, "limited", {"alive": False}, 1, 0.1),
        ("kill, no ICMP", 20.0, "none", {"alive": False}, 2, 1.0),
        ("freeze under load", 20.0, "all", {"frozen": True}, 2, 1.0),
        ("freeze, idle", 0.0, "all", {"frozen": True}, 0, 1.8),
        ("freeze, idle, from its first unanswered", 0.0, "all", {"frozen": True}, 2, 1.0),
    ],
)
def test_a_dead_active_is_left_in_time(
    name: str, calls: float, icmp: str, fault: dict[str, object], clock: int, limit: float
) -> None:
    times = sorted(timed(seed, calls, icmp, **fault)[clock] for seed in range(40))
    p50, worst = times[len(times) // 2] * 1000, times[-1] * 1000
    print(f"{name}: p50 {p50:.0f} ms, worst {worst:.0f} ms (limit {limit * 1000:.0f} ms)")
    assert worst <= limit * 1000 + 0.001
