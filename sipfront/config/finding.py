"""What a check of the whole configuration is and finds; the checks register themselves here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sipfront.config.model import Config
    from sipfront.config.problem import Location


class Finding(NamedTuple):
    """What a check has found, and where it belongs."""

    location: Location
    text: str
    warning: bool = False
    reads: tuple[Location, ...] = ()


Check = Callable[["Config"], Iterator[Finding]]
CHECKS: list[tuple[tuple[Location, ...], Check]] = []


def reads(*paths: str) -> Callable[[Check], Check]:
    """Register a check that reads these keys."""

    def register(check: Check) -> Check:
        CHECKS.append((tuple(tuple(path.split(".")) for path in paths), check))
        return check

    return register
