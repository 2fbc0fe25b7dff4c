from __future__ import annotations

import json

import pytest

from sipfront.cli import main, waiting
from sipfront.cli.waiting import left
from tests.cli.conftest import Front


def test_it_waits_until_nothing_is_left(
    front: Front, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LOOK", 0.0)
    monkeypatch.setattr(waiting, "LINE", 0.0)
    front.pair.left = [3, 2, 1, 0]
    words = ["drain", "b", "--wait", "--force-after", "10m", *front.where]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "b is now drain" in told.out
    lines = told.err.splitlines()
    assert lines[0] == "b: drain for 1 min 1 s, 3 dialogs left, ended in 10 min 0 s"
    assert lines[-1] == "b: drain for 1 min 1 s, nothing left"
    assert front.pair.force_after == 600


def test_somebody_else_resumes_it(
    front: Front, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    front.pair.left = [5]

    def resumed(_: float) -> None:
        front.pair.modes["b"] = "in-service"

    monkeypatch.setattr("sipfront.cli.waiting.time.sleep", resumed)
    assert main(["maintenance", "b", "--wait", *front.where]) == 1
    assert "not being drained any more" in capsys.readouterr().err


def test_status_shows_it(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.pair.modes["b"] = "drain"
    front.pair.left = [1]
    assert main(["status", *front.where]) == 0
    assert "b: drain for 1 min 1 s, 1 dialog left\n" in capsys.readouterr().out
    assert main(["status", "--json", *front.where]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert [node["draining"] for node in nodes] == [
        None,
        {"for": 61.0, "left": 1, "force_in": None},
    ]


def test_spans() -> None:
    node = {"name": "a", "mode": "drain", "draining": {"for": 7300.0, "left": 2, "force_in": 5.0}}
    assert left(node) == "a: drain for 2 h 1 min, 2 dialogs left, ended in 5 s"
    assert left({"name": "a", "mode": "drain"}) == "a: drain for -, nothing left"


@pytest.mark.parametrize("time_", ["8d", "x", "-1s"])
def test_times_that_cannot_be(front: Front, time_: str) -> None:
    assert main(["drain", "b", f"--force-after={time_}", *front.where]) == 2
