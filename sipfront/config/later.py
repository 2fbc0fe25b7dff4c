"""What the configuration will understand and does not yet.

A key or a value that would be ignored is a lie, so it is refused in words: a reader of the
documentation learns that it is not a typing error, and what to do meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Keys, with ``[]`` for any element of a list: what to do meanwhile.
KEYS = {
    "leases": "one front decides alone",
}

#: Values of keys that exist: key -> value -> what to do meanwhile.
VALUES = {
    "store": {
        "redis": "use sqlite or memory",
    },
}


def sentence(what: str, meanwhile: str) -> str:
    """The whole refusal."""
    return f"{what} is known, but not available in this version: {meanwhile}"


def later(key: str) -> Callable[[Any], Any]:
    """A validator that refuses the values of ``key`` which come later."""
    values = VALUES[key]

    def check(value: Any) -> Any:
        if isinstance(value, str):
            word = value.partition(":")[0].strip().lower()
            if word in values:
                raise ValueError(sentence(repr(value), values[word]))
        return value

    return check
