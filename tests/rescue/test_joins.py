"""Nobody is joined with a stranger: 10,000 interleavings of calls, and rules that are broken on purpose."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from sipfront.rescue import calls
from sipfront.rescue.calls import Fate, given_up
from sipfront.rescue.pairing import Pairing
from sipfront.stack.dialog import Leg
from tests.rescue.build import NODE
from tests.rescue.sim import Pbx

RUNS = 10_000
STEPS = 30
FIRST = int(os.environ.get("SIPFRONT_SEED", "1"))


def joins(seed: int) -> tuple[Pbx, list[tuple[Leg, Leg]]]:
    """One interleaving, and whom the front would join when the first node dies."""
    pbx = Pbx(seed)
    pbx.play(STEPS)
    found = []
    for verdict in given_up(0, pbx.legs, pbx.ended, (NODE,)):
        if verdict is not None and verdict.fate is Fate.KEEP:
            assert verdict.other is not None
            found.append((verdict.leg, verdict.other))
    return pbx, found


def count(runs: int) -> tuple[int, list[int]]:
    """Right joins, and the seeds with a wrong one."""
    right, wrong = 0, []
    for seed in range(FIRST, FIRST + runs):
        pbx, found = joins(seed)
        for one, other in found:
            if pbx.wrong(one, other):
                wrong.append(seed)
            else:
                right += 1
    return right, wrong


def test_no_strangers_are_joined() -> None:
    right, wrong = count(RUNS)
    print(
        f"\n  {RUNS} interleavings, seeds {FIRST} to {FIRST + RUNS - 1}: "
        f"{right} right joins, {len(wrong)} wrong"
    )
    assert wrong == []
    assert right > RUNS / 20  # or the rule would be certain of nothing


def _crowds_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pairing, "_alone", lambda *_: True)


def _the_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "halves", lambda *_: [])


def _correlation_beats_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pairing, "_contradicts", lambda *_: False)
    monkeypatch.setattr(
        Pairing, "ended", lambda self, gone: self.said(gone.party, gone.outside_sdp)
    )


def _two_of_many_with_one_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(self: Pairing, leg: Leg) -> Leg | None:
        legs = self._by_correlation.get(leg.correlation, []) if leg.correlation else []
        return next((o for o in legs if o is not None and self._fits(leg, o)), None)

    monkeypatch.setattr(Pairing, "_correlated", first)


@pytest.mark.parametrize(
    "broken",
    [
        _crowds_do_not_matter,
        _the_ended_are_forgotten,
        _correlation_beats_descriptions,
        _two_of_many_with_one_correlation,
    ],
)
def test_a_broken_rule_is_found(
    broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of the rule is there for a reason: without it strangers are joined."""
    broken(monkeypatch)
    right, wrong = count(2_000)
    print(f"\n  {broken.__name__}: {right} right, {len(wrong)} wrong, first seeds {wrong[:5]}")
    assert wrong
