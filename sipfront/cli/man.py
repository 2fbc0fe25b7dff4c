"""``sipfront man``: the manual page sipfront(1), made from the same tree as the help.

Imports the standard library only, as the whole parser does: the package's build makes the page.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipfront import __version__
from sipfront.cli.tree import Verb, verbs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

FINE = 0
ABOUT = """\
Print the manual page, in the language of man(7). The package installs it as sipfront(1).
"""

_FILES = (
    ("/etc/sipfront/sipfront.yaml", "the configuration; every key is in the sample of the package"),
    ("/var/lib/sipfront/keys", "the keys of the tokens; what belongs in the backup"),
    ("/var/lib/sipfront/token", "the token of the admin side, for its owner only"),
    ("/var/lib/sipfront/state.db", "dialogs, bindings, roles and events"),
)
_ENVIRONMENT = (
    ("SIPFRONT_CONFIG", "the configuration by which the verbs find the front"),
    ("SIPFRONT_TOKEN", "the token, instead of its file"),
)
_CODES = (("0", "fine"), ("1", "the thing asked for failed"), ("2", "bad usage or configuration"))


def add(parser: argparse.ArgumentParser, whole: argparse.ArgumentParser) -> None:
    """``whole`` is the parser of the command."""
    parser.set_defaults(whole=whole)


def run(args: argparse.Namespace) -> int:
    """``sipfront man``."""
    print(page(args.whole), end="")
    return FINE


def page(parser: argparse.ArgumentParser) -> str:
    """The page."""
    lines = [
        f'.TH SIPFRONT 1 "" "sipfront {__version__}" "User Commands"',
        ".SH NAME",
        "sipfront \\- the fixed front door of a hot-standby pair of PBXs",
        ".SH SYNOPSIS",
        ".B sipfront",
        ".I VERB",
        "[\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        *_prose(parser.description or ""),
        ".SH VERBS",
    ]
    tree = verbs(parser)
    for verb in tree:
        lines += _verb(verb)
    shared = {verb.epilog.partition("\n\n")[2] for verb in tree} - {""}
    if shared:
        lines += [".SH HOW THE FRONT IS FOUND", *_prose(min(shared))]
    lines += [".SH FILES", *_listed(_FILES)]
    lines += [".SH ENVIRONMENT", *_listed(_ENVIRONMENT)]
    lines += [".SH EXIT STATUS", *_listed(_CODES)]
    lines += [".SH EXAMPLES", *_literal(_examples(parser.epilog or ""))]
    return "\n".join(lines) + "\n"


def _verb(verb: Verb) -> Iterator[str]:
    usage = re.sub(r"\[-h\] ?", "", verb.usage)
    yield f".SS {_plain(verb.name)}"
    yield f"\\fB{_plain(usage)}\\fR"
    yield ".PP"
    yield from _prose(verb.about)
    for option in verb.options:
        if option.flags[:1] == ("-h",):
            continue
        flags = ", ".join(f"\\fB{_plain(flag)}\\fR" for flag in option.flags)
        name = f"\\fI{_plain(option.name)}\\fR" if option.name else ""
        yield ".TP"
        yield " ".join(part for part in (flags, name) if part)
        yield _line(option.help)
    examples = verb.epilog.partition("\n\n")[0]
    if examples.startswith("example"):
        yield ".PP"
        yield from _literal(examples.splitlines()[1:])


def _examples(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("  ")]


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; what is indented stays as it is."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.splitlines()
        flowing = [line for line in lines if not line.startswith("  ")]
        kept = [line for line in lines if line.startswith("  ")]
        yield from map(_line, flowing)
        if kept:
            yield from _literal(kept)
        yield ".PP"


def _literal(lines: Iterable[str]) -> Iterator[str]:
    yield ".nf"
    yield from map(_line, lines)
    yield ".fi"


def _listed(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, what in pairs:
        yield ".TP"
        yield f"\\fB{_plain(name)}\\fR"
        yield _line(what)


def _plain(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _line(text: str) -> str:
    """A line of text: nothing in it is a command of troff."""
    text = _plain(text)
    return f"\\&{text}" if text[:1] in (".", "'") else text
