"""Named targets: bounded, and what changes is known once."""

from __future__ import annotations

from sipfront.stack.named import Named, NamedTargets


def test_the_oldest_goes_first_and_use_makes_young() -> None:
    named = NamedTargets(2)
    named.put(b"a", Named(0, None, b"sip:a"))
    named.put(b"b", Named(0, None, b"sip:b"))
    named.put(b"a", Named(0, None, b"sip:a"))
    named.put(b"c", Named(0, None, b"sip:c"))
    assert list(named) == [b"a", b"c"]
    assert len(named) == 2
    assert named.get(b"b") is None


def test_changes_are_told_once_and_the_same_again_is_none() -> None:
    named = NamedTargets(2)
    named.put(b"a", Named(0, None, b"sip:a"))
    assert named.changes() == {}  # nobody asked
    named.track()
    named.put(b"a", Named(0, None, b"sip:a"))
    assert named.changes() == {}
    new = Named(1, None, b"sip:b")
    named.put(b"b", new)
    assert named.changes() == {b"b": new}
    assert named.changes() == {}
    named.put(b"c", new)
    assert named.changes() == {b"a": None, b"c": new}
    named.remove(b"c")
    named.remove(b"c")
    assert named.changes() == {b"c": None}
