"""Plain values as lines of a terminal: columns, ages, and nothing that moves the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def plain(value: Any) -> str:
    """A value on a terminal: no control octet of anybody moves its cursor."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return text if len(text) <= 500 else text[:500] + "..."


def held(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The mappings in a list of an answer; an older front may not have it."""
    return [item for item in answer.get(key, []) if isinstance(item, dict)]


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of equal length, in columns; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def age(seconds: Any) -> str:
    """Seconds, as people say them."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return plain(seconds)
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "d"), (3600, "h")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.1f} min"
