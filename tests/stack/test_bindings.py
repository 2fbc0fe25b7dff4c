"""The table of bindings: three ways to find one, all of one mind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipfront.stack.bindings import Binding, Bindings
from sipfront.stack.flows import Flow, Listener, Transport

LISTENER = Listener(0, Transport.UDP, b"192.0.2.1", 5060, inside=False, bound=("192.0.2.1", 5060))
FLOW = Flow(1, LISTENER, "198.51.100.7", 5060)


def binding(name: str, aor: str = "1001@example.com", expires: float = 100.0) -> Binding:
    made = Binding(name.encode(), aor.encode(), b"sip:x@192.168.1.5", FLOW)
    made.expires = expires
    return made


def test_found_by_name_aor_and_user() -> None:
    table = Bindings(10, 10)
    one = binding("b1")
    table.put(one)
    assert table.get(b"b1") is one
    assert table.of(b"1001@example.com", 0.0) == [one]
    assert table.of_user(b"1001", 0.0) == [one]
    assert table.of_user(b"1002", 0.0) == []
    table.remove(one)
    assert (len(table), table.get(b"b1")) == (0, None)
    assert table.of_user(b"1001", 0.0) == []
    table.remove(one)  # twice is once


def test_expired_ones_are_not_found() -> None:
    table = Bindings(10, 10)
    table.put(binding("b1", expires=50.0))
    assert table.of(b"1001@example.com", 49.0)
    assert table.of(b"1001@example.com", 50.0) == []


def test_a_user_part_in_two_domains_is_nobodys() -> None:
    table = Bindings(10, 10)
    table.put(binding("b1", "1001@example.com"))
    two = binding("b2", "1001@example.net")
    table.put(two)
    assert table.of_user(b"1001", 0.0) == []
    table.remove(two)
    assert len(table.of_user(b"1001", 0.0)) == 1


def test_asked_for_by_people() -> None:
    """By address or by user part, in whatever domains, expired or not."""
    table = Bindings(10, 10)
    for name, aor in (("b1", "1001@example.com"), ("b2", "1001@example.net"), ("b3", "1002@a")):
        table.put(binding(name, aor))
    assert [b.name for b in table.called(b"1001@example.net")] == [b"b2"]
    assert [b.name for b in table.called(b"1001")] == [b"b1", b"b2"]
    assert table.called(b"100") == table.called(b"") == []


def test_room() -> None:
    table = Bindings(1, 10)
    table.put(binding("b1"))
    assert table.room(b"b1")
    assert not table.room(b"b2")


def test_an_aor_loses_its_oldest() -> None:
    table = Bindings(10, 2)
    for name, expires in (("b1", 30.0), ("b2", 20.0), ("b3", 10.0)):
        table.put(binding(name, expires=expires))
    assert sorted(b.name for b in table) == [b"b1", b"b3"]


def test_changes_are_told_once() -> None:
    table = Bindings(10, 10)
    table.put(binding("b0"))
    table.track()
    one, two = binding("b1"), binding("b2")
    table.put(one)
    table.put(two)
    table.remove(one)
    assert table.changes() == {b"b1": None, b"b2": two}
    assert table.changes() == {}


AORS = ["1@a", "1@b", "2@a", "3"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from(AORS))))
def test_the_ways_agree_after_every_step(steps: list[tuple[bool, int, str]]) -> None:
    table = Bindings(100, 3)
    for put, number, aor in steps:
        name = f"b{number}"
        if put:
            table.put(binding(name, aor, 10.0 + number))
        elif (held := table.get(name.encode())) is not None:
            table.remove(held)
        everybody = set(table)
        by_aor = [b for one in AORS for b in table.of(one.encode(), 0.0)]
        assert len(by_aor) == len(everybody) == len(table)
        assert set(by_aor) == everybody
        assert all(len(table.of(one.encode(), 0.0)) <= 3 for one in AORS)
        assert {b for who in (b"1", b"2", b"3") for b in table.called(who)} == everybody
        ones = {b.aor for b in everybody if b.aor.startswith(b"1@")}
        assert bool(table.of_user(b"1", 0.0)) == (len(ones) == 1)
