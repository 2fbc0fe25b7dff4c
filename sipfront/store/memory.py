"""No store: what is put is forgotten with the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.store.port import Row


class MemoryStore:
    """For trials and tests: ``store: memory``."""

    def load(self) -> list[Row]:
        """Nothing."""
        return []

    def put(self, rows: list[Row]) -> None:
        """Forget them."""

    def health(self) -> tuple[bool, str]:
        """It is what was asked for."""
        return True, "state is kept in memory only"

    def close(self) -> None:
        """Nothing to do."""
