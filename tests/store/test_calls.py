from __future__ import annotations

from sipfront.store.calls import MemoryCalls, Wanted, fits
from tests.store.calls import call


def test_the_newest_are_kept() -> None:
    store = MemoryCalls(3)
    store.put([call(n) for n in range(5)])
    assert [row.id for _, row in store.find(Wanted(10))] == ["call4", "call3", "call2"]
    store.put([call(4, status=486)], gone=["call3"])
    assert [(n, row.status) for n, row in store.find(Wanted(10))] == [(5, 486), (3, 200)]
    assert (store.count(), store.load(), store.waiting()) == (2, [], 0)
    assert store.health()[0]
    store.close()


def test_none_are_kept() -> None:
    store = MemoryCalls(0)
    store.put([call(1)])
    assert store.find(Wanted(10)) == []


def test_what_is_asked_for() -> None:
    row = call(7)
    assert fits((3, row), Wanted(1))
    assert fits((3, row), Wanted(1, before=4, since=7.0, until=7.5, node="pbx-b"))
    assert fits((3, row), Wanted(1, party="7@example.com"))
    for unwanted in (
        Wanted(1, before=3),
        Wanted(1, since=7.5),
        Wanted(1, until=7.0),
        Wanted(1, node="pbx-c"),
        Wanted(1, party="8@example.com"),
    ):
        assert not fits((3, row), unwanted)
