"""The table of call records: one SQLite file of its own beside the store, written by one thread.

A file of its own, because it is large and may be pruned, copied and thrown away without touching
what calls that are up need, and a start must not wait until it has been checked.  ``put`` returns
at once.  When the disk is full or frozen the newest rows wait in memory, bounded; what is asked
for is answered from the file and from what waits.  It knows columns and no SIP.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from sipfront.store.calls import CallRow, Numbered, Wanted, fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

#: The layout of the file.
VERSION = 1
#: How long the thread waits before it tries a failed write again.
RETRY = 1.0
#: A write that takes longer than this, seconds, is a frozen disk.
FROZEN = 2.0
#: How long ``close`` waits for the thread, and a write for another process's lock.
CLOSING = 5.0
LOCKED = 2.0
#: Rows of one transaction, and rows that are removed in one.
BATCH = 5_000
#: Rows that wait in memory while they cannot be written; at 1 kB each 50 MB.
WAITING = 50_000
#: How often it is looked for what is too old or too much.
PRUNE = 30.0

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


_COLUMNS = ", ".join(CallRow._fields)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, began REAL NOT NULL, rang REAL, answered REAL, ended REAL,
    ender TEXT NOT NULL, status INTEGER NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL,
    reached TEXT NOT NULL, trunk_in TEXT NOT NULL, trunk_out TEXT NOT NULL, node TEXT NOT NULL,
    node_end TEXT NOT NULL, epoch INTEGER NOT NULL, done TEXT NOT NULL, call_id TEXT NOT NULL,
    other_call_id TEXT NOT NULL, tag TEXT NOT NULL, outside INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_began ON calls (began);
CREATE INDEX IF NOT EXISTS calls_up ON calls (id) WHERE ended IS NULL;
PRAGMA user_version={VERSION};
"""
_PUT = (
    f"INSERT INTO calls ({_COLUMNS}) VALUES ({', '.join('?' * len(CallRow._fields))}) "
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name}=excluded.{name}" for name in CallRow._fields[1:])
)


#: Another call, long after, with an INVITE that is the same to the octet (phones that do so are
#: broken, or try to have a record overwritten): the first record steps aside.
_ASIDE = "UPDATE calls SET id = id || '-' || n WHERE id = ? AND ended < ?"


