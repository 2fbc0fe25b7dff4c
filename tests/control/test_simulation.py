"""The whole control side against a simulated pair.

``SIPFRONT_SCHEDULES`` sets how many random schedules run (300; 10,000 at full length),
``SIPFRONT_SEED`` the first one.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from invariants import Broken
from schedules import schedule
from sim import Sim, settings

from sipfront.control import monitor
from sipfront.control.actions import ROLE_EVENTS
from sipfront.control.decision import Action, Decision, View, decide
from sipfront.control.verdict import State

FULL = os.environ.get("SIPFRONT_LENGTH") == "full"
COUNT = int(os.environ.get("SIPFRONT_SCHEDULES", "10000" if FULL else "300"))
FIRST = int(os.environ.get("SIPFRONT_SEED", "0"))
#: how many schedules one test runs, so that none comes near the time limit
CHUNK = 50


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, CHUNK))
def test_the_invariants_hold_in_random_schedules(first: int) -> None:
    broken: list[str] = []
    kinds: Counter[str] = Counter()
    for seed in range(first, min(first + CHUNK, FIRST + COUNT)):
        try:
            kinds.update(schedule(seed).kinds())
        except Broken as error:
            broken.append(str(error))
    print(f"schedules {first}-{first + CHUNK - 1}: {dict(kinds)}")
    assert broken == []
    assert COUNT < CHUNK or kinds["failover"] > 0, (
        "schedules in which nothing happens prove nothing"
    )


def careless(view: View) -> Decision:
    """A mutation of the rules: readiness is not asked for."""
    if view.active is not None and view.wish is None:
        if view.nodes[view.active].state is State.DOWN:
            return Decision(Action.MOVE, "failover", "a mutation", 1 - view.active)
    return decide(view)


def deaf(view: View) -> Decision:
    """Another one: a DOWN active is kept."""
    if view.active is not None and view.nodes[view.active].state is State.DOWN:
        return Decision(Action.STAY, "stay", "a mutation")
    return decide(view)


@pytest.mark.parametrize("mutation", [careless, deaf])
def test_a_mutated_rule_is_found_out(mutation: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "decide", mutation)
    found = 0
    for seed in range(20):
        try:
            schedule(seed)
        except Broken:
            found += 1
    assert found >= 3


def lossy(seed: int, loss: float, hours: float, jitter: float = 0.001, calls: float = 0.0) -> Sim:
    """A pair whose packets are lost in both directions; nothing else is wrong."""
    sim = Sim(seed, settings(), calls=calls, chatter=calls, check=False)
    for i in range(2):
        sim.change(i, loss_to=loss, loss_from=loss, jitter=jitter)
    sim.run(hours * 3600.0)
    return sim


def quiet(sim: Sim) -> None:
    assert [event for _, event in sim.changes] == []
    assert not ROLE_EVENTS.intersection(sim.kinds())
    assert "down" not in sim.kinds()


def test_a_day_with_five_percent_loss_each_way_changes_no_role() -> None:
    sim = lossy(1, 0.05, 24.0)
    print(f"24 h: {sim.sent} probes, {len(sim.events)} events")
    quiet(sim)
    assert sim.sent > 24 * 3600 * 2 * 2


def test_loss_and_jitter_change_no_role() -> None:
    """One hour here; a night has the same seeds after it (0.2 s of jitter, 5 % each way)."""
    quiet(lossy(2, 0.05, 1.0, jitter=0.2))


def test_loss_under_load_changes_no_role() -> None:
    quiet(lossy(3, 0.05, 0.2, calls=10.0))


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
