"""Roles, modes and what was done lately come back from the store; what cannot be read is forgotten."""

from __future__ import annotations

import pytest

from sipfront.control.monitor import Monitor
from sipfront.control.past import Left, Past
from sipfront.control.settings import Hook, Settings
from sipfront.control.verdict import NEVER
from sipfront.runtime.persist import pack
from sipfront.runtime.roles import Roles, restored, rows, stored_past, stored_roles
from sipfront.store.port import Row

NAMES = ("pbx-a", "pbx-b")
SETTINGS = Settings(NAMES, hooks=(Hook("demote"),))
PAST = Past(90.0, (10.0, 90.0), (50.0,), (Left(0, 12, "no route"),))
MODES = ("maintenance", "in-service")


def monitor(past: Past = PAST) -> Monitor:
    return Monitor(SETTINGS, 100.0, 1, 12, MODES, past)


def test_all_of_it_comes_back_on_another_clock() -> None:
    """The machine was started anew: the monotonic clock is another one."""
    stored = rows(monitor(), 1000.0)
    assert stored_roles(stored) == Roles("pbx-b", 12, dict(zip(NAMES, MODES, strict=True)))
    back = restored(SETTINGS, stored, 30.0, 1080.0)
    assert (back.active, back.epoch) == (1, 12)
    assert [mode.value for mode in back.modes] == list(MODES)
    assert back.past == PAST.moved(lambda at: at - 80.0)
    assert restored(SETTINGS, rows(monitor(Past()), 0.0), 30.0, 0.0).past == Past()


def test_a_wall_clock_that_was_set_back_holds_nothing_down_for_longer() -> None:
    back = restored(SETTINGS, rows(monitor(), 1000.0), 30.0, 500.0)
    assert back.past.last_change == 30.0
    assert back.past.voluntary == (30.0, 30.0)


def test_a_file_of_before_has_no_past_and_keeps_its_roles() -> None:
    only = [Row("roles", b"", pack(("pbx-b", 12, {"pbx-a": "maintenance"})))]
    back = restored(SETTINGS, only, 30.0, 0.0)
    assert (back.active, back.epoch, back.past) == (1, 12, Past())
    assert back.modes[0].value == "maintenance"


def test_nodes_go_by_their_names() -> None:
    other = Settings(("pbx-c", "pbx-a"), hooks=(Hook("demote"),))
    back = restored(other, rows(monitor(), 0.0), 200.0, 0.0)
    assert back.active is None
    assert back.past.owed == (Left(1, 12, "no route"),)


@pytest.mark.parametrize(
    "value",
    [b"", b"noise", pack(None), pack((1,)), pack((2, 1.0, (), (), {})), pack((1, "x", (), (), {})),
     pack((1, None, (None,), (), {})), pack((1, None, (), (), {"pbx-a": 7}))],
)  # fmt: skip
def test_a_past_that_cannot_be_read_is_forgotten(value: bytes) -> None:
    assert stored_past([Row("past", b"", value)], NAMES) == Past(NEVER)


def test_roles_that_cannot_be_read_are_forgotten() -> None:
    for value in (b"", b"noise", pack(None), pack((1,)), pack((None, "x", 1)), pack((None, 1, 1))):
        assert stored_roles([Row("roles", b"", value)]) is None
    assert stored_roles([]) is None
    assert restored(SETTINGS, [], 5.0, 0.0).active is None
