"""The guard fails when a message has become dearer, and only then."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import pytest

from bench import guard, messages, pieces, speed
from bench.builds import INTERPRETED, Build
from bench.messages import MessagesError, collected


def baseline(python: str = platform.python_version()) -> dict[str, Any]:
    return {
        "python": python,
        "instructions": {"interpreted": {"scan": 2.0, "edit": 1.0}, "compiled": {"scan": 0.5}},
        "times": {"interpreted": {"scan": 2.2}},
    }


def test_growth_beyond_the_band_is_bad() -> None:
    found = {"interpreted": {"scan": 2.12, "edit": 1.0}, "compiled": {"scan": 0.51}}
    verdicts = guard.judge(baseline(), found, count=True)
    assert [(v.build, v.piece) for v in verdicts if v.bad] == [("interpreted", "scan")]
    assert "interpreted, scan: 2.000 -> 2.120" in str(verdicts[0])
    assert "DEARER" in str(verdicts[0])
    assert "as before" in str(verdicts[1])


def test_another_python_of_the_same_version_gets_a_wider_band() -> None:
    found = {"interpreted": {"scan": 2.12}}
    assert not any(v.bad for v in guard.judge(baseline("3.11.0"), found, count=True))
    assert any(
        v.bad for v in guard.judge(baseline("3.11.0"), {"interpreted": {"scan": 2.3}}, count=True)
    )


def test_times_are_judged_by_times() -> None:
    assert not any(
        v.bad for v in guard.judge(baseline(), {"interpreted": {"scan": 2.9}}, count=False)
    )
    assert any(v.bad for v in guard.judge(baseline(), {"interpreted": {"scan": 3.1}}, count=False))


def test_cheaper_is_said_and_fine() -> None:
    (verdict,) = guard.judge(baseline(), {"compiled": {"scan": 0.4}}, count=True)
    assert not verdict.bad
    assert "cheaper" in str(verdict)


def test_what_the_baseline_does_not_know_is_not_judged() -> None:
    assert guard.judge(baseline(), {"other": {"scan": 9.0}}, count=True) == []
    assert guard.judge({}, {"interpreted": {"scan": 9.0}}, count=True) == []


def test_a_planted_slowdown_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By times, which any machine can take; CI plants one under the counter as well."""
    timed = messages.timed
    monkeypatch.setattr(messages, "timed", lambda build: timed(build, sample=0.02, samples=3))
    found = guard.measured(str, count=False, chosen=(INTERPRETED,))
    verdict = guard.planted(str, found, count=False)
    assert verdict.bad, verdict
    assert verdict.piece == "scan"


def counts(build: Build, _: object, names: object = None) -> dict[str, float]:
    slow = 2.0 if build.name == "planted" else 1.0
    return {pieces.REFERENCE: 10.0, "scan": 20.0 * slow, "edit": 10.0}


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A counter that always counts the same, and a baseline that it made."""
    file = tmp_path / "baseline.json"
    monkeypatch.setattr(guard, "BASELINE", file)
    monkeypatch.setattr(guard, "builds", lambda: [INTERPRETED])
    monkeypatch.setattr(guard.shutil, "which", lambda _: "valgrind")
    monkeypatch.setattr(messages, "counted", counts)
    monkeypatch.setattr(messages, "timed", lambda _: {pieces.REFERENCE: [1.0], "scan": [2.0]})
    guard.update(str)
    return file


def test_a_run_judges_everything_and_then_what_was_planted(counter: Path) -> None:
    verdicts, remarks = guard.run(str, plant=True)
    assert [(v.build, v.piece, v.bad) for v in verdicts] == [
        ("interpreted", "edit", False),
        ("interpreted", "scan", False),
        ("planted", "scan", True),
    ]
    assert remarks == []


def test_the_command_fails_for_a_dearer_message_and_for_a_blind_guard(
    counter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = argparse.Namespace(verb="guard", update=False, planted=True, json=False)
    assert speed.run(words) == 0
    monkeypatch.setattr(guard, "OTHER", 5.0)
    assert speed.run(words) == 1
    assert "guards nothing" in capsys.readouterr().out
    monkeypatch.undo()
    made = json.loads(counter.read_text())
    made["instructions"]["interpreted"]["scan"] = 1.8
    counter.write_text(json.dumps(made))
    monkeypatch.setattr(guard, "BASELINE", counter)
    monkeypatch.setattr(guard, "builds", lambda: [INTERPRETED])
    monkeypatch.setattr(guard.shutil, "which", lambda _: "valgrind")
    monkeypatch.setattr(messages, "counted", counts)
    assert speed.run(words) == 1
    assert "DEARER" in capsys.readouterr().out


def test_without_a_baseline_of_this_python_nothing_is_judged(
    counter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.write_text(json.dumps({**json.loads(counter.read_text()), "python": "3.9.1"}))
    verdicts, remarks = guard.run(str)
    assert verdicts == []
    assert "nothing judged" in remarks[0]
    counter.unlink()
    assert guard.run(str) == ([], ["there is no baseline yet: python -m bench guard --update"])
    assert [v.build for v in guard.run(str, plant=True)[0]] == ["planted"]


def test_what_callgrind_says_is_read() -> None:
    assert collected("==1== Events    : Ir\n==1== Collected : 333218070\n==1==\n") == 333218070
    with pytest.raises(MessagesError, match="did not say"):
        collected("valgrind: no such option")
