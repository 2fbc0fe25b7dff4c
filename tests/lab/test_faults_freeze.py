"""The active PBX is frozen under load, for good or for three seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.faulting import in_time, measure, nothing_failed

#: A ring that the woken node begins ends with the answer to its first sign of life.
BLINK = 0.25


@pytest.mark.parametrize("target", ["extension", "trunk"])
def test_freeze(lab: Path, target: str) -> None:
    report = measure("freeze", target=target)
    nothing_failed(report)
    assert report.changes == 1
    in_time(report, decision=1.0, extra=0.5)


def test_stun(lab: Path) -> None:
    report = measure("stun", ring=1000)
    nothing_failed(report)
    assert report.cut == report.other == report.early_byes == 0
    assert report.rung_both <= report.hedged_for + 0.05
    assert report.rung_again <= BLINK
