"""Kinds of values that need more than their own text: bounds of durations, and paths that count from
a folder which the reader of the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from sipfront.config.values import format_duration


def between(low: float, high: float) -> AfterValidator:
    """A duration inside these bounds, both in seconds."""

    def check(value: float) -> float:
        if not low <= value <= high:
            bounds = f"{format_duration(low)} and {format_duration(high)}"
            raise ValueError(f"must be between {bounds}")
        return value

    return AfterValidator(check)


def _file(value: Any, info: ValidationInfo) -> Any:
    """A path that is not absolute counts from the folder of the configuration file."""
    return _under("base", value, info)


def state_path(value: Any, info: ValidationInfo) -> Any:
    """A path that is not absolute counts from the state folder."""
    return _under("state", value, info)


def _under(which: str, value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        if not value.strip() or "\0" in value:
            raise ValueError("must be a path")
        value = Path(value).expanduser()
    folder = (info.context or {}).get(which)
    return Path(folder) / value if folder and isinstance(value, Path) else value


FilePath = Annotated[Path, BeforeValidator(_file)]
StatePath = Annotated[Path, BeforeValidator(state_path)]
