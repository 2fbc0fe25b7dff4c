"""The guard fails when a message has become dearer, and only then."""

from __future__ import annotations

import platform
from typing import Any

import pytest

from bench import guard, messages
from bench.messages import MessagesError, collected


def baseline(python: str = platform.python_version()) -> dict[str, Any]:
    return {
        "python": python,
        "instructions": {"interpreted": {"scan": 2.0, "edit": 1.0}, "compiled": {"scan": 0.5}},
        "times": {"interpreted": {"scan": 2.2}},
    }


def test_growth_beyond_the_band_is_bad() -> None:
    found = {"interpreted": {"scan": 2.07, "edit": 1.0}, "compiled": {"scan": 0.51}}
    verdicts = guard.judge(baseline(), found, count=True)
    assert [(v.build, v.piece) for v in verdicts if v.bad] == [("interpreted", "scan")]
    assert "interpreted, scan: 2.000 -> 2.070" in str(verdicts[0])
    assert "DEARER" in str(verdicts[0])
    assert "as before" in str(verdicts[1])


def test_another_python_of_the_same_version_gets_a_wider_band() -> None:
    found = {"interpreted": {"scan": 2.07}}
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
    verdict = guard.planted(lambda _: None, count=False)
    assert verdict.bad, verdict
    assert verdict.piece == "scan"


def test_what_callgrind_says_is_read() -> None:
    assert collected("==1== Events    : Ir\n==1== Collected : 333218070\n==1==\n") == 333218070
    with pytest.raises(MessagesError, match="did not say"):
        collected("valgrind: no such option")
