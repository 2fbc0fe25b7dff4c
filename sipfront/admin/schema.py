"""The words in which routes say what they take and give: JSON Schema, the part of it used here.

One value serves twice: the OpenAPI document shows it, and :func:`problem` holds queries and bodies
against it.  A schema is a plain mapping, so that anything JSON Schema knows may be added to it for
readers; only what :func:`problem` knows is checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Schema = dict[str, Any]

#: The longest piece of somebody's word that a refusal repeats.
WORD_MAX = 40


def text(what: str = "", **more: Any) -> Schema:
    """A string; ``maxLength``, ``pattern``, ``enum`` and ``default`` may be given."""
    return _made("string", what, more)


def integer(what: str = "", **more: Any) -> Schema:
    """A whole number; ``minimum``, ``maximum`` and ``default`` may be given."""
    return _made("integer", what, more)


def number(what: str = "", **more: Any) -> Schema:
    """A number."""
    return _made("number", what, more)


def boolean(what: str = "", **more: Any) -> Schema:
    """True or false."""
    return _made("boolean", what, more)


def array(of: Schema, what: str = "", **more: Any) -> Schema:
    """A list of one kind of thing."""
    return _made("array", what, {"items": of, **more})


def mapping(of: Schema, what: str = "") -> Schema:
    """Any names, each with one kind of value."""
    return _made("object", what, {"additionalProperties": of})


def record(
    its: Mapping[str, Schema], what: str = "", *, optional: Iterable[str] = (), closed: bool = False
) -> Schema:
    """An object with these members; ``closed``: and with no others, as bodies are."""
    left_out = set(optional)
    made = _made("object", what, {"properties": dict(its)})
    if required := [name for name in its if name not in left_out]:
        made["required"] = required
    if closed:
        made["additionalProperties"] = False
    return made


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    made = dict(schema, type=[schema["type"], "null"])
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made


def _made(kind: str, what: str, more: Mapping[str, Any]) -> Schema:
    return {"type": kind, **({"description": what} if what else {}), **more}


_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_SAID = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "null": "null",
}


def problem(schema: Schema, value: Any, name: str) -> str | None:
    """What is wrong with ``value``, as one sentence; None when nothing is."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(kind, value) for kind in kinds):
        return f"{name} must be {' or '.join(_SAID[kind] for kind in kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{name} must be one of {', '.join(str(one) for one in schema['enum'])}"
    if isinstance(value, str):
        return _text_problem(schema, value, name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_problem(schema, value, name)
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            return f"{name} has more than {schema['maxItems']} members"
        found = (problem(schema.get("items", {}), one, f"{name}[]") for one in value)
        return next(filter(None, found), None)
    if isinstance(value, dict):
        return _members_problem(schema, value)
    return None


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    # JSON Schema: 1.0 is a whole number as well.
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _PYTHON[kind])


def _text_problem(schema: Schema, value: str, name: str) -> str | None:
    if len(value) > schema.get("maxLength", len(value)):
        return f"{name} is longer than {schema['maxLength']} characters"
    if len(value) < schema.get("minLength", 0):
        return f"{name} is shorter than {schema['minLength']} characters"
    if (pattern := schema.get("pattern")) and not re.search(pattern, value):
        return f"{name} is not written as it must be: {pattern}"
    return None


def _number_problem(schema: Schema, value: float, name: str) -> str | None:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        if high is None:
            return f"{name} must be a number of at least {low}"
        return f"{name} must be a number from {low} to {high}"
    return None


def _members_problem(schema: Schema, value: dict[str, Any]) -> str | None:
    its = schema.get("properties", {})
    for word in schema.get("required", ()):
        if word not in value:
            return f"{word} is missing"
    if schema.get("additionalProperties") is False and (unknown := sorted(set(value) - set(its))):
        return not_understood(unknown[0], its)
    found = (problem(its[word], value[word], word) for word in value if word in its)
    return next(filter(None, found), None)


def not_understood(word: str, known: Iterable[str]) -> str:
    """The sentence about a name that nobody knows."""
    shown = word[:WORD_MAX].encode("ascii", "backslashreplace").decode()
    names = ", ".join(sorted(known)) or "nothing"
    return f"{shown!r} is not understood here, only {names}"
