"""The words of ``python -m bench``."""

from __future__ import annotations

import argparse

import pytest

from bench.__main__ import one_of


def test_no_word_is_an_empty_list_in_every_python() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", nargs="*", type=one_of(("kill", "freeze")))
    assert parser.parse_args([]).fault == []
    assert parser.parse_args(["kill", "kill"]).fault == ["kill", "kill"]


def test_a_wrong_word_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", nargs="*", type=one_of(("kill", "freeze")))
    with pytest.raises(SystemExit):
        parser.parse_args(["bribe"])
    assert "'bribe' is none of kill, freeze" in capsys.readouterr().err
