from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sipfront.config.tracing import Trace
from sipfront.runtime.tape import BLOCK, FULL_AGE, OVERHEAD, Tape
from sipfront.stack.flows import Flow, Listener, Transport

if TYPE_CHECKING:
    from sipfront.runtime.tape import Entry

FLOW = Flow(
    1,
    Listener(0, Transport.UDP, b"192.0.2.1", 5060, inside=False, bound=("192.0.2.1", 5060)),
    "192.0.2.9",
    5060,
)


def entry(at: float, data: bytes = b"x") -> Entry:
    return at, FLOW, data, False


def held(tape: Tape, now: float) -> list[tuple[int, Entry]]:
    return [pair for first, entries in tape.pieces(now) for pair in enumerate(entries, first)]


def test_what_passed_is_there_in_order_with_its_number() -> None:
    tape = Tape(Trace())
    for n in range(3 * BLOCK + 5):
        tape.add(entry(float(n), b"%d" % n))
        if n % 50 == 0:
            tape.turn(float(n))
    tape.add_all([entry(500.0, b"a"), entry(500.0, b"b")])
    found = held(tape, 500.0)
    assert [number for number, _ in found] == list(range(1, 3 * BLOCK + 8))
    assert [data for _, (_, _, data, _) in found[-3:]] == [b"%d" % (3 * BLOCK + 4), b"a", b"b"]


def test_what_is_too_old_is_not_shown_and_goes() -> None:
    tape = Tape(Trace(age=10))
    tape.add(entry(0.0))
    tape.add(entry(8.0))
    assert len(held(tape, 9.0)) == 2
    assert [number for number, _ in held(tape, 11.0)] == [2]
    tape.turn(8.0 + FULL_AGE)  # a block is closed though it is not full
    tape.turn(18.1)
    assert held(tape, 18.1) == []
    assert tape.gauges() == {"trace_messages": 0, "trace_octets": 0}


def test_nothing_is_kept_when_nothing_is_wanted() -> None:
    tape = Tape(Trace(messages=0))
    assert tape.wanted is None
    assert not tape.on
    tape.note(0.0, "call hedged", "c1", "")
    assert not tape.notes
    tape.bound(Trace())
    assert tape.wanted is tape


def test_notes_grow_old_too() -> None:
    tape = Tape(Trace(age=10))
    tape.note(0.0, "call hedged", "c1", "to b")
    tape.note(5.0, "call moved", "c1", "")
    tape.turn(11.0)
    assert [note.event for note in tape.notes] == ["call moved"]


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 400_000)), max_size=60),
    st.integers(1, 200),
    st.integers(1, 3),
)
def test_the_bounds_hold_after_every_turn(
    batches: list[tuple[float, int]], messages: int, megabytes: int
) -> None:
    tape = Tape(Trace(messages=messages, megabytes=megabytes, age=30))
    now = 0.0
    for pause, size in batches:
        now += pause
        tape.add_all([entry(now, b"x" * (size // 40))] * 40)
        tape.turn(now)
        entries = [one for _, one in held(tape, now)]
        fresh = 2 * BLOCK  # what is not closed yet
        assert len(entries) <= messages + fresh
        octets = sum(len(data) + OVERHEAD for _, _, data, _ in entries[:-fresh])
        assert octets <= megabytes << 20
        assert all(at >= now - 30 for at, *_ in entries)
