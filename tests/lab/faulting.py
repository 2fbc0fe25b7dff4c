"""What the tests of faults under load share: one run, its report printed, targets judged.

Counts (failed calls, ended calls, changes of role) hold on any machine.  Times are asserted when
the machine has time to spare, else only printed: on a busy one they say nothing about the front.
``SIPFRONT_LENGTH=full`` gives the full lengths.
"""

from __future__ import annotations

import os
from typing import Any

from bench import faults, spaces
from bench.report import Report

FULL = os.environ.get("SIPFRONT_LENGTH") == "full"
#: A run keeps about half of one core busy; with so much more to do, everybody waits for everybody.
BUSY = 1.5


def length(short: float, full: float = 60.0) -> float:
    """Seconds of load."""
    return full if FULL else short


def measure(fault: str, short: float = 8.0, full: float = 60.0, **plan: Any) -> Report:
    """Run it in a network namespace of its own and print what it showed."""
    plan.setdefault("seconds", length(short, full))
    report = spaces.run(faults.run(faults.Plan(fault, **plan)))
    print("\n" + "\n".join(report.lines()))
    return report


def nothing_failed(report: Report) -> None:
    """No new call failed, and nothing that was sent betrays a node or an outside party."""
    assert report.made
    assert report.failed == report.caught_failed == 0, report.outcome
    assert not report.leaks, "\n".join(report.leaks[:20])
    assert report.written is not None
    assert (report.written.calls, report.written.open) == (report.made, 0), report.written


def in_time(report: Report, *, decision: float, extra: float) -> None:
    """The targets: seconds from the first packet to the dead node, and of longer set-up."""
    assert report.decision is not None, "no change of role"
    took, longer = report.decision[1], max(report.extra, default=0.0)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > BUSY:
        print(f"  the machine is busy ({load:.1f} a core): times are not judged")
        return
    assert took <= decision, f"decided after {took:.3f} s"
    assert longer <= extra, f"a call was set up {longer:.3f} s later"
