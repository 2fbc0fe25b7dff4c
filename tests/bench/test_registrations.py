"""The measurements of registrations, small."""

from __future__ import annotations

from bench import registrations


def test_a_small_storm() -> None:
    found = registrations.storm(60, 50.0)
    assert found.bad == []
    assert any("60 of 60 reachable through the other 0.0 s" in line for line in found.lines)


def test_a_short_day() -> None:
    found = registrations.day(12, 4.0, seed=3)
    assert found.bad == [], found.lines
    assert "agree" in found.lines[0]


def test_another_day_is_another() -> None:
    one, two = (registrations.day(6, 1.0, seed=seed) for seed in (1, 2))
    assert one.lines[1:2] != two.lines[1:2]


def test_costs() -> None:
    found = registrations.cost(300)
    assert found.bad == [], found.lines
