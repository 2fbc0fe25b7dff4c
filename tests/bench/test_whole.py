"""One run of everything: what cannot be measured is named, a promise not kept is an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import whole
from bench.figures import Figures
from bench.goals import OURS, PLAIN, Found
from bench.subjects import SubjectError


def calls(ours: float) -> Figures:
    made = Figures("calls", {"processor": "one"})
    made.add("call", OURS, "us CPU", ours)
    made.add("call", PLAIN, "us CPU", 100.0)
    return made


def missing(_: object) -> Figures:
    raise SubjectError("no Kamailio here")


@pytest.mark.parametrize(("ours", "code"), [(50.0, 0), (90.0, 1)])
def test_parts_make_one_table(
    ours: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = {"calls": lambda _: calls(ours), "rates": missing, "scale": missing}
    monkeypatch.setattr(whole, "parts", lambda *, full: made)
    only = ("calls", "rates")
    assert whole.run(lambda _: None, tmp_path / "results", full=False, only=only) == code
    said = capsys.readouterr().out
    assert "note: rates: SubjectError: no Kamailio here" in said
    assert ("FALLS SHORT" in said) == (code == 1)
    left = json.loads((tmp_path / "results/bench.json").read_text())
    assert left["parts"]["calls"]["figures"][0]["samples"] == [ours]
    assert left["missing"] == {"rates": "SubjectError: no Kamailio here"}
    assert (tmp_path / "results/calls.txt").exists()


def test_both_lengths_measure_what_is_promised() -> None:
    short, full = whole.parts(full=False), whole.parts(full=True)
    assert set(short) <= set(full)
    assert {"calls", "registers", "laden", "rates", "scale"} <= set(short)


def test_results_stay_out_of_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIPFRONT_RESULTS", str(tmp_path))
    assert whole.folder() == tmp_path
    monkeypatch.delenv("SIPFRONT_RESULTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert whole.folder() == tmp_path / "cache/sipfront-bench"


def test_nothing_measured_is_no_promise_kept(tmp_path: Path) -> None:
    assert whole.conclude(Found(missing={"calls": "why"}), tmp_path, 60.0) == 0
    text = (tmp_path / "bench.txt").read_text()
    assert "kept" not in text.replace("not kept", "")
    assert text.count("not measured") > 10
