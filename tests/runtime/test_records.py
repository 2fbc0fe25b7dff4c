"""Call records between an engine and a table, over restarts of the front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.runtime.records import LONGEST, Recorder, open_calls, party
from sipfront.sip import headers as h
from sipfront.stack.records import RESUMED
from sipfront.store.calls import CallRow, MemoryCalls, Wanted
from sipfront.store.records import SqliteCalls
from tests.runtime.lives import OFFSET, Kept, again, begun
from tests.stack.test_records import Talk, talking
from tests.stack.world import NODE_A, World, answer, octets, request

NAMES = ("pbx-a", "pbx-b")


class Table(MemoryCalls):
    """A table that outlives its engines."""

    def load(self) -> list[CallRow]:
        return [row for _, row in self._rows.values() if row.ended is None]

    @property
    def rows(self) -> list[CallRow]:
        return [row for _, row in self._rows.values()]


class Life:
    """A front with a store and a table, and the fronts after it."""

    def __init__(self) -> None:
        self.world = World()
        self.kept = Kept()
        self.table = Table(100)
        self.saving = begun(self.world, self.kept)
        self.recorder = self._recorder(remembered=False)

    def _recorder(self, *, remembered: bool) -> Recorder:
        made = Recorder(self.world.engine.shared, self.table, NAMES, OFFSET)
        made.restore(remembered=remembered, now=self.world.now)
        return made

    def save(self) -> None:
        self.saving.save()
        self.recorder.save(self.world.now)

    def killed(self, *, forget: bool = False) -> World:
        """The front is killed with -9 and started again."""
        if forget:
            self.kept = Kept()
        self.world, self.saving = again(self.world, self.kept)
        self.recorder = self._recorder(remembered=not forget)
        return self.world


def up() -> tuple[Life, Talk]:
    life = Life()
    talk = talking(life.world)
    life.save()
    return life, talk


def test_a_call_is_written_when_it_is_answered_and_when_it_ends() -> None:
    life, talk = up()
    (row,) = life.table.rows
    assert row.began == pytest.approx(OFFSET + 1000.0)
    assert (row.caller, row.callee) == ("1001@example.com", "1002@example.com")
    assert (row.node, row.node_end, row.ended, row.status) == ("pbx-a", "pbx-a", None, 200)
    (live,) = life.recorder.live("", 10)
    assert (live["state"], live["reached"], live["end"]) == ("up", "1002@example.com", None)
    assert life.recorder.live("pbx-b", 10) == []
    assert life.recorder.live("pbx-a", 10) == [live]
    assert life.recorder.gauges() == {"records_waiting": 0}
    life.world.now += 7
    talk.bye("caller")
    life.save()
    (row,) = life.table.rows
    assert (row.ended, row.ender) == (pytest.approx(OFFSET + life.world.now), "caller")
    assert life.recorder.live("", 10) == []


@pytest.mark.parametrize("forget", [False, True])
def test_a_call_that_was_up_is_completed_after_a_kill_of_the_front(forget: bool) -> None:
    life, talk = up()
    talk.world = life.killed(forget=forget)
    assert len(life.recorder.live("", 10)) == 1
    talk.world.now += 10
    talk.bye("caller")
    life.save()
    (row,) = life.table.rows
    assert (row.ender, row.done, row.status) == ("caller", "front restarted", 200)
    assert row.ended == pytest.approx(OFFSET + talk.world.now)


def test_the_callee_ends_it_after_the_restart() -> None:
    life, talk = up()
    talk.world = life.killed()
    talk.bye("callee")
    talk.world.now += 0.01
    talk.bye("node")
    life.save()
    assert [row.ender for row in life.table.rows] == ["callee"]


def test_a_call_that_ended_unseen_is_told_so() -> None:
    """The dialog ended, and the front was killed before the record was written."""
    life, talk = up()
    talk.bye("caller")
    for leg in life.world.engine.shared.legs:
        life.world.engine.shared.legs.remove(leg)
    life.saving.save()
    life.killed()
    life.save()
    (row,) = life.table.rows
    assert (row.ender, row.done) == ("nobody", "front restarted")
    assert row.ended is not None


def test_a_call_in_set_up_is_one_call_over_the_restart() -> None:
    life = Life()
    invite = request("INVITE", "sip:9@example.com")
    life.world.hear(life.world.phone(), invite)
    life.world.now += 1
    life.save()
    (before,) = life.table.rows
    world = life.killed()
    (sent,) = world.hear(world.phone(), invite)
    world.hear(sent.flow, answer(sent, 200, tag="n", contact=f"<sip:9@{NODE_A}>"))
    life.save()
    (row,) = life.table.rows
    assert (row.id, row.began) == (before.id, before.began)
    assert (row.status, row.done) == (200, "front restarted")
    assert sent.message.value(h.CALL_ID) == b"c1"


def test_a_call_in_set_up_that_does_not_come_back_is_over() -> None:
    life = Life()
    life.world.hear(life.world.phone(), request("INVITE", "sip:9@example.com"))
    life.world.now += 1
    life.save()
    world = life.killed()
    life.save()
    world.now += RESUMED + 20
    life.save()
    (row,) = life.table.rows
    assert (row.status, row.ender) == (0, "nobody")


def test_octets_of_strangers() -> None:
    life = Life()
    strange = "c\xff" + "x" * 1000
    text = request("INVITE", "sip:9@example.com", call_id="SUBST", sender='"\x01" <sip:x>;tag=a')
    (sent,) = life.world.hear(
        life.world.phone(), octets(text).replace(b"SUBST", strange.encode("latin-1"))
    )
    assert sent.to == NODE_A
    life.world.now += 1
    life.save()
    (row,) = life.table.rows
    assert len(row.call_id) == LONGEST
    assert row.call_id.startswith("c\xff")
    assert row.caller == "x"


@pytest.mark.parametrize(
    ("value", "who"),
    [
        (b'"A <b>" <sip:1001@example.com;transport=udp>;tag=x', "b"),
        (b"<sip:1001@example.com;transport=udp>;tag=x", "1001@example.com"),
        (b"sip:1001@example.com;tag=x", "1001@example.com"),
        (b"sips:1001@[2001:db8::1]:5061?a=b", "1001@[2001:db8::1]:5061"),
        (b"<tel:+49123;phone-context=x>", "+49123"),
        (b"1001@example.com", "1001@example.com"),
        (b"", ""),
        (b"<", ""),
    ],
)
def test_a_party(value: bytes, who: str) -> None:
    assert party(value) == who


@given(st.binary(max_size=400))
def test_a_party_of_any_octets_can_be_written(value: bytes) -> None:
    party(value).encode()


def test_where_they_are(tmp_path: Path) -> None:
    made: Any = open_calls(f"sqlite://{tmp_path / 'state.db'}", 10, 60.0)
    assert isinstance(made, SqliteCalls)
    assert made.path == tmp_path / "state.calls.db"
    made.close()
    assert isinstance(open_calls("memory", 10, 60.0), MemoryCalls)
    none = open_calls(f"sqlite://{tmp_path / 'state.db'}", 0, 60.0)
    assert none.find(Wanted(10)) == []
