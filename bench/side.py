"""Fault runs side by side: ours and another proxy's, one row each.

Values and text; measures nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.figures import columns
from bench.report import LATER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report import Report

HEAD = (
    "fault",
    "by",
    "new calls",
    "failed",
    "caught, failed",
    "up, lost",
    "decision",
    "last call to it",
    "first good call",
    "hedged",
    "parked",
    f"later >{1000 * LATER:.0f} ms",
    "longest delay",
    "changes",
)


def rows(reports: Sequence[Report]) -> list[list[str]]:
    """The cells, the head first; times in milliseconds after the fault."""
    made = [list(HEAD)]
    for one in reports:
        extra, ours = one.extra, one.what == "sipfront"
        made.append(
            [
                one.fault,
                one.what,
                str(one.made),
                str(one.failed),
                str(one.caught_failed),
                str(one.cut + one.other),
                milliseconds(None if one.decision is None else one.decision[0]),
                milliseconds(one.last_to_it),
                milliseconds(one.first_good),
                str(one.counted("hedged")) if ours else "-",
                str(one.counted("parked")) if ours else "-",
                str(sum(1 for value in extra if value > LATER)),
                milliseconds(max([*extra, *one.caught], default=0.0)),
                str(one.changes) if ours else "-",
            ]
        )
    return made


def table(reports: Sequence[Report]) -> list[str]:
    """The rows as lines, those of one fault under each other."""
    order = list(dict.fromkeys(one.fault for one in reports))
    return columns(rows(sorted(reports, key=lambda one: order.index(one.fault))))


def as_json(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Everything that the runs showed."""
    return [one.as_json() for one in reports]


def milliseconds(seconds: float | None) -> str:
    """A time in a cell."""
    return "-" if seconds is None else f"{1000 * seconds:.0f} ms"
