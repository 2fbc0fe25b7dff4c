"""The benchmark runs: a second of calls through the front and a blind relay, and a small town."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import calls, laden, spaces
from bench.calls import Plan
from bench.goals import BLIND

PURE = "sipfront, interpreted"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers that still run are not waited for: figures are not looked at, only that there are some."""
    monkeypatch.setattr(laden, "TAIL", 0.5)
    monkeypatch.setattr(calls, "WARM_UP", 20)


def test_calls_over_udp_tcp_and_tls_are_charged_to_who_carried_them(lab: Path) -> None:
    plan = Plan(("call", "tcp", "tls"), (PURE, BLIND), rate=50, seconds=1, rounds=1, tail=0.5)
    figures = spaces.run(calls.run(plan, print))
    found = {(one.group, one.name) for one in figures.figures if one.median > 0}
    assert ("call", PURE) in found
    assert ("call", BLIND) in found
    assert ("call over TCP", PURE) in found
    assert ("call over TLS", PURE) in found
    assert {one.notes["failed"] for one in figures.figures} == {0}


def test_a_refresh_is_answered_by_the_front(lab: Path) -> None:
    plan = Plan(("refresh",), (PURE,), rate=50, seconds=1, rounds=1, tail=0.5)
    figures = spaces.run(calls.run(plan, print))
    (one,) = figures.figures
    assert one.notes["failed"] == 0
    assert one.notes["to_nodes"] == 0, "a node was asked: that was no refresh"


def test_a_small_town(lab: Path) -> None:
    plan = Plan((), rate=50, seconds=1, rounds=1, tail=0.5)
    figures = spaces.run(laden.run(plan, print, bindings=100, calls=10))
    full = [one for one in figures.figures if "100 bindings" in one.name]
    delays = [one for one in full if one.group.startswith(laden.DELAY)]
    assert len(delays) == 4
    assert all(0 < one.median < 1000 for one in delays)
    messages = delays[-1].notes["messages"]
    # INVITE, 180, 200, ACK, BYE, 200 of each call; nothing of its own is counted.
    assert messages == 50 * 6
    assert any(one.group.startswith("memory of a binding") for one in full)
