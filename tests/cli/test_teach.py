from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from sipfront.cli.main import make_parser
from sipfront.cli.teach import EXAMPLES
from sipfront.cli.tree import Verb, verbs
from tests.pages import ROOT

TREE = verbs(make_parser())


@pytest.mark.parametrize("verb", TREE, ids=lambda verb: verb.name)
def test_every_verb_teaches(verb: Verb) -> None:
    assert verb.help
    assert verb.about.strip().endswith((".", ")")), "a sentence says what it does"
    assert re.match(r"examples?:\n  \S", verb.epilog), "an example in sipfront/cli/teach.py"
    for option in verb.options:
        assert option.help, f"{option.flags or option.name} says what it is for"


def test_examples_are_of_verbs_that_exist() -> None:
    assert set(EXAMPLES) == {verb.name for verb in TREE}


@pytest.mark.parametrize(
    "command", [command for shown in EXAMPLES.values() for command, _ in shown]
)
def test_examples_can_be_typed(command: str) -> None:
    subprocess.run(["bash", "-n"], input=command, text=True, check=True, timeout=10)
    own = re.search(r"sipfront [^|>)]*", command)
    assert own is not None
    make_parser().parse_args(shlex.split(own[0])[1:])


def test_the_parser_needs_nothing_that_must_be_installed() -> None:
    """The build makes the manual page of it, and Tab waits for it."""
    text = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom sipfront.cli import completion, man\n"
    )
    text += "from sipfront.cli.main import make_parser; man.page(make_parser())"
    command = [sys.executable, "-I", "-S", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