class SqliteCalls:
    """Calls in one file."""

    def __init__(
        self,
        path: Path,
        keep: int,
        age: float,
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``keep``: rows at most; ``age``: seconds after which one is removed.  Never raises: what
        cannot be opened now is tried again, and a damaged file is put aside."""
        self.path = path
        self.lost = 0  #: rows for which there was no room while they could not be written
        self._keep, self._age = keep, age
        self._now, self._wall = now, wall
        self._trouble = ""
        self._since: float | None = None
        self._pruned_at = 0.0
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._closing = False
        self._waiting: dict[str, CallRow | None] = {}
        self._writing: dict[str, CallRow | None] = {}
        self._up = self._open()
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
        self._thread.start()

    # -- what is asked -------------------------------------------------------------------------

    def load(self) -> list[CallRow]:
        """The calls that were up when the file was opened."""
        rows, self._up = self._up, []
        return rows

    def put(self, rows: list[CallRow], gone: Iterable[str] = ()) -> None:
        """Hand rows to the thread."""
        with self._work:
            for row in rows:
                self._waiting[row.id] = row
            for name in gone:
                self._waiting[name] = None
            while len(self._waiting) > WAITING:
                del self._waiting[next(iter(self._waiting))]
                self.lost += 1
            self._work.notify()

    def find(self, wanted: Wanted) -> list[Numbered]:
        """Newest first: those that wait stand for what the file has of them."""
        with self._lock:
            waiting = {**self._writing, **self._waiting}
        rows = [
            (n, row) if row.id not in waiting else (n, waiting.pop(row.id) or row)
            for n, row in self._read(wanted)
        ]
        if not wanted.before:
            # Not in the file yet: newer than all of it, and without a number of its own.
            new = [(0, row) for row in waiting.values() if row is not None]
            rows = [*(row for row in reversed(new) if fits(row, wanted)), *rows]
        return rows[: wanted.limit]

    def count(self) -> int:
        """Calls in the file."""
        try:
            with contextlib.closing(self._reader()) as connection:
                return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])
        except sqlite3.Error:
            return 0

    def health(self) -> tuple[bool, str]:
        """Whether the last write went well, and none hangs."""
        trouble, since = self._trouble, self._since
        if not trouble and since is not None and (late := self._now() - since) > FROZEN:
            trouble = f"{self.path} has not taken a write for {late:.0f} s"
        if trouble:
            return False, f"call records are not being written: {trouble}"
        return True, f"call records are written to {self.path}"

    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._waiting) + len(self._writing)

    def close(self) -> None:
        """Write what waits and end the thread."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._thread.join(CLOSING)

    # -- the file ------------------------------------------------------------------------------

    def _open(self) -> list[CallRow]:
        for _ in range(2):
            try:
                with contextlib.closing(self._connect()) as connection:
                    query = f"SELECT {_COLUMNS} FROM calls WHERE ended IS NULL ORDER BY n"
                    return [CallRow(*row) for row in connection.execute(query)]
            except sqlite3.Error as error:
                self._trouble = str(error)
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    break
                self._put_aside()
            except OSError as error:
                self._trouble = error.strerror or str(error)
                break
        return []

    def _put_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            mine = self.path.with_name(self.path.name + suffix)
            with contextlib.suppress(OSError):
                mine.rename(mine.with_name(f"{mine.name}.damaged-{int(time.time())}"))

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=LOCKED, check_same_thread=False
        )
        try:
            self.path.chmod(0o600)
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if found > VERSION:
                raise sqlite3.NotSupportedError(
                    f"{self.path} is of version {found}, this program knows {VERSION}"
                )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reader(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCKED)

    def _read(self, wanted: Wanted) -> list[Numbered]:
        where, values = _where(wanted)
        query = f"SELECT n, {_COLUMNS} FROM calls{where} ORDER BY n DESC LIMIT ?"
        try:
            with contextlib.closing(self._reader()) as connection:
                rows = connection.execute(query, (*values, wanted.limit)).fetchall()
        except sqlite3.Error:
            return []
        return [(n, CallRow(*row)) for n, *row in rows]

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            with self._work:
                while not self._waiting and not self._closing:
                    self._work.wait()
                if not self._waiting:
                    break
                for name in list(islice(self._waiting, BATCH)):
                    self._writing[name] = self._waiting.pop(name)
            self._since = self._now()
            try:
                if connection is None:
                    connection = self._connect()
                self._write(connection)
                self._prune(connection)
            except (sqlite3.Error, OSError) as error:
                self._trouble = str(error)
                self._since = None
                self._give_back()
                if connection is not None:
                    with contextlib.suppress(sqlite3.Error):
                        connection.close()
                    connection = None
                if self._closing:
                    break
                with self._work:
                    self._work.wait_for(lambda: self._closing, RETRY)
            else:
                self._trouble = ""
                self._since = None
                with self._lock:
                    self._writing = {}
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _give_back(self) -> None:
        with self._lock:
            self._waiting = {**self._writing, **self._waiting}
            self._writing = {}

    def _write(self, connection: sqlite3.Connection) -> None:
        rows = [row for row in self._writing.values() if row is not None]
        gone = [(name,) for name, row in self._writing.items() if row is None]
        _at_once(
            connection,
            (_ASIDE, [(row.id, row.began) for row in rows]),
            (_PUT, rows),
            ("DELETE FROM calls WHERE id = ?", gone),
        )

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Remove what is too much or too old, never a call that is up; a slice at a time."""
        now = self._now()
        if now < self._pruned_at:
            return
        old = self._wall() - self._age
        top = connection.execute("SELECT max(n) FROM calls").fetchone()[0] or 0
        query = "SELECT n FROM calls WHERE {} AND ended IS NOT NULL ORDER BY n LIMIT ?"
        first = query.format("n <= ?")
        found = connection.execute(first, (top - self._keep, BATCH)).fetchall()
        if len(found) < BATCH:
            found += connection.execute(query.format("began < ?"), (old, BATCH)).fetchall()
        if found:
            _at_once(connection, ("DELETE FROM calls WHERE n = ?", found))
        self._pruned_at = now + (0.0 if len(found) >= BATCH else PRUNE)


def _at_once(connection: sqlite3.Connection, *steps: tuple[str, list[Any]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement, rows in steps:
            connection.executemany(statement, rows)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _where(wanted: Wanted) -> tuple[str, deque[Any]]:
    parts, values = [], deque[Any]()
    for clause, value in (
        ("n < ?", wanted.before),
        ("began >= ?", wanted.since),
        ("began < ?", wanted.until),
    ):
        if value:
            parts.append(clause)
            values.append(value)
    if wanted.node:
        parts.append("(node = ? OR node_end = ?)")
        values += [wanted.node] * 2
    if wanted.party:
        parts.append("(caller = ? OR callee = ? OR reached = ?)")
        values += [wanted.party] * 3
    return (" WHERE " + " AND ".join(parts) if parts else ""), values
