"""How a SIPp ended, and what it counted.

Values only: reads the rows of SIPp's statistics file and its exit code, starts nothing.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.sipp.timing import CallTiming


#: A complaint of SIPp: date, time and seconds, then what it is about.
_COMPLAINT = re.compile(r"\d\t[\d:.]+\t[\d.]+: (.*)")


class SippError(Exception):
    """SIPp could not be used: not installed, no such scenario, a wrong setting, not ready in time."""


class SippFailed(SippError):
    """SIPp ran and did not succeed; ``results`` says how, one per agent."""

    def __init__(self, results: tuple[Result, ...]) -> None:
        super().__init__("; ".join(str(result) for result in results))
        self.results = results


class Outcome(enum.Enum):
    """What SIPp's exit code means."""

    SUCCESS = "all calls were successful"
    CALLS_FAILED = "at least one call failed"
    STOPPED = "stopped by its time limit or by a command inside the scenario"
    NO_CALLS = "ended normally without a call"
    BIND_FAILED = "the local address could not be bound"
    FATAL = "fatal error"
    KILLED = "killed before it ended"


#: SIPp's exit code when its ``-timeout`` passed.
CODE_STOPPED = 97

_CODES = {
    0: Outcome.SUCCESS,
    1: Outcome.CALLS_FAILED,
    CODE_STOPPED: Outcome.STOPPED,
    99: Outcome.NO_CALLS,
    254: Outcome.BIND_FAILED,
    255: Outcome.FATAL,
}


def outcome(code: int, stats: Stats | None) -> Outcome:
    """Name an exit code; a negative one is the signal that ended the process.

    SIPp also exits with 1 when it cannot read its scenario or an option, and with 0 when it was
    asked to stop before the first call: the statistics tell these from a call that failed and
    from calls that succeeded.
    """
    if code < 0:
        return Outcome.KILLED
    named = _CODES.get(code, Outcome.FATAL)
    if named is Outcome.CALLS_FAILED and (stats is None or stats.created == 0):
        return Outcome.FATAL
    if named is Outcome.SUCCESS and (stats is None or stats.created == 0):
        return Outcome.NO_CALLS
    return named


@dataclass(frozen=True, slots=True)
class Stats:
    """One row of SIPp's statistics: totals since its start, times in seconds."""

    at: float  #: seconds since 1970, SIPp's clock
    elapsed: float  #: since the start of this SIPp
    created: int
    current: int  #: calls that are up now, see ``up``
    successful: int
    failed: int
    retransmissions: int
    unexpected: int  #: calls that failed because of a message that the scenario did not expect
    auto_answered: int = 0  #: OPTIONS and others that SIPp answered by itself
    failures: Mapping[str, int] = field(default_factory=dict)  #: why calls failed, none that is 0

    @property
    def up(self) -> int:
        """Calls that are up, without what SIPp takes for calls after it answered an OPTIONS.

        Every Call-ID that began with an automatic answer waits for its INVITE for ever.
        """
        return max(0, self.current - self.auto_answered)

    @classmethod
    def parse(cls, header: str, row: str) -> Stats | None:
        """Read a row by the names in the header; None when it is not whole yet."""
        names, cells = header.rstrip("\n").split(";"), row.rstrip("\n").split(";")
        if len(cells) < len(names) or not row.endswith("\n"):
            return None
        table = dict(zip(names, cells, strict=False))

        def total(name: str) -> int:
            return int(float(table.get(f"{name}(C)", "0") or 0))

        failures = {
            name.removeprefix("Failed").removesuffix("(C)"): total(name.removesuffix("(C)"))
            for name in names
            if name.startswith("Failed") and name.endswith("(C)") and name != "FailedCall(C)"
        }
        at = _epoch(table["CurrentTime"])
        return cls(
            at=at,
            elapsed=at - _epoch(table["StartTime"]),
            created=int(table["TotalCallCreated"]),
            current=int(table["CurrentCall"]),
            successful=total("SuccessfulCall"),
            failed=total("FailedCall"),
            retransmissions=total("Retransmissions"),
            unexpected=failures.get("UnexpectedMessage", 0),
            auto_answered=total("AutoAnswered"),
            failures={name: count for name, count in failures.items() if count},
        )


def _epoch(cell: str) -> float:
    """The seconds since 1970 in a cell like ``2026-01-31<TAB>12:00:00.123456<TAB>1769860800.1``."""
    return float(cell.split("\t")[2])


@dataclass(frozen=True, slots=True)
class Result:
    """What one agent did."""

    name: str
    outcome: Outcome
    code: int
    stats: Stats | None
    errors: str = ""  #: the end of what SIPp complained about
    calls: tuple[CallTiming, ...] = ()  #: only when the agent was made with ``timings=True``

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a server without a call, or stopped by us, has not failed."""
        return self.outcome in {Outcome.SUCCESS, Outcome.NO_CALLS} and not self.failed

    @property
    def failed(self) -> int:
        """How many calls failed."""
        return self.stats.failed if self.stats else 0

    def __str__(self) -> str:
        counted = ""
        if self.stats:
            counted = f", {self.stats.successful} successful, {self.stats.failed} failed"
            if self.stats.failures:
                counted += f" ({', '.join(f'{k} {v}' for k, v in self.stats.failures.items())})"
        complaints = _COMPLAINT.findall(self.errors) if not self.ok else []
        last = f": {complaints[-1]}" if complaints else ""
        return f"{self.name}: {self.outcome.value}{counted}{last}"
