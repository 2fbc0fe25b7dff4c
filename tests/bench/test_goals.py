"""The table of promises says what was measured, and never calls a miss kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import goals
from bench.figures import Figures
from bench.goals import BLIND, FULL, KEPT, MISSING, OURS, PLAIN, SHORT, Found
from bench.report import Report

SDP = 600


def found() -> Found:
    calls = Figures("calls", {})
    for name, values in ((OURS, (50.0, 60.0, 70.0)), (PLAIN, (120.0,) * 3), (BLIND, (30.0,) * 3)):
        for value in values:
            calls.add("call", name, "us CPU", value)
    town = Figures("laden", {})
    for value in (1.0, 1.5, 9.0):
        town.add(goals.DELAY + "p99", FULL, "ms", value)
    for value in (8.0, 25.0):
        town.add(goals.DELAY + "longest", FULL, "ms", value)
    rates = Figures("rates", {})
    notes = {"failed": 3, "sent_again": 1, "dropped_anywhere": 0, "dropped_at_it": 0, "core": "9 %"}
    rates.add("3000 calls/s for 60 s", OURS, "calls/s reached", 2990.0, **notes)
    faults = [
        Report("kill", "extension", 20, 14, 1, fault_at=10.0, set_ups=[(1, 0.1), (11, 0.3)]),
        Report("kill", "extension", 20, 14, 1, what="Kamailio", made=280, failed=4),
    ]
    return Found({"calls": calls, "laden": town, "rates": rates}, faults, {"scale": "no room"})


def verdicts() -> dict[str, str]:
    return {row[0]: row[3] for row in goals.rows(found(), SDP)[1:]}


def test_each_promise_has_its_verdict() -> None:
    made = verdicts()
    assert made["CPU of a call: compiled / Kamailio 6.1"] == KEPT
    assert made["CPU of a call: compiled / Kamailio 6.1 with topoh"] == MISSING
    assert made["3,000 calls/s: calls that failed"] == SHORT
    assert made["3,000 calls/s: datagrams dropped"] == KEPT
    assert made["full: delay of a message, p99"] == KEPT
    assert made["kill: new calls that failed"] == KEPT
    assert made["freeze: new calls that failed"] == MISSING


def test_a_stall_is_the_longest_of_all_rounds_and_not_their_median() -> None:
    row = next(row for row in goals.rows(found(), SDP) if row[0] == "full: longest stall")
    assert row[1] == "25.0 ms"
    assert row[3] == SHORT


def test_the_table_shows_samples_spread_and_what_is_missing() -> None:
    text = goals.lines(found(), SDP)
    first = next(
        line for line in text if line.startswith("CPU of a call: compiled / Kamailio 6.1 ")
    )
    assert "0.50" in first
    assert "<= 0.60 (0.5)" in first
    assert "17 %" in first
    assert "60.0 / 120 us CPU" in first
    assert text[-1] == "note: scale: no room"
    fault = next(line for line in text if line.startswith("kill"))
    assert "Kamailio: 4 of 280" in fault


def test_the_octets_of_a_call_are_allowed_its_sdp() -> None:
    by_name = {goal.what: goal for goal in goals.goals(SDP)}
    assert by_name["memory of a call up"].most == 5600


def test_the_same_as_json_and_as_a_picture(tmp_path: Path) -> None:
    made = {row["what"]: row for row in goals.as_json(found(), SDP)}
    assert made["CPU of a call: compiled / Kamailio 6.1"]["value"] == 0.5
    assert made["memory of a binding"]["verdict"] == MISSING
    pytest.importorskip("matplotlib")
    assert goals.draw(found(), SDP, ["a machine"], tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert not goals.draw(Found(), SDP, [], tmp_path / "none.png"), "nothing to draw"
