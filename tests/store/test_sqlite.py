"""The file that outlives the front: whole, damaged, of another version, full and frozen."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sipfront.store import sqlite
from sipfront.store.port import Row, StoreError
from sipfront.store.sqlite import SqliteStore

LIMIT = 10.0


def until(found: Callable[[], object]) -> None:
    """Wait until ``found()`` is true, with a limit; the store's thread has no loop."""
    end = time.monotonic() + LIMIT
    while not found():
        assert time.monotonic() < end, "not within the limit"
        time.sleep(0.002)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed writes are tried again soon."""
    monkeypatch.setattr(sqlite, "RETRY", 0.02)


def kept(file: Path) -> dict[tuple[str, bytes], bytes | None]:
    """What a store that is opened anew finds."""
    store = SqliteStore(file)
    rows = store.load()
    store.close()
    return {(row.kind, row.key): row.value for row in rows}


def filled(file: Path, count: int = 200) -> dict[tuple[str, bytes], bytes | None]:
    store = SqliteStore(file)
    store.put([Row("leg", b"%d" % number, os.urandom(100)) for number in range(count)])
    store.close()
    return kept(file)


def test_rows_come_back_and_the_newest_counts(file: Path) -> None:
    store = SqliteStore(file)
    assert store.load() == []
    store.put([Row("leg", b"a", b"1"), Row("leg", b"b", b"1"), Row("binding", b"a", b"\0\xff")])
    store.put([Row("leg", b"a", b"2"), Row("leg", b"b", None)])
    store.close()
    assert kept(file) == {("leg", b"a"): b"2", ("binding", b"a"): b"\0\xff"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_waits_is_written_soon_and_what_is_gone_is_gone(file: Path) -> None:
    store = SqliteStore(file)
    store.put([Row("leg", b"a", b"1")])
    until(lambda: not store.waiting())
    store.put([Row("leg", b"a", None)])
    until(lambda: not store.waiting())
    assert store.health() == (True, f"state is saved to {file}")
    store.close()
    assert kept(file) == {}


def test_more_than_one_transaction(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BATCH", 7)
    store = SqliteStore(file)
    store.put([Row("leg", b"%d" % number, b"1") for number in range(50)])
    store.put([Row("leg", b"%d" % number, None) for number in range(25)])
    store.close()
    assert len(kept(file)) == 25


def test_kill_9_loses_nothing_that_was_written(file: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from sipfront.store.sqlite import SqliteStore; from sipfront.store.port import Row\n"
        f"store = SqliteStore(Path({str(file)!r}))\n"
        "store.put([Row('leg', b'%d' % n, b'x' * 50) for n in range(1000)])\n"
        "while store.waiting(): time.sleep(0.001)\n"
        "print('written', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    assert len(kept(file)) == 1000


# -- damage ------------------------------------------------------------------------------------


def truncate(data: bytearray) -> None:
    del data[len(data) // 2 :]


def noise(data: bytearray) -> None:
    data[:] = random.Random(1).randbytes(len(data))


def empty_header(data: bytearray) -> None:
    data[:100] = bytes(100)


def bad_page(data: bytearray) -> None:
    data[2 * 4096 + 3 : 3 * 4096] = random.Random(2).randbytes(4093)


def text(data: bytearray) -> None:
    data[:] = b"this is no database\n" * 100


@pytest.mark.parametrize("harm", [truncate, noise, empty_header, bad_page, text])
def test_a_damaged_file_is_put_aside(file: Path, harm: Callable[[bytearray], None]) -> None:
    filled(file)
    data = bytearray(file.read_bytes())
    harm(data)
    file.write_bytes(data)
    store = SqliteStore(file)
    assert store.load() == []
    assert store.aside is not None
    assert store.aside.read_bytes() == data
    store.put([Row("leg", b"new", b"1")])
    store.close()
    assert kept(file) == {("leg", b"new"): b"1"}


def test_two_damaged_files_are_both_kept(file: Path) -> None:
    file.parent.mkdir()
    asides = set()
    for number in range(3):
        file.write_bytes(b"%d" % number * 4096)
        store = SqliteStore(file)
        asides.add(store.aside)
        store.close()
    assert len(asides) == 3
    assert {aside.read_bytes()[:1] for aside in asides if aside} == {b"0", b"1", b"2"}


def test_a_journal_of_noise(file: Path) -> None:
    rows = filled(file)
    wal = file.with_name(file.name + "-wal")
    wal.write_bytes(random.Random(3).randbytes(8192))
    assert kept(file) == rows


def test_a_file_of_somebody_else_is_put_aside(file: Path) -> None:
    file.parent.mkdir()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE rows (other TEXT)")
    connection.close()
    store = SqliteStore(file)
    assert store.load() == []
    assert store.aside is not None
    store.close()


def test_an_empty_file_is_a_new_one(file: Path) -> None:
    file.parent.mkdir()
    file.touch()
    store = SqliteStore(file)
    assert (store.load(), store.aside) == ([], None)
    store.close()


# -- what is refused ---------------------------------------------------------------------------


def test_a_newer_version_is_refused_and_not_touched(file: Path) -> None:
    filled(file)
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version=7")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"is of version 7, this program knows 2: run the newer"):
        SqliteStore(file)
    assert file.read_bytes() == before


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        SqliteStore(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"store: .*file"):
        SqliteStore(tmp_path / "file" / "state.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be")
def test_a_folder_without_rights(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from sipfront.store.sqlite import SqliteStore; from sipfront.store.port import StoreError\n"
        "os.setuid(65534)\n"
        f"try: SqliteStore(Path({str(folder / 'state.db')!r}))\n"
        "except StoreError as error: print(error)\n"
    )
    tmp_path.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("store: "), done
    assert list(folder.iterdir()) == []


# -- trouble while it runs ---------------------------------------------------------------------


def test_another_process_holds_the_file(
    file: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCKED", 0.05)
    rows = filled(file, 3)
    store = SqliteStore(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.put([Row("leg", b"new", b"1")])
    until(lambda: not store.health()[0])
    assert store.health()[1] == "state is not being saved: database is locked"
    store.put([Row("leg", b"new", b"2"), Row("leg", b"0", None)])
    other.execute("ROLLBACK")
    other.close()
    until(lambda: store.health()[0])
    store.close()
    found = kept(file)
    assert found.pop(("leg", b"new")) == b"2"
    del rows[("leg", b"0")]
    assert found == rows


def test_a_locked_file_at_the_start_is_not_put_aside(
    file: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCKED", 0.05)
    rows = filled(file, 3)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    store = SqliteStore(file)
    assert store.aside is None
    assert not store.health()[0]
    store.put([Row("leg", b"0", None), Row("leg", b"new", b"1")])
    other.close()
    until(lambda: store.health()[0])
    store.close()
    del rows[("leg", b"0")]
    assert kept(file) == {**rows, ("leg", b"new"): b"1"}


class Slow:
    """A disk that hangs: writes wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.reached = threading.Event()
        write = sqlite._write

        def hang(*args: object) -> None:
            self.reached.set()
            assert self.go.wait(LIMIT)
            write(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(sqlite, "_write", hang)


def test_a_frozen_disk_is_told_and_the_wait_is_bounded(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    now = [100.0]
    store = SqliteStore(file, lambda: now[0])
    store.put([Row("leg", b"first", b"1")])
    assert slow.reached.wait(LIMIT)
    now[0] += 1.9
    assert store.health()[0]
    now[0] += 60
    assert store.health() == (
        False,
        f"state is not being saved: {file} has not taken a write for 62 s",
    )
    # 10,000 calls come and go, and leave nothing behind; the last states of one phone are one.
    begun = time.perf_counter()
    for number in range(10_000):
        store.put([Row("leg", b"%d" % number, b"1"), Row("binding", b"one", b"%d" % number)])
        store.put([Row("leg", b"%d" % number, None)])
    assert time.perf_counter() - begun < 2
    assert store.waiting() == 2
    store.put([Row("leg", b"first", None)])
    slow.go.set()
    until(lambda: store.health()[0] and not store.waiting())
    store.close()
    assert kept(file) == {("binding", b"one"): b"9999"}


def test_close_does_not_wait_for_ever(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CLOSING", 0.1)
    slow = Slow(monkeypatch)
    store = SqliteStore(file)
    store.put([Row("leg", b"first", b"1")])
    assert slow.reached.wait(LIMIT)
    store.close()
    slow.go.set()
    store._thread.join(LIMIT)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_a_full_disk_and_room_again(tmp_path: Path, quick: None) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no right to mount")
    try:
        store = SqliteStore(disk / "state.db")
        store.put([Row("leg", b"before", b"1")])
        until(lambda: not store.waiting())
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(1024))
        store.put([Row("leg", b"%d" % number, bytes(500)) for number in range(50)])
        until(lambda: not store.health()[0])
        assert "full" in store.health()[1]
        second = SqliteStore(disk / "state.db")  # a front that starts now starts, and knows
        assert (len(second.load()), second.aside) == (1, None)
        second.close()
        ballast.unlink()
        until(lambda: store.health()[0] and not store.waiting())
        store.close()
        assert len(kept(disk / "state.db")) == 51
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    """In a process of its own: the limit on file sizes stays for good."""
    code = (
        "import resource, signal, sys, time; from pathlib import Path\n"
        "from sipfront.store import sqlite; from sipfront.store.port import Row\n"
        "sqlite.RETRY = 0.02\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        f"store = sqlite.SqliteStore(Path({str(tmp_path / 'state.db')!r}))\n"
        "assert store.load() == [] and store.aside is None\n"
        "store.put([Row('leg', b'1', b'1')])\n"
        "assert not store.health()[0], store.health()\n"
        "print(store.health()[1], flush=True)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "end = time.monotonic() + 10\n"
        "while not store.health()[0] and time.monotonic() < end: time.sleep(0.01)\n"
        "store.close()\n"
        "print(store.health()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("state is not being saved: ")
    assert "state is saved to" in done.stdout
    assert kept(tmp_path / "state.db") == {("leg", b"1"): b"1"}


def test_a_folder_that_goes_and_comes_back(file: Path, quick: None) -> None:
    """The connection is made anew: what is waited for is not a handle but the file."""
    store = SqliteStore(file)
    store.put([Row("leg", b"1", b"1")])
    until(lambda: not store.waiting())
    away = file.parent.with_name("away")
    shutil.move(file.parent, away)
    store.put([Row("leg", b"2", b"1")])
    until(lambda: not store.waiting() or not store.health()[0])
    shutil.move(away, file.parent)
    until(lambda: not store.waiting())
    store.close()
    assert len(kept(file)) == 2
