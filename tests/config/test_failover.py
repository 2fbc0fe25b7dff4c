"""The window for fail-back: which hours it means, in which zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml

from sipfront.config import ConfigError
from sipfront.config.failover import Window
from sipfront.config.load import parse
from tests.config.build import RIGHT

BERLIN = ZoneInfo("Europe/Berlin")


def text(failover: str) -> str:
    return f"{yaml.safe_dump(RIGHT)}failover: {failover}\n"


def window(**what: object) -> Window:
    return Window.model_validate({"from": "02:00", "to": "04:00", "zone": "Europe/Berlin", **what})


def at(*when: int) -> float:
    """Wall clock in Berlin; 2026-06-01 is a Monday."""
    return datetime(*when, tzinfo=BERLIN).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("hour", "minute", "open_"), [(1, 59, False), (2, 0, True), (3, 59, True), (4, 0, False)]
)
def test_from_is_inside_and_to_is_not(hour: int, minute: int, open_: bool) -> None:
    assert window().open_at(at(2026, 6, 1, hour, minute)) is open_


def test_it_goes_by_the_clock_of_its_zone_in_summer_and_winter() -> None:
    summer = datetime(2026, 7, 1, 0, 30, tzinfo=ZoneInfo("UTC")).timestamp()
    winter = datetime(2026, 1, 1, 0, 30, tzinfo=ZoneInfo("UTC")).timestamp()
    assert window().open_at(summer)  # 02:30 there
    assert not window().open_at(winter)  # 01:30 there
    assert not window(zone="UTC").open_at(summer)


def test_over_midnight_it_belongs_to_the_day_on_which_it_begins() -> None:
    night = window(**{"from": "22:00", "to": "03:00", "days": ["sat"]})
    assert night.open_at(at(2026, 6, 6, 22, 0))
    assert night.open_at(at(2026, 6, 7, 2, 59))  # Sunday, still Saturday's
    assert not night.open_at(at(2026, 6, 7, 22, 0))
    assert not night.open_at(at(2026, 6, 6, 2, 0))


def test_a_time_without_quotes_is_understood() -> None:
    """YAML 1.1 reads 12:30 as the number 750."""
    made = parse(text(failover="{failback: window, window: {from: 12:30, to: 13:00}}"))[0]
    assert made.failover.window is not None
    assert (made.failover.window.from_, made.failover.window.to) == (750, 780)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{failback: window}", "failover.failback: failback: window needs to know when"),
        ('{window: {from: "02:00", to: "03:00"}}', "failover.window: is not used"),
        ('{failback: window, window: {from: "25:00", to: "03:00"}}', "must be a time of day"),
        ('{failback: window, window: {from: "02:00"}}', "is missing"),
        (
            '{failback: window, window: {from: "2:00", to: "3:00", days: [someday]}}',
            "must be 'mon'",
        ),
        (
            '{failback: window, window: {from: "2:00", to: "3:00", zone: Moon/Base}}',
            "no time zone that this machine knows",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text(failover=written))
    assert said in str(error.value)
