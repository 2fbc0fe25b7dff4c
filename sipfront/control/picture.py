"""A picture of a monitor: every value that its next answer depends on, and the way back.

The parts that only point to each other (settings, the pair within the book) are made anew by the
monitor itself; rings are left out, because they only remember what was told.
"""

from __future__ import annotations

from typing import Any, Final

from sipfront.control.codec import decode, encode
from sipfront.control.moving import Hooks
from sipfront.control.pace import Pace
from sipfront.control.questions import Answers, Asked
from sipfront.control.verdict import Verdict
from sipfront.control.watch import Watch

#: what is no value but a way to somebody else
POINTERS: Final = frozenset({"s", "_s", "pair", "ring", "probe", "_book", "_pair", "_teller"})
#: parts with values of their own
PARTS: Final = (Answers, Asked, Hooks, Pace, Verdict, Watch)


def draw(part: object) -> dict[str, Any]:
    """All values of ``part`` and its parts."""
    return {name: _draw(getattr(part, name)) for name in _names(part)}


def _draw(value: Any) -> Any:
    if isinstance(value, PARTS):
        return {"part": draw(value)}
    if isinstance(value, tuple) and value and isinstance(value[0], PARTS):
        return {"parts": [draw(item) for item in value]}
    if isinstance(value, dict) and value and all(isinstance(i, PARTS) for i in value.values()):
        return {"named": {name: draw(item) for name, item in value.items()}}
    return encode(value)


def _names(part: object) -> list[str]:
    names = getattr(type(part), "__slots__", None) or vars(part)
    return [name for name in names if name not in POINTERS]


def restore(part: object, drawn: dict[str, Any]) -> None:
    """Give ``part`` the values that were drawn; raises KeyError, TypeError, AttributeError or
    ValueError for a picture of something else."""
    names = set(_names(part))
    for name, value in drawn.items():
        if name not in names:
            raise AttributeError(f"{type(part).__name__} has no {name} (any more)")
        _restore(part, name, value)


def _restore(part: object, name: str, value: Any) -> None:
    held = getattr(part, name)
    if isinstance(value, dict) and "part" in value:
        restore(held, value["part"])
    elif isinstance(value, dict) and "parts" in value:
        for item, drawn in zip(held, value["parts"], strict=True):
            restore(item, drawn)
    elif isinstance(value, dict) and "named" in value:
        for key, drawn in value["named"].items():
            restore(held[key], drawn)
    else:
        setattr(part, name, decode(value))
