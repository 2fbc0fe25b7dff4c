"""Events and cases over restarts of the front, on a real file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipfront.runtime.chronicle import CASES, LATER, Chronicle
from sipfront.runtime.decisions import replayed
from sipfront.runtime.supervisor import EVENTS
from sipfront.store.memory import MemoryStore
from sipfront.store.port import Row
from sipfront.store.sqlite import SqliteStore
from tests.admin.fake import decided
from tests.runtime.moves import failover


def entry(number: int) -> dict[str, object]:
    return {"id": number, "at": 1e9 + number, "event": "word", "text": f"event {number}"}


def test_what_happened_is_known_after_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    before = Chronicle(store)
    before.restore(store.load())
    for number in range(1, 6):
        before.add(entry(number))
    event = failover()
    before.changed(event)
    before.close()
    store.close()

    store = SqliteStore(tmp_path / "state.db")
    after = Chronicle(store)
    after.restore(store.load())
    store.close()
    assert [e["text"] for e in after.events] == [f"event {n}" for n in range(1, 6)]
    assert after.count == 5
    case = after.case(event.epoch)
    assert case is not None
    assert replayed(case)["same"] is True
    assert after.case(99) is None


def test_old_events_and_cases_make_room(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    chronicle = Chronicle(store)
    for number in range(1, EVENTS + 21):
        chronicle.add(entry(number))
    event = failover()
    for epoch in range(1, CASES + 4):
        chronicle.changed(event._replace(epoch=epoch))
    chronicle.close()
    store.close()
    store = SqliteStore(tmp_path / "state.db")
    rows = store.load()
    store.close()
    assert sum(row.kind == "event" for row in rows) == EVENTS
    assert sum(row.kind == "case" for row in rows) == CASES
    assert chronicle.case(3) is None
    assert chronicle.case(4) is not None


def test_a_case_is_packed_later_and_can_be_asked_for_before() -> None:
    chronicle = Chronicle(MemoryStore())
    event = failover()
    chronicle.changed(event)
    chronicle.turn(event.at + LATER - 0.1)
    assert chronicle.case(event.epoch) is not None
    chronicle.turn(event.at + LATER)
    chronicle.close()
    assert chronicle.case(event.epoch) is not None


def test_what_cannot_be_read_is_forgotten() -> None:
    kept: list[Row] = []

    class Store(MemoryStore):
        def put(self, rows: list[Row]) -> None:
            kept.extend(rows)

    chronicle = Chronicle(Store())
    chronicle.restore([Row("event", b"\0" * 8, b"rubbish"), Row("case", b"\1" * 8, b"")])
    assert [(row.kind, row.value) for row in kept] == [("event", None), ("case", None)]


@pytest.mark.parametrize("epoch", [None, 2])
def test_questions_about_a_real_failover(epoch: int | None) -> None:
    told = decided().explain(epoch)
    assert told is not None
    assert told["rule"] == "failover"
    assert told["replay"] is True
    assert told["would_change"]
    assert decided().explain(77) is None
