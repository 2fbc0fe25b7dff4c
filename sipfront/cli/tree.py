"""The verbs and their options as plain values, read from argparse: what completion and the manual
page are made of, so that neither can say anything else than `--help` does.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Option(NamedTuple):
    """One option or argument of a verb."""

    flags: tuple[str, ...]  #: empty: a positional argument
    name: str  #: what stands for its value; empty: it takes none
    help: str
    choices: tuple[str, ...]
    needed: bool

    @property
    def is_file(self) -> bool:
        """Is its value the name of a file or folder?"""
        return self.name.lower() in {"file", "folder"}

    @property
    def is_node(self) -> bool:
        """Is its value the name of a node?"""
        return self.name.lower() == "node"


class Verb(NamedTuple):
    """One verb."""

    name: str
    help: str
    about: str
    epilog: str
    usage: str
    options: tuple[Option, ...]

    @property
    def positionals(self) -> tuple[Option, ...]:
        """Its arguments."""
        return tuple(option for option in self.options if not option.flags)

    @property
    def flagged(self) -> tuple[Option, ...]:
        """Its options."""
        return tuple(option for option in self.options if option.flags)


def verbs(parser: argparse.ArgumentParser) -> list[Verb]:
    """All verbs of the command, in the order of its help."""
    # argparse offers no other way to read what was put into it.
    group = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in group._choices_actions}
    return [_verb(name, helps.get(name, ""), sub) for name, sub in group.choices.items()]


def _verb(name: str, help_: str, parser: argparse.ArgumentParser) -> Verb:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    options = tuple(map(_option, parser._actions))
    return Verb(name, help_, parser.description or "", parser.epilog or "", usage, options)


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    name = str(action.metavar or action.dest) if takes else ""
    choices = tuple(map(str, action.choices)) if action.choices else ()
    help_ = (action.help or "").replace("%%", "%")
    return Option(tuple(action.option_strings), name, help_, choices, action.required)
