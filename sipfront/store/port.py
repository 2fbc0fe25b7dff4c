"""What every store can do.  The loop never waits for one."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Row(NamedTuple):
    """One thing that is kept; ``value`` None: forget it."""

    kind: str
    key: bytes
    value: bytes | None


class StoreError(Exception):
    """The store cannot be used; the text says what, where, and what to do."""


class Store(Protocol):
    """Rows that outlive the process."""

    def load(self) -> list[Row]:
        """Everything that is kept; called once, before anything is put.  May block."""

    def put(self, rows: list[Row]) -> None:
        """Keep these rows, in this order; returns at once."""

    def health(self) -> tuple[bool, str]:
        """Whether everything that was put is, or is about to be, safe; and a sentence."""

    def close(self) -> None:
        """Write what waits, then end.  May block, a few seconds at most."""
