"""The default store: one SQLite file (WAL), written by one thread in batches.

``put`` hands a batch to a queue and returns; the thread writes each batch in one transaction.
When the disk is full or frozen the batches wait (the newest row for each key, so the wait is
bounded by what there is to know), ``health`` says so, and signalling goes on from memory.

A damaged file is put aside under another name and a new one is begun; a file of a newer version
is refused, because to lose what it knows is not ours to decide.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from sipfront.store.port import Row, StoreError

if TYPE_CHECKING:
    from pathlib import Path

#: The layout of the file; older ones are migrated in :func:`_migrate`.
VERSION = 1
#: How long the thread waits before it tries a failed write again.
RETRY = 1.0
#: How long ``close`` waits for the thread.
CLOSING = 5.0

_TABLE = """CREATE TABLE IF NOT EXISTS rows (
    kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID"""


class SqliteStore:
    """Rows in one file."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises StoreError."""
        self.path = path
        self.aside: Path | None = None  #: where a damaged file was put
        self._queue: queue.SimpleQueue[list[Row] | None] = queue.SimpleQueue()
        self._trouble = ""
        self._rows = self._open()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def load(self) -> list[Row]:
        """What the file held when it was opened."""
        rows, self._rows = self._rows, []
        return rows

    def put(self, rows: list[Row]) -> None:
        """Hand rows to the thread."""
        self._queue.put(rows)

    def health(self) -> tuple[bool, str]:
        """Whether the last write went well."""
        trouble = self._trouble
        if trouble:
            return False, f"state is not being saved: {trouble}"
        return True, f"state is saved to {self.path}"

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._queue.put(None)
        self._thread.join(CLOSING)

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> list[Row]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"store: {self.path.parent}: {error.strerror}") from None
        try:
            return self._read()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and self._unreachable():
                raise StoreError(f"store: {self.path}: {error}") from None
            self.aside = self.path.with_name(f"{self.path.name}.damaged-{int(time.time())}")
            with contextlib.suppress(OSError):
                self.path.rename(self.aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            try:
                return self._read()
            except sqlite3.Error as again:
                raise StoreError(f"store: {self.path}: {again}") from None

    def _unreachable(self) -> bool:
        """Whether the file cannot be opened at all (rights, a folder, no disk)."""
        try:
            with self.path.open("ab"):
                return False
        except OSError:
            return True

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=2.0)
        # FULL would wait for the disk at every batch; NORMAL in WAL mode loses nothing to a crash
        # of the process, and at most the last batches to a crash of the machine.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def _read(self) -> list[Row]:
        connection = self._connect()
        try:
            self.path.chmod(0o600)
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if found > VERSION:
                raise StoreError(
                    f"store: {self.path} is of version {found}, this program knows {VERSION}: "
                    "run the newer program, or move the file away to begin anew"
                )
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version={VERSION}")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("damaged")
            return [Row(*row) for row in connection.execute("SELECT kind, key, value FROM rows")]
        finally:
            connection.close()

    # -- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        waiting: dict[tuple[str, bytes], bytes | None] = {}
        ending = False
        while not (ending and not waiting):
            try:
                batch = self._queue.get(timeout=RETRY if waiting else None)
            except queue.Empty:
                batch = []
            while batch is not None:
                for row in batch:
                    waiting[(row.kind, row.key)] = row.value
                try:
                    batch = self._queue.get_nowait()
                except queue.Empty:
                    break
            if batch is None:
                ending = True
            if not waiting:
                continue
            try:
                if connection is None:
                    connection = self._connect()
                self._write(connection, waiting)
                waiting = {}
                self._trouble = ""
            except sqlite3.Error as error:
                self._trouble = str(error)
                if ending:
                    break
        if connection is not None:
            connection.close()

    @staticmethod
    def _write(
        connection: sqlite3.Connection, waiting: dict[tuple[str, bytes], bytes | None]
    ) -> None:
        put = [(kind, key, value) for (kind, key), value in waiting.items() if value is not None]
        gone = [(kind, key) for (kind, key), value in waiting.items() if value is None]
        connection.execute("BEGIN")
        try:
            connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", put)
            connection.executemany("DELETE FROM rows WHERE kind = ? AND key = ?", gone)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
