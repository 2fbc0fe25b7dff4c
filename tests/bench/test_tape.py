from __future__ import annotations

import pytest

from bench import tape


def test_both_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they cost is for a quiet machine to say."""
    monkeypatch.setattr(tape, "SAMPLES", 3)
    monkeypatch.setattr(tape, "CALLS", 20)
    monkeypatch.setattr(tape, "ADDED", 2_000)
    found = tape.measured()
    assert found["call_us"] == pytest.approx(tape.MESSAGES * found["message_us"], rel=0.05)
    assert 0 < found["share_percent"] < 100
