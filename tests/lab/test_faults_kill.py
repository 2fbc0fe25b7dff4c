"""The active PBX is killed with -9 under load: no new call fails, and it is hardly noticed.

Where the network is real (namespaces) the kernel sends few ICMP errors; where a firewall drops
them all, a kill looks like a freeze.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.faulting import in_time, measure, nothing_failed

#: Calls that were up on the dead node get a clean BYE; at 20 calls/s of 1 s these are 20.
UP = 25


@pytest.mark.parametrize("target", ["extension", "trunk"])
def test_kill(lab: Path, target: str) -> None:
    report = measure("kill", target=target)
    nothing_failed(report)
    assert report.changes == 1
    assert report.cut + report.other <= UP
    in_time(report, decision=0.1, extra=0.15)


def test_kill_across_a_network(lab: Path) -> None:
    report = measure("kill", wiring="namespaces")
    nothing_failed(report)
    assert report.changes == 1
    in_time(report, decision=0.15, extra=0.15)


def test_kill_without_icmp(lab: Path) -> None:
    report = measure("kill", wiring="namespaces", icmp=False)
    nothing_failed(report)
    assert report.changes == 1
    in_time(report, decision=1.0, extra=0.5)
