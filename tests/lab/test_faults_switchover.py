"""A planned switch-over under load: nothing fails, old calls end on the old node."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faulting import measure, nothing_failed


def test_switchover(lab: Path) -> None:
    report = measure("switchover")
    nothing_failed(report)
    assert report.changes == 1
    assert report.cut == report.other == report.early_byes == 0
    # At the sockets: every dialog ended where it lived, and nothing began on the old node.
    assert not report.strays, report.strays
    # In the PBXs' own books: each answered call is in one of them, and both have some.
    assert sum(report.served.values()) == report.answered
    assert all(report.served.values())
