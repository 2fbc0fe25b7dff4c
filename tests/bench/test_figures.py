"""Samples, their medians and spread, as a table, JSON and a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.figures import Figures, number


@pytest.fixture
def figures() -> Figures:
    made = Figures("calls", {"processor": "a fast one"})
    for value in (10.0, 30.0, 20.0):
        made.add("call", "us", "us CPU", value, failed=1)
    for value in (100.0, 100.0):
        made.add("call", "them", "us CPU", value)
    return made


def test_medians_and_spread(figures: Figures) -> None:
    ours = figures.find("call", "us")
    assert ours is not None
    assert (ours.median, ours.spread) == (20.0, 0.5)
    assert ours.notes == {"failed": 3}, "numbers are added up"
    assert figures.find("call", "nobody") is None


def test_the_table_divides_by_the_others(figures: Figures) -> None:
    text = "\n".join(figures.lines(("them",)))
    assert "processor: a fast one" in text
    assert "/ them" in text
    row = next(line for line in text.splitlines() if line.startswith("us "))
    assert row.split() == ["us", "20.0", "50", "%", "3", "0.20", "3"]


def test_what_is_saved_has_every_sample_and_a_picture(figures: Figures, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = figures.save(tmp_path / "new" / "folder")
    assert [file.suffix for file in files] == [".json", ".txt", ".png"]
    made = json.loads(files[0].read_text())
    assert made["figures"][0]["samples"] == [10.0, 30.0, 20.0]
    assert made["about"]["processor"] == "a fast one"
    assert files[2].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234.5, "1,234"), (12.34, "12.3")])
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
