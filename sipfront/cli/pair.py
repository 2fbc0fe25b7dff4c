"""What ``sipfront status`` says of the verdicts and of the probes; an older front may not know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.cli.text import age, held, plain, table

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Characters of a sentence in a table; ``--json`` has all of it.
SHORT = 60


def trouble(answer: Mapping[str, Any]) -> list[str]:
    """The line about the front itself, where something is wrong with it."""
    wrong = answer.get("trouble") or ("" if answer.get("healthy", True) else answer.get("store"))
    return [f"degraded: {plain(wrong)}"] if wrong else []


def verdicts(answer: Mapping[str, Any]) -> list[str]:
    """Each question about each node: its answer, and what that rests on."""
    rows = []
    for node in held(answer, "nodes"):
        words, grounds = node.get("verdicts"), node.get("grounds")
        if not isinstance(words, dict):
            continue
        why = grounds if isinstance(grounds, dict) else {}
        rows += [
            (plain(node.get("name")), plain(question), plain(word), plain(why.get(question)))
            for question, word in words.items()
        ]
    return ["", *table([("node", "verdict", "", "rests on"), *rows])] if rows else []


def probes(answer: Mapping[str, Any]) -> list[str]:
    """The last outcome of every probe at every node."""
    rows = [
        (
            plain(one.get("probe")),
            plain(one.get("node")),
            plain(one.get("question")),
            plain(one.get("outcome")),
            f"{age(one.get('age'))} ago",
            _short(plain(one.get("text"))),
        )
        for one in held(answer, "probes")
    ]
    head = ("probe", "node", "asks", "", "when", "what it says")
    return ["", *table([head, *sorted(rows)])] if rows else []


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 3] + "..."
