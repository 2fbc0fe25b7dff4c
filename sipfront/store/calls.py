"""What every keeper of call records can do, and the one that keeps them in memory.

It knows columns and no SIP.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class CallRow(NamedTuple):
    """One call.  Times are seconds since the epoch of Unix, None: it did not happen."""

    id: str
    began: float
    rang: float | None
    answered: float | None
    ended: float | None
    ender: str
    status: int
    caller: str
    callee: str
    reached: str
    trunk_in: str
    trunk_out: str
    node: str
    node_end: str
    epoch: int
    done: str
    call_id: str
    other_call_id: str
    tag: str
    outside: int


class Wanted(NamedTuple):
    """Which calls are asked for; the newest ``limit`` of them.

    ``before``: only those with a smaller number (the next page); ``since`` and ``until``: by their
    beginning; ``party``: who is caller, callee or reached.
    """

    limit: int
    before: int = 0
    since: float = 0.0
    until: float = 0.0
    node: str = ""
    party: str = ""


#: A row with its number, which grows with every call that is written first.
Numbered = tuple[int, CallRow]


class CallStore(Protocol):
    """Where call records are kept."""

    def load(self) -> list[CallRow]:
        """The calls that were not over when the front ended.  May block."""

    def put(self, rows: list[CallRow], gone: Iterable[str] = ()) -> None:
        """Keep these (the newest of each id counts), forget ``gone``; returns at once."""

    def find(self, wanted: Wanted) -> list[Numbered]:
        """Newest first.  May block: call it in a thread."""

    def count(self) -> int:
        """Calls that are kept.  May block."""

    def health(self) -> tuple[bool, str]:
        """Whether what was put is, or is about to be, on disk; and a sentence."""

    def waiting(self) -> int:
        """Rows that are not written yet."""

    def close(self) -> None:
        """Write what waits, then end.  May block, a few seconds at most."""


class MemoryCalls:
    """The newest calls, in memory only: ``store: memory``."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._rows: dict[str, Numbered] = {}
        self._n = 0

    def load(self) -> list[CallRow]:
        """Nothing."""
        return []

    def put(self, rows: list[CallRow], gone: Iterable[str] = ()) -> None:
        """Keep the newest."""
        for row in rows:
            old = self._rows.get(row.id)
            if old is None:
                self._n += 1
            self._rows[row.id] = (self._n if old is None else old[0], row)
        for name in gone:
            self._rows.pop(name, None)
        while len(self._rows) > self._keep:
            del self._rows[next(iter(self._rows))]

    def find(self, wanted: Wanted) -> list[Numbered]:
        """Newest first."""
        rows = reversed(list(self._rows.values()))
        return list(islice((row for row in rows if fits(row, wanted)), wanted.limit))

    def count(self) -> int:
        """Calls that are kept."""
        return len(self._rows)

    def health(self) -> tuple[bool, str]:
        """It is what was asked for."""
        return True, "call records are kept in memory only"

    def waiting(self) -> int:
        """Nothing waits."""
        return 0

    def close(self) -> None:
        """Nothing to do."""


def fits(numbered: Numbered, wanted: Wanted) -> bool:
    """Whether a row is one of those that are asked for."""
    n, row = numbered
    if wanted.before and n >= wanted.before:
        return False
    if row.began < wanted.since or (wanted.until and row.began >= wanted.until):
        return False
    if wanted.node and wanted.node not in (row.node, row.node_end):
        return False
    return not wanted.party or wanted.party in (row.caller, row.callee, row.reached)
