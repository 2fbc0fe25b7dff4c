"""What is in the journal after a kill, whatever became of the file."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.store import journal as module
from sipfront.store.journal import LARGEST, MAGIC, Journal

ENTRIES = [b"one", b"", b"three" * 1000]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.journal"


def test_what_was_appended_is_read_again_in_order(path: Path) -> None:
    first = Journal(path)
    assert not path.exists()
    first.append(ENTRIES[:2])
    first.append(ENTRIES[2:])
    again = Journal(path)  # the first was killed: nothing was closed
    assert again.entries == ENTRIES
    assert again.trouble == ""
    assert again.age < 60
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_a_new_front_begins_anew(path: Path) -> None:
    Journal(path).append(ENTRIES)
    second = Journal(path)
    second.append([b"mine"])
    assert Journal(path).entries == [b"mine"]


def test_it_is_begun_anew_with_what_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROWN", 1000)
    one = Journal(path)
    one._grown = 1000
    largest = 0
    for turn in range(500):
        one.append([b"%d" % turn * 20])
        if one.grown:
            one.begin_anew([b"kept", b"last %d" % turn])
        largest = max(largest, path.stat().st_size)
    assert largest < 1200
    assert Journal(path).entries[0] == b"kept"
    assert not one.idle
    one.append([bytes(module.IDLE)])
    assert one.idle
    one.close(remove=True)
    assert list(path.parent.iterdir()) == []


def test_a_full_file_system_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Journal(path)
    one.append([b"before"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda fd, data, at: len(data) // 2)
        with pytest.raises(OSError, match="no space"):
            one.append([b"lost"])
        with pytest.raises(OSError, match="no space"):
            one.begin_anew([b"lost"])
    one.append([b"after"])
    assert Journal(path).entries == [b"before", b"after"]


@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_damage_ends_the_reading_and_nothing_else(rand: random.Random, kind: int) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"sipfront-test-{os.getpid()}.journal"
    one = Journal(path)
    one.append(ENTRIES)
    one.close(remove=False)
    data = bytearray(path.read_bytes())
    if kind == 0:
        del data[rand.randrange(len(data)) :]
    elif kind == 1:
        data[rand.randrange(len(data))] ^= rand.randrange(1, 256)
    elif kind == 2:
        data += rand.randbytes(rand.randrange(1, 50))
    else:
        data = bytearray(rand.randbytes(rand.randrange(1, 500)))
    path.write_bytes(data)
    again = Journal(path)
    assert again.entries == ENTRIES[: len(again.entries)]
    assert again.trouble or len(data) in _ends()
    again.append([b"goes on"])
    assert Journal(path).entries == [b"goes on"]
    path.unlink()


def _ends() -> set[int]:
    """The lengths at which a file may end in order."""
    ends, at = set(), len(MAGIC)
    for entry in ["", *ENTRIES]:
        at += 8 + len(entry) if entry != "" else 0
        ends.add(at)
    return ends


def test_what_is_not_ours_is_not_read(path: Path) -> None:
    path.symlink_to("/etc/passwd")
    one = Journal(path)
    assert one.entries == []
    assert one.trouble
    path.unlink()
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert "no front leaves so many" in Journal(path).trouble
    path.unlink()
    path.mkdir()
    assert "not ours" in Journal(path).trouble
    with pytest.raises(OSError, match="directory"):
        Journal(path).append([b"x"])
    path.rmdir()
    path.write_bytes(b"sipfront journal 2\n")
    assert "version" in Journal(path).trouble


def test_an_old_one_says_so(path: Path) -> None:
    one = Journal(path)
    one.append([b"x"])
    os.utime(path, (1, 1))
    assert Journal(path).age > 1e6
    one.touch()
    assert Journal(path).age < 60
