"""Every twentieth packet is lost, each way, on both sides of the front: nothing changes roles."""

from __future__ import annotations

from pathlib import Path

from tests.lab.faulting import measure, nothing_failed


def test_loss(lab: Path) -> None:
    report = measure("loss", short=20, full=1200, rate=10.0, wiring="lossy")
    nothing_failed(report)
    assert report.changes == 0, report.events
    lost = [way["lost"] / (way["lost"] + way["passed"]) for way in report.relay.values()]
    assert all(0.02 < share < 0.08 for share in lost), report.relay
    print(f"  hedged {report.counters.get('hedged', 0):g} of {report.made} calls")
