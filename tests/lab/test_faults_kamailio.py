"""Kamailio, set up by somebody who knows it, through the same fault: what we are measured by."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faulting import measure


def test_kamailio_loses_no_new_call_but_is_late(lab: Path) -> None:
    report = measure("kill", short=10, full=30, against="kamailio")
    assert report.failed == 0, report.outcome
    late = [value for value in report.extra if value > 0.3]
    assert len(late) >= 5, "the comparison is not what it should be: no call was late"
