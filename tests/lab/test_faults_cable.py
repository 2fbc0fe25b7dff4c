"""Faults that no process dies of: packets vanish, every call gets 503, a node comes and goes, is slow."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faulting import in_time, measure, nothing_failed


def test_a_node_whose_packets_vanish(lab: Path) -> None:
    report = measure("blackhole", short=10, wiring="lossy")
    nothing_failed(report)
    assert report.changes == 1
    assert report.decision is not None, "silence is not noticed"
    in_time(report, decision=1.8, extra=0.5)


def test_a_node_that_answers_every_call_with_503_keeps_its_role(lab: Path) -> None:
    """It is up and says so: each call is tried once on the standby, and nobody hears the 503."""
    report = measure("storm", short=8)
    nothing_failed(report)
    assert report.changes == 0
    assert report.counted("overflowed") >= 8 * 20 / 2 - 2


def test_a_node_that_comes_and_goes_is_left_once(lab: Path) -> None:
    report = measure("flap", short=14)
    nothing_failed(report)
    assert report.changes == 1, "the roles went to and fro"


def test_a_node_that_became_slow_is_not_dead(lab: Path) -> None:
    report = measure("slow", short=10, wiring="lossy")
    nothing_failed(report)
    assert report.changes == 0
