from __future__ import annotations

import json

import pytest

from sipfront.cli import main
from tests.cli.conftest import Front


def test_bindings(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bindings", *front.where]) == 0
    out = capsys.readouterr().out
    assert "1001@example.com" in out
    assert "1002@example.com" in out
    assert main(["bindings", "1001@example.com", "--json", *front.where]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["aor"] == "1001@example.com"
    assert main(["bindings", "nobody", *front.where]) == 0
    assert capsys.readouterr().out == "no phone is registered\n"
    assert main(["bindings", "--limit", "1", *front.where]) == 0
    assert "the first 1" in capsys.readouterr().out


def test_one_binding_in_detail(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bindings", "1001@example.com", *front.where]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1001@example.com\n")
    assert "  reachable:    yes" in out
    assert "  at pbx-a:     540 s" in out
    assert "  at pbx-b:     no" in out


@pytest.mark.usefixtures("looks")
def test_bindings_are_watched(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    main(["bindings", "--watch", *front.where])
    assert capsys.readouterr().out.count("1002@example.com") == 3


def test_history(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.pair.log = [{"at": 1.5, "event": "down", "text": "a refused\x1b[2J"}]
    assert main(["history", *front.where]) == 0
    out = capsys.readouterr().out
    assert ".500  down" in out
    assert "\x1b" not in out


def test_a_limit_is_a_number(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--limit", "0", *front.where]) == 2
    assert "1 to 1000" in capsys.readouterr().err
