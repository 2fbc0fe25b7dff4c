"""A PBX that crashes and comes back at once, and a front that does."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faulting import in_time, measure, nothing_failed


def test_the_active_node_restarts(lab: Path) -> None:
    report = measure("restart")
    nothing_failed(report)
    assert report.changes == 1
    in_time(report, decision=0.1, extra=0.15)


def test_the_front_restarts(lab: Path) -> None:
    report = measure("front")
    nothing_failed(report)
    assert report.changes == 0
    assert report.cut == report.other == report.early_byes == 0
