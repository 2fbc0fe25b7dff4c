"""Values of control as plain ones (what JSON has), and back.  Exact: floats keep every digit.

A stored failover must be readable by the next version: what is not known here any more is refused
with a sentence, never guessed.  Only the types named in :data:`TYPES` are made.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from enum import Enum
from typing import Any, Final

from sipfront.control import decision, evidence, moving, settings, verdict

TYPES: Final[dict[str, type]] = {
    made.__name__: made
    for made in (
        decision.Action,
        decision.Decision,
        decision.Mode,
        decision.NodeView,
        decision.Standing,
        decision.View,
        decision.Wish,
        evidence.Answered,
        evidence.Asked,
        evidence.Checked,
        evidence.HookDone,
        evidence.Overload,
        evidence.Refused,
        evidence.Silent,
        evidence.Spoke,
        evidence.Traffic,
        evidence.Unanswered,
        evidence.Witness,
        moving.Owed,
        moving.Pending,
        settings.Hook,
        settings.Probe,
        settings.Settings,
        verdict.State,
    )
}

_SEQUENCES: Final[dict[str, type]] = {"tuple": tuple, "list": list, "deque": deque, "set": set}


def encode(value: Any) -> Any:
    """``value`` in plain ones; raises TypeError for what is no value of control."""
    name = type(value).__name__
    if isinstance(value, Enum):
        return {"enum": name, "name": value.name}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if TYPES.get(name) is type(value):
        if dataclasses.is_dataclass(value):
            names = [field.name for field in dataclasses.fields(value)]
        else:
            names = list(getattr(value, "_fields", ()))
        return {"type": name, "fields": {key: encode(getattr(value, key)) for key in names}}
    if name in _SEQUENCES:
        return {name: [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(its)] for key, its in value.items()]}
    raise TypeError(f"{name} is no value of control")


def decode(plain: Any) -> Any:
    """The value again; raises ValueError, TypeError or KeyError for what was not encoded here."""
    if not isinstance(plain, dict):
        return plain
    if "enum" in plain:
        return _known(plain["enum"])[plain["name"]]
    if "float" in plain:
        return float(plain["float"])
    if "type" in plain:
        fields = {str(key): decode(its) for key, its in plain["fields"].items()}
        return _known(plain["type"])(**fields)
    for name, made in _SEQUENCES.items():
        if name in plain:
            return made(decode(item) for item in plain[name])
    if "dict" in plain:
        return {decode(key): decode(its) for key, its in plain["dict"]}
    raise ValueError(f"not understood: {sorted(plain)[:3]}")


def _known(name: Any) -> Any:
    try:
        return TYPES[str(name)]
    except KeyError:
        raise ValueError(f"{name!r} is not known (any more)") from None
