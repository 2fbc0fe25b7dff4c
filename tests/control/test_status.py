from __future__ import annotations

import json
from dataclasses import asdict

from sim import Sim


def test_the_status_says_everything_and_is_plain() -> None:
    sim = Sim(calls=20.0)
    sim.run(5.0)
    status = sim.monitor.status(sim.now)
    assert (status.active, status.epoch, status.redundant) == ("pbx-a", 5, True)
    a, b = status.nodes
    assert (a.role, a.standing, a.state, a.mode, a.ready) == (
        "active", "active", "UP", "in-service", True,
    )  # fmt: skip
    assert (b.role, b.standing) == ("standby", "standby")
    assert a.heard_ms is not None
    assert a.heard_ms < 500
    assert a.rtt_ms is not None
    assert 1 < a.rtt_ms < 10
    assert a.status == 200
    assert dict(a.evidence)["Answered"] >= 8
    assert json.loads(json.dumps(asdict(status)))["nodes"][1]["name"] == "pbx-b"


def test_after_a_failover_it_says_why() -> None:
    sim = Sim(calls=20.0)
    sim.run(5.0)
    sim.change(0, alive=False)
    sim.run(1.0)
    status = sim.monitor.status(sim.now)
    assert (status.active, status.epoch, status.redundant) == ("pbx-b", 6, False)
    assert status.redundancy.startswith("no: pbx-a is DOWN (refused 4 times")
    assert "pbx-a is left for pbx-b" in status.last_move
    assert status.decision.startswith("pbx-b stays active")
    assert status.nodes[0].standing == "fenced"
    assert not status.nodes[0].ready


def test_before_the_first_answer() -> None:
    sim = Sim(active=None)
    status = sim.monitor.status()
    assert status.active is None
    assert status.last_change is None
    assert status.nodes[0].heard_ms is None
    assert status.nodes[0].state == "UNKNOWN"
    assert "waiting for pbx-a" in status.decision
