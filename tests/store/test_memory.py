"""The store that forgets."""

from __future__ import annotations

from sipfront.store.memory import MemoryStore
from sipfront.store.port import Row, Store


def test_it_forgets_and_is_well() -> None:
    store: Store = MemoryStore()
    store.put([Row("leg", b"1", b"2")])
    assert store.load() == []
    assert store.health()[0]
    store.close()
