"""When each call was sent, rang, was answered and ended, read from SIPp's short message log.

SIPp's own response times have steps of 4 ms; the log stamps every message with microseconds of
the wall clock, taken when it was sent or read.  Values only; starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class CallTiming:
    """One call as one agent saw it.  Moments are seconds since 1970; None is "never seen"."""

    call_id: str
    started: float  #: the first INVITE
    sends: int  #: INVITEs before the answer: retransmissions and the one with credentials count
    ringing: float | None = None  #: the first provisional response above 100
    answered: float | None = None  #: the first 2xx to INVITE
    status: int = 0  #: the last final status of the first INVITE transaction(s); 0 is "none"
    ended: float | None = None  #: the first BYE
    ended_here: bool = False  #: whether that BYE was sent by this agent

    @property
    def set_up(self) -> float | None:
        """Seconds from the first INVITE to the 2xx."""
        return None if self.answered is None else self.answered - self.started

    @property
    def post_dial(self) -> float | None:
        """Seconds from the first INVITE to the first ringing."""
        return None if self.ringing is None else self.ringing - self.started


class _Call:
    __slots__ = ("answered", "ended", "ended_here", "ringing", "sends", "started", "status")

    def __init__(self, started: float) -> None:
        self.started = started
        self.sends = 0
        self.ringing: float | None = None
        self.answered: float | None = None
        self.status = 0
        self.ended: float | None = None
        self.ended_here = False


def timings(lines: Iterable[str]) -> tuple[CallTiming, ...]:
    """Read the log, in the order in which the calls began; a torn last line is left out."""
    calls: dict[str, _Call] = {}
    for line in lines:
        cells = line.rstrip("\n").split("\t")
        if len(cells) < 7 or not line.endswith("\n"):
            continue
        try:
            at = float(cells[2])
        except ValueError:
            continue
        _take(calls, at, cells[3] == "S", cells[4], cells[5], cells[6])
    return tuple(
        CallTiming(
            call_id=call_id,
            started=call.started,
            sends=call.sends,
            ringing=call.ringing,
            answered=call.answered,
            status=call.status,
            ended=call.ended,
            ended_here=call.ended_here,
        )
        for call_id, call in calls.items()
    )


def _take(
    calls: dict[str, _Call], at: float, sent: bool, call_id: str, cseq: str, first: str
) -> None:
    """One message of the log."""
    call = calls.get(call_id)
    if first.startswith("INVITE "):
        if call is None:
            call = calls[call_id] = _Call(at)
        if call.answered is None:
            call.sends += 1
    elif call is None:
        return
    elif first.startswith("BYE "):
        if call.ended is None:
            call.ended, call.ended_here = at, sent
    elif first.startswith("SIP/2.0 ") and cseq.endswith("INVITE") and call.answered is None:
        code = first[8:11]
        status = int(code) if code.isdigit() else 0
        if 100 < status < 200 and call.ringing is None:
            call.ringing = at
        elif status >= 200:
            call.status = status
            if status < 300:
                call.answered = at


def spread(values: Sequence[float]) -> dict[str, float]:
    """The distribution of some seconds: min, p50, p90, p99, max; empty when there are none."""
    if not values:
        return {}
    ordered = sorted(values)
    last = len(ordered) - 1
    named = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: ordered[round(share * last)] for name, share in named.items()}
