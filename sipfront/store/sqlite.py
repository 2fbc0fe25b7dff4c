"""The default store: one SQLite file (WAL), written by one thread in batches.

``put`` merges rows into what waits and returns; the thread writes that in transactions.  When the
disk is full or frozen the newest row for each key waits (and nothing for a key that the file never
had and that is gone again), so the wait is bounded by what there is to know; ``health`` says so,
and signalling goes on from memory.

A damaged file is put aside under another name and a new one is begun; a file of a newer version
is refused, because to lose what it knows is not ours to decide.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from itertools import count, islice
from typing import TYPE_CHECKING

from sipfront.store.port import Row, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The layout of the file and of what stands in it.  2: dialogs say what their ends have agreed.
#: Rows of version 1 are read as they are, and the file becomes one of version 2.
VERSION = 2
#: How long the thread waits before it tries a failed write again.
RETRY = 1.0
#: A write that takes longer than this, seconds, is a frozen disk: other processes' locks and
#: busy disks are over sooner.
FROZEN = 2.0
#: How long ``close`` waits for the thread.
CLOSING = 5.0
#: How long a lock of another process (a backup, ``sqlite3`` in a shell) is waited for.
LOCKED = 2.0
#: Rows of one transaction; 1,000 calls/s make about 80 in the 40 ms between two batches.
BATCH = 5_000

#: What says that the file itself is bad, not its surroundings.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
#: What passes by itself or is no reason not to serve: the front starts without a memory.
_PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_TABLE = """CREATE TABLE IF NOT EXISTS rows (
    kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID"""

Key = tuple[str, bytes]


class SqliteStore:
    """Rows in one file."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Open or make the file; raises StoreError."""
        self.path = path
        self.aside: Path | None = None  #: where a damaged file was put
        self._now = now
        self._trouble = ""
        #: since when a write is under way
        self._since: float | None = None
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._waiting: dict[Key, bytes | None] = {}
        self._writing: dict[Key, bytes | None] = {}
        #: whether ``_held`` is all that the file has
        self._known = True
        self._rows = self._open()
        #: what the file has
        self._held: set[Key] = {(row.kind, row.key) for row in self._rows}
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def load(self) -> list[Row]:
        """What the file held when it was opened."""
        rows, self._rows = self._rows, []
        return rows

    def put(self, rows: list[Row]) -> None:
        """Hand rows to the thread."""
        with self._work:
            for kind, key, value in rows:
                name = (kind, key)
                if value is None and not self._needed(name):
                    self._waiting.pop(name, None)
                else:
                    self._waiting[name] = value
            if self._waiting:
                self._work.notify()

    def _needed(self, name: Key) -> bool:
        """Whether the file has, or may have, what is to be forgotten."""
        return not self._known or name in self._held or name in self._writing

    def health(self) -> tuple[bool, str]:
        """Whether the last write went well, and none hangs."""
        trouble, since = self._trouble, self._since
        if not trouble and since is not None and (late := self._now() - since) > FROZEN:
            trouble = f"{self.path} has not taken a write for {late:.0f} s"
        if trouble:
            return False, f"state is not being saved: {trouble}"
        return True, f"state is saved to {self.path}"

    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._waiting) + len(self._writing)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closing.set()
        with self._work:
            self._work.notify()
        self._thread.join(CLOSING)

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> list[Row]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"store: {self.path.parent}: {error.strerror}") from None
        try:
            return self._read()
        except sqlite3.Error as error:
            code = _primary(error)
            if code in _PASSING:
                self._trouble = f"{self.path}: {error}"
                return self._remembered()
            if code not in _DAMAGED or self._unreachable():
                raise StoreError(f"store: {self.path}: {error}") from None
        self._put_aside()
        try:
            return self._read()
        except sqlite3.Error as error:
            raise StoreError(f"store: {self.path}: {error}") from None

    def _unreachable(self) -> bool:
        """Whether the file cannot be opened at all (rights, a folder, no disk)."""
        try:
            with self.path.open("ab"):
                return False
        except OSError:
            return True

    def _put_aside(self) -> None:
        """Keep what is damaged for whoever wants to look at it, and make room."""
        stem = f"{self.path.name}.damaged-{int(time.time())}"
        names = (stem if number == 0 else f"{stem}.{number}" for number in count())
        self.aside = next(
            found for name in names if not (found := self.path.with_name(name)).exists()
        )
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                mine = self.path.with_name(self.path.name + suffix)
                mine.rename(self.aside.with_name(self.aside.name + suffix))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=LOCKED, check_same_thread=False
        )
        # FULL would wait for the disk at every batch; NORMAL in WAL mode loses nothing to a crash
        # of the process, and at most the last batches to a crash of the machine.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _read(self) -> list[Row]:
        connection = self._connect()
        try:
            self.path.chmod(0o600)
            self._check(connection)
            connection.execute(_TABLE)
            if _version(connection) != VERSION:
                connection.execute(f"PRAGMA user_version={VERSION}")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                damaged = sqlite3.DatabaseError("the file is damaged")
                damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damaged
            return _rows(connection)
        finally:
            connection.close()

    def _check(self, connection: sqlite3.Connection) -> None:
        found = _version(connection)
        if found > VERSION:
            raise StoreError(
                f"store: {self.path} is of version {found}, this program knows {VERSION}: "
                "run the newer program, or move the file away to begin anew"
            )

    def _remembered(self) -> list[Row]:
        """What can be read of a file that cannot be written now."""
        try:
            connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                self._check(connection)
                return _rows(connection)
            finally:
                connection.close()
        except sqlite3.Error:
            self._known = not self.path.exists()
            return []

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            with self._work:
                while not self._waiting and not self._closing.is_set():
                    self._work.wait()
                if not self._waiting:
                    break
                self._take()
            self._since = self._now()
            try:
                if connection is None:
                    connection = self._connect()
                    connection.execute(_TABLE)
                    connection.execute(f"PRAGMA user_version={VERSION}")
                _write(connection, self._writing)
            except sqlite3.Error as error:
                self._trouble = str(error)
                self._since = None
                self._give_back()
                if connection is not None:
                    with contextlib.suppress(sqlite3.Error):
                        connection.close()
                    connection = None
                if self._closing.wait(RETRY):
                    break
            else:
                self._trouble = ""
                self._since = None
                self._written()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _take(self) -> None:
        """What is written next, oldest first; under the lock."""
        if len(self._waiting) <= BATCH:
            self._writing, self._waiting = self._waiting, {}
            return
        for name in list(islice(self._waiting, BATCH)):
            self._writing[name] = self._waiting.pop(name)

    def _written(self) -> None:
        with self._lock:
            for name, value in self._writing.items():
                if value is None:
                    self._held.discard(name)
                else:
                    self._held.add(name)
            self._writing = {}

    def _give_back(self) -> None:
        """A batch could not be written: what came meanwhile is newer."""
        with self._lock:
            self._waiting = {**self._writing, **self._waiting}
            self._writing = {}


def _write(connection: sqlite3.Connection, batch: dict[Key, bytes | None]) -> None:
    put = [(kind, key, value) for (kind, key), value in batch.items() if value is not None]
    gone = [name for name, value in batch.items() if value is None]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", put)
        connection.executemany("DELETE FROM rows WHERE kind = ? AND key = ?", gone)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _rows(connection: sqlite3.Connection) -> list[Row]:
    return [
        Row(kind, key, value)
        for kind, key, value in connection.execute("SELECT kind, key, value FROM rows")
        if isinstance(kind, str) and isinstance(key, bytes) and isinstance(value, bytes)
    ]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _primary(error: sqlite3.Error) -> int:
    """The primary result code; extended ones have it in their low octet."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
