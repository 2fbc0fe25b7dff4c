"""What is wrong with a configuration, and where: the values that ``sipfront check`` prints.

::

    ConfigError        every error of one file at once; theirs, never a bug of ours
"""

from __future__ import annotations

from typing import NamedTuple

#: A place in the configuration: keys and indices from the top.
Location = tuple[str | int, ...]


def dotted(location: Location) -> str:
    """``("front", "listen", 0, "at")`` as ``front.listen[0].at``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Finding(NamedTuple):
    """What a check has found, and where it belongs."""

    location: Location
    text: str
    warning: bool = False
    reads: tuple[Location, ...] = ()


class Problem(NamedTuple):
    """One error or warning.  ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int
    key: str
    text: str
    warning: bool = False

    def __str__(self) -> str:
        """``file:line:column: key: what is wrong``."""
        key = f"{self.key}: " if self.key else ""
        word = "warning: " if self.warning else ""
        return _printable(f"{self.file}:{self.line}:{self.column}: {word}{key}{self.text}")


def _printable(text: str) -> str:
    """One line, whatever was written in the file: keys may hold anything that YAML can escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` holds all errors (and the warnings)."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
