"""A change of role, as a monitor tells it."""

from __future__ import annotations

from sipfront.control.actions import Event, SendProbe
from sipfront.control.evidence import Answered, Refused
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings


def failover() -> Event:
    """``pbx-a`` refuses, ``pbx-b`` takes over."""
    monitor = Monitor(Settings(nodes=("pbx-a", "pbx-b")), 0.0, active=0, epoch=1)
    moves: list[Event] = []

    def carry_out(now: float, alive: tuple[int, ...]) -> None:
        for do in monitor.take():
            if isinstance(do, SendProbe) and do.node in alive:
                monitor.evidence(Answered(do.node, do.probe, 200, now, now + 0.001))
            elif isinstance(do, Event) and do.case is not None:
                moves.append(do)

    for n in range(4):
        monitor.expire(0.5 * n)
        carry_out(0.5 * n, (0, 1))
    for n in range(5):
        at = 1.6 + 0.01 * n
        monitor.evidence(Refused(0, at))
        monitor.expire(at)
        carry_out(at, (1,))
    return moves[-1]
