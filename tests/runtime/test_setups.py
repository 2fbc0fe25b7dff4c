"""The front is killed with -9 at any moment of a call: the call goes on, and is one record."""

from __future__ import annotations

import marshal
import os
from pathlib import Path

import pytest

from sipfront.runtime.setups import SHM, where
from sipfront.store.journal import IDLE, Journal
from tests.runtime.kills import Sim

CALLS = 12


def story(folder: Path, seed: int, *, journal: bool = True, kills: int = 3) -> Sim:
    sim = Sim(folder, seed, journal=journal)
    for number in range(CALLS):
        sim.at(sim.random.uniform(0, 2.0), lambda number=number: sim.caller.call(number))  # type: ignore[misc]
    for _ in range(kills):
        sim.at(sim.random.uniform(0, 2.5), lambda: sim.kill(sim.random.uniform(0.1, 1.0)))
    sim.run(60.0)
    return sim


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("seed", range(12))
def test_no_call_is_lost_or_placed_twice(memory: Path, seed: int) -> None:
    sim = story(memory, seed)
    assert sim.pbx.calls == sim.callee.rang == CALLS, "an INVITE was taken for a new one"
    assert sim.caller.done == sim.callee.ended == CALLS
    assert sim.caller.errors == sim.pbx.errors == []
    rows = sim.table.rows
    assert sorted(row.call_id for row in rows) == sorted(f"c{n}" for n in range(CALLS))
    assert all(row.ended and row.answered and row.ender == "caller" for row in rows)


def test_without_a_journal_calls_are_lost(memory: Path) -> None:
    """The stories above can fail."""
    assert any(story(memory, seed, journal=False).caller.done < CALLS for seed in range(6))


def test_a_journal_that_was_emptied_in_time_is_no_journal(memory: Path) -> None:
    sim = story(memory, 1, kills=0)
    assert len(sim.journaling._live) == 0, "nothing is under way"
    (file,) = memory.iterdir()
    again = Journal(file)
    assert again.trouble == ""
    sim.journaling.journal.append([bytes(IDLE)])  # type: ignore[union-attr]
    sim.run(0.1)
    assert file.stat().st_size < 100
    sim.journaling.close()
    assert list(memory.iterdir()) == []


def killed(memory: Path, after: float = 0.05) -> Sim:
    """A call that rings, and the front is dead."""
    sim = Sim(memory, 1)
    sim.random.choice = lambda _: 0.5  # type: ignore[assignment, method-assign]  # rings so long
    sim.caller.call(0)
    sim.run(after)
    assert sim.callee.rang == 1
    sim.up = False
    return sim


@pytest.mark.parametrize("damage", [b"", b"garbage", b"sipfront journal 1\nxxxxxxxxxxxxxxxxxxxxx"])
def test_a_damaged_journal_is_told_and_the_front_starts(memory: Path, damage: bytes) -> None:
    sim = killed(memory)
    (file,) = memory.iterdir()
    file.write_bytes(damage)
    sim.start()
    assert [kind for kind, _ in sim.told] == ["journal_unread"]
    sim.caller.call(1)
    sim.run(5)
    assert sim.caller.done >= 1


@pytest.mark.parametrize("entry", [b"", b"x", marshal.dumps(7), marshal.dumps((0, b"k", (b"x",)))])
def test_an_entry_that_means_nothing_is_counted(memory: Path, entry: bytes) -> None:
    sim = killed(memory)
    (file,) = memory.iterdir()
    journal = Journal(file)
    entries = journal.entries
    journal.begin_anew([entry, *entries])
    sim.start()
    assert "1 could not" in sim.told[-1][1]
    sim.run(5)
    assert sim.caller.done == 1


def test_what_is_too_old_is_not_sent_again(memory: Path) -> None:
    """The node has forgotten the INVITE: it would be a new call."""
    sim = killed(memory)
    (file,) = memory.iterdir()
    os.utime(file, (1, 1))
    sim.start()
    assert sim.world.engine.take() == []
    assert "0 INVITEs that were under way go on" in sim.told[-1][1]


def test_a_full_file_system_is_told_once_and_calls_go_on(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = Sim(memory, 1)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: 0)
    for number in range(3):
        sim.caller.call(number)
    sim.run(5)
    assert [kind for kind, _ in sim.told] == ["journal_lost"]
    assert sim.caller.done == 3
    assert list(memory.iterdir()) == []


def test_what_counts_is_bounded(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipfront.runtime.setups.MOST", 3)
    sim = Sim(memory, 1)
    sim.random.choice = lambda _: 2.0  # type: ignore[assignment, method-assign]
    for number in range(20):
        sim.caller.call(number)
    sim.run(1)
    assert len(sim.journaling._live) == 3
    assert sim.journaling.lost > 0


def test_where_it_is(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert where("memory") is None
    one, other = where("sqlite:///a/state.db"), where("sqlite:///b/state.db")
    assert one is not None
    assert one.parent == memory
    assert one != other
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    shared = where("sqlite:///a/state.db")
    assert shared is not None
    assert shared.parent == SHM
    monkeypatch.setattr("sipfront.runtime.setups.SHM", memory / "nowhere")
    assert where("sqlite:///a/state.db") is None
