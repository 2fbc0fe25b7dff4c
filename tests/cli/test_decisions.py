"""``explain`` and ``replay`` against a real HTTP side and a real decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sipfront.cli import main
from tests.cli.conftest import Front


def test_explain(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *front.where]) == 0
    out = capsys.readouterr().out
    assert "epoch 2, failover" in out
    assert "a is left for b" in out
    assert "Rule: failover: a DOWN active is always left for a ready node" in out
    assert "It took 0.03" in out
    assert "  refused     node 0" in out
    assert "What would have changed it:\n  - if a were up: a stays active" in out
    assert "Now: b stays active" in out
    assert "What would change that:\n  - if a were up and b were down: b is left for a" in out
    assert main(["explain", "2", "--json", *front.where]) == 0
    assert json.loads(capsys.readouterr().out)["event"]["epoch"] == 2
    assert main(["explain", "9", *front.where]) == 1
    assert "nothing is known (any more) of epoch 9" in capsys.readouterr().err


def test_why_not(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--why-not", "a", *front.where]) == 0
    out = capsys.readouterr().out
    assert "a is not active because of this:" in out
    assert "  NO  up: a is DOWN (refused 4 times" in out
    assert "  yes in service" in out
    assert main(["explain", "--why-not", "c", *front.where]) == 1
    assert "no such node: c (a, b)" in capsys.readouterr().err


def test_what_if(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--what-if", "b=down,a=ready", *front.where]) == 0
    out = capsys.readouterr().out
    assert "If b down, a ready: a would become active" in out
    assert "rule: failover" in out
    assert main(["explain", "--what-if", "b=down", *front.where]) == 0
    assert "no role would change" in capsys.readouterr().out
    assert main(["explain", "--what-if", "b=asleep", *front.where]) == 1
    assert "can be assumed up, suspect" in capsys.readouterr().err
    assert main(["explain", "--what-if", "b", *front.where]) == 1


def test_saved_and_replayed(
    front: Front, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "failover.json"
    assert main(["explain", "2", "--save", str(file), *front.where]) == 0
    assert "epoch 2 is in" in capsys.readouterr().out
    assert main(["replay", str(file)]) == 0
    out = capsys.readouterr().out
    assert "stored: epoch 2, failover to b (failover): a is left for b" in out
    assert "again:  epoch 2, failover to b (failover): a is left for b" in out
    assert "the same answer, from" in out
    assert main(["replay", str(file), "--set", "refusals=9"]) == 1
    assert "again:  no role changed\nANOTHER answer" in capsys.readouterr().out
    assert main(["replay", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same"] is True


def test_what_cannot_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none.json")]) == 2
    file = tmp_path / "x.json"
    file.write_text("{}")
    assert main(["replay", str(file)]) == 2
    assert "no stored failover" in capsys.readouterr().err
    file.write_text("[[[")
    assert main(["replay", str(file)]) == 2
    assert main(["replay", str(file), "--set", "mood=3"]) == 2


def test_a_file_that_cannot_be_written(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--save", "/nowhere/x.json", *front.where]) == 1
    assert "/nowhere/x.json" in capsys.readouterr().err
