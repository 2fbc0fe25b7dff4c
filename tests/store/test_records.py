"""The table of calls: what is put is there, whatever the disk does meanwhile."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sipfront.store import records
from sipfront.store.calls import Wanted
from sipfront.store.records import SqliteCalls
from tests.store.calls import call

LIMIT = 10.0


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., SqliteCalls]]:
    made: list[SqliteCalls] = []

    def make(keep: int = 1000, age: float = 1e12, **more: object) -> SqliteCalls:
        made.append(SqliteCalls(tmp_path / "x" / "calls.db", keep, age, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for store in made:
        store.close()


def until(found: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT
    while not found():
        assert time.monotonic() < end
        time.sleep(0.005)


def written(store: SqliteCalls) -> None:
    until(lambda: store.waiting() == 0)


def ids(store: SqliteCalls, **wanted: object) -> list[str]:
    return [row.id for _, row in store.find(Wanted(**{"limit": 100, **wanted}))]  # type: ignore[arg-type]


def test_what_was_put_is_there_after_a_restart(opened: Callable[..., SqliteCalls]) -> None:
    store = opened()
    assert store.load() == []
    store.put([call(1), call(2, None)])
    store.put([call(3)], gone=["call1"])
    store.close()
    again = opened()
    assert again.load() == [call(2, None)]
    assert again.load() == []
    found = again.find(Wanted(10))
    assert [row for _, row in found] == [call(3), call(2, None)]
    assert found[0][0] > found[1][0]
    assert again.count() == 2
    assert oct(again.path.stat().st_mode)[-3:] == "600"
    assert again.health() == (True, f"call records are written to {again.path}")


def test_a_call_is_one_row(opened: Callable[..., SqliteCalls]) -> None:
    store = opened()
    store.put([call(1, None)])
    written(store)
    store.put([call(1, status=487)])
    written(store)
    assert store.find(Wanted(10)) == [(1, call(1, status=487))]


def test_what_waits_is_found_as_well(opened: Callable[..., SqliteCalls]) -> None:
    store = opened()
    store.put([call(1, None), call(2)])
    written(store)
    lock = sqlite3.connect(store.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    store.put([call(1, status=500), call(3)])
    assert ids(store) == ["call3", "call2", "call1"]
    assert store.find(Wanted(10))[-1][1].status == 500
    assert ids(store, limit=2) == ["call3", "call2"]
    assert ids(store, before=2) == ["call1"]
    assert ids(store, since=3.0) == ["call3"]
    lock.execute("ROLLBACK")
    lock.close()
    written(store)
    assert ids(store) == ["call3", "call2", "call1"]


def test_pages_and_filters(opened: Callable[..., SqliteCalls]) -> None:
    store = opened()
    store.put([call(n) for n in range(1, 8)])
    written(store)
    page = store.find(Wanted(3))
    assert [n for n, _ in page] == [7, 6, 5]
    assert [n for n, _ in store.find(Wanted(3, before=5))] == [4, 3, 2]
    assert ids(store, since=6.0) == ["call7", "call6"]
    assert ids(store, until=2.0) == ["call1"]
    assert ids(store, node="pbx-b") == ["call7", "call5", "call3", "call1"]
    assert ids(store, party="4@example.com") == ["call4"]
    assert ids(store, party="1001@example.com'; DROP TABLE calls; --") == []


def test_no_more_are_kept_than_wanted_and_none_that_is_too_old(
    opened: Callable[..., SqliteCalls], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PRUNE", 0.0)
    store = opened(5, 1000.0, wall=lambda: 1008.0)
    store.put([call(1, None), *(call(n) for n in range(2, 12))])
    written(store)
    # The first one is up.  7 is one of the newest five, but older than a thousand seconds.
    assert ids(store) == ["call11", "call10", "call9", "call8", "call1"]


def test_pruning_goes_by_slices(
    opened: Callable[..., SqliteCalls], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BATCH", 4)
    monkeypatch.setattr(records, "PRUNE", 0.0)
    store = opened(2)
    store.put([call(n) for n in range(20)])
    written(store)
    for n in range(20, 30):
        store.put([call(n)])
        written(store)
    assert ids(store) == ["call29", "call28"]


def test_a_disk_that_is_full_loses_nothing_that_there_is_room_for(
    opened: Callable[..., SqliteCalls], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "RETRY", 0.01)
    monkeypatch.setattr(records, "WAITING", 5)
    store = opened()
    full = threading.Event()
    full.set()
    write = records._at_once

    def maybe(*given: object) -> None:
        if full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(records, "_at_once", maybe)
    store.put([call(0, None)])
    until(lambda: not store.health()[0])
    assert "disk is full" in store.health()[1]
    for n in range(1, 20):
        store.put([call(n)])
    assert store.waiting() <= 2 * records.WAITING
    assert store.lost > 0
    assert ids(store)[:5] == [f"call{n}" for n in range(19, 14, -1)]
    full.clear()
    written(store)
    until(lambda: store.health()[0])
    assert ids(store)[:5] == [f"call{n}" for n in range(19, 14, -1)]


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    path.write_bytes(b"no database at all" * 100)
    store = SqliteCalls(path, 10, 1e12)
    store.put([call(1)])
    written(store)
    store.close()
    assert len(list(tmp_path.glob("calls.db.damaged-*"))) == 1
    assert SqliteCalls(path, 10, 1e12).count() == 1


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    store = SqliteCalls(path, 10, 1e12)
    assert (store.load(), store.health()[0]) == ([], False)
    assert "version 99" in store.health()[1]
    store.put([call(1)])
    assert ids(store) == ["call1"]
    store.close()
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteCalls(tmp_path / "file" / "calls.db", 10, 1e12)
    store.put([call(1)])
    until(lambda: not store.health()[0])
    assert ids(store) == ["call1"]
    assert store.count() == 0
    store.close()


def test_a_frozen_disk_is_told(opened: Callable[..., SqliteCalls]) -> None:
    clock = [0.0]
    store = opened(now=lambda: clock[0])
    store._since = 0.0
    clock[0] = 3.0
    assert "has not taken a write for 3 s" in store.health()[1]


def test_the_same_invite_long_after_overwrites_nothing(opened: Callable[..., SqliteCalls]) -> None:
    store = opened()
    first = call(1)
    store.put([first])
    written(store)
    assert first.ended is not None
    later = first._replace(began=first.ended + 60, ended=None, status=200)
    store.put([later])
    written(store)
    store.put([later._replace(ended=later.began + 1)])
    written(store)
    found = [row for _, row in store.find(Wanted(10))]
    assert [row.began for row in found] == [later.began, first.began]
    assert found[1] == first._replace(id=f"{first.id}-1")
    store.put([found[0]])  # what is known of a call may be written again
    written(store)
    assert store.count() == 2
