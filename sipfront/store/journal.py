"""What must be known at once, in one file of a memory file system (``/run``, ``/dev/shm``).

A write is a copy within memory, some microseconds: the loop does it itself, no disk is waited for.
It survives the process (kill -9), not the machine.  The file is a log: entries are appended and
read in that order at the next start, and it is begun anew with what still counts when it has
grown.  What is damaged ends the reading, what was read before counts.  It knows octets only.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What the file begins with; another version is another word.
MAGIC = b"sipfront journal 1\n"
#: The largest file that is read: what a front writes before it begins anew (:data:`GROWN`) and the
#: most that can still count then.
LARGEST = 64 << 20
#: It is begun anew when it is so large, and twice as large as after the last time.
GROWN = 4 << 20
#: So much may lie there when nothing counts: a call leaves 6 kB, a new file costs 50 us.
IDLE = 256 << 10
#: Length and checksum before each entry.
_HEAD = 8
_PACK = Struct(">II").pack
#: Where the checksum starts: eight zeros are no entry.
_SEED = 0x53495046


class Journal:
    """One file.  Nothing is on it before the first :meth:`append`."""

    def __init__(self, path: Path) -> None:
        """Read what the front before this one left.  Never raises: what cannot be read, or is not
        ours, is told in ``trouble``."""
        self.path = path
        self.trouble = ""
        #: seconds since the last write before this start
        self.age = 0.0
        self.entries: list[bytes] = []
        self._fd = -1
        self._size = 0
        self._grown = GROWN
        with contextlib.suppress(FileNotFoundError):
            self._read()

    def append(self, entries: Iterable[bytes]) -> None:
        """Write entries behind the others.  Raises OSError; then the file is as it was."""
        if self._fd < 0:
            self._fd = self._make(self.path)
        data = b"".join([_framed(entry) for entry in entries])
        _write(self._fd, data, self._size)
        self._size += len(data)

    @property
    def used(self) -> bool:
        """Whether there is a file."""
        return self._fd >= 0

    @property
    def idle(self) -> bool:
        """Whether it holds memory that is worth to be given back when nothing counts."""
        return self._size > IDLE

    @property
    def grown(self) -> bool:
        """Whether it is time to begin anew."""
        return self._size > self._grown

    def begin_anew(self, entries: Iterable[bytes]) -> None:
        """Keep these only; a kill in the middle leaves the old file.  Raises OSError."""
        new = self.path.with_name(self.path.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        fd = self._make(new)
        try:
            data = b"".join([_framed(entry) for entry in entries])
            _write(fd, data, self._size)
            new.rename(self.path)
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._size += len(data)
        self._grown = max(GROWN, 2 * self._size)

    def touch(self) -> None:
        """The front is alive."""
        if self._fd >= 0:
            os.utime(self._fd)

    def close(self, *, remove: bool) -> None:
        """Let go of the file; ``remove`` when nothing in it counts."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()

    # -- inside --------------------------------------------------------------------------------

    def _make(self, path: Path) -> int:
        """An empty file; never one that somebody else put there (the folder may be everybody's)."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(path, flags, 0o600)
        try:
            _write(fd, MAGIC, 0)
        except OSError:
            os.close(fd)
            raise
        self._size = len(MAGIC)
        return fd

    def _read(self) -> None:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror}"
            return
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            self.trouble = f"{self.path} is not ours"
            os.close(fd)
            return
        with open(fd, "rb") as file:
            if found.st_size > LARGEST:
                self.trouble = f"{self.path} has {found.st_size} octets, no front leaves so many"
                return
            self.age = max(0.0, time.time() - found.st_mtime)
            self._take(file.read())

    def _take(self, data: bytes) -> None:
        if data[: len(MAGIC)] != MAGIC:
            self.trouble = f"{self.path} is no journal of this version"
            return
        at = len(MAGIC)
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            entry = data[at + _HEAD : at + _HEAD + size]
            head = data[at : at + _HEAD]
            if len(entry) < size or head != _head(entry):
                left = len(data) - at
                self.trouble = f"{self.path}: the last {left} octets cannot be read"
                return
            self.entries.append(entry)
            at += _HEAD + size


def _head(entry: bytes) -> bytes:
    return _PACK(len(entry), crc32(entry, _SEED))


def _framed(entry: bytes) -> bytes:
    return _head(entry) + entry


def _write(fd: int, data: bytes, at: int) -> None:
    """All of it, or an error: a full file system takes a part."""
    if os.pwrite(fd, data, at) != len(data):
        raise OSError(28, "no space left")
