"""The demonstration's processes: two nodes and the front, so that kill -9 and SIGSTOP are real."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from sipfront.runtime import clock
from sipfront.screen.ladder import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sipfront.demo.watcher import Watcher

#: Seconds for a process of ours to start, on a machine that is busy with everything else.
START = 60.0
#: Seconds to end in order before it is ended by force.
STOP = 5.0


class ProcessError(Exception):
    """A process of the demonstration did not start, or ended by itself."""


def _leashed(*command: str) -> list[str]:
    return [sys.executable, "-m", "sipfront.demo.leash", sys.executable, "-m", *command]


class NodeProcess:
    """One demo node as a process of its own."""

    def __init__(self, name: str, host: str, port: int, arguments: Sequence[str]) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.stats: dict[str, Any] = {}
        self.frozen = False
        self.delay = 0.0
        #: remembers what it says of calls
        self.watcher: Watcher | None = None
        self._arguments = list(arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs (frozen or not)."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process's number."""
        if self._process is None:
            raise ProcessError(f"{self.name} was not started")
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it serves."""
        command = _leashed("sipfront.demo.node", "--name", self.name)
        command += ["--listen", f"{self.host}:{self.port}", *self._arguments]
        self.frozen, self.delay = False, 0.0
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        try:
            async with asyncio.timeout(START):
                line = await self._line()
        except TimeoutError:
            line = {}
        if "ready" not in line:
            await self.kill()
            raise ProcessError(f"{self.name} did not start")
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def kill(self) -> float:
        """Kill -9; the wall-clock time of it."""
        at = clock.wall()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            at = clock.wall()
            await self._process.wait()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        return at

    def freeze(self) -> float:
        """SIGSTOP; the wall-clock time of it."""
        os.kill(self.pid, signal.SIGSTOP)
        self.frozen = True
        return clock.wall()

    def thaw(self) -> float:
        """SIGCONT; the wall-clock time of it."""
        os.kill(self.pid, signal.SIGCONT)
        self.frozen = False
        return clock.wall()

    def slow(self, seconds: float) -> None:
        """Be late with everything."""
        self.delay = seconds
        self.tell(f"slow {seconds}")

    def tell(self, command: str) -> None:
        """Write a command to it; one that is gone does not hear it."""
        if self._process is not None and self._process.stdin is not None and self.alive:
            with contextlib.suppress(OSError, RuntimeError):
                self._process.stdin.write(command.encode() + b"\n")

    async def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        found = json.loads(line) if line else {}
        return found if isinstance(found, dict) else {}

    async def _read(self) -> None:
        while line := await self._line():
            if "call" not in line:
                self.stats = line
            elif self.watcher is not None:
                seen = Seen(line["at"], self.name, line["sent"], line["label"])
                self.watcher.note(line["call"], seen)


class FrontProcess:
    """``sipfront run FILE`` as a process; its log goes to a file."""

    def __init__(self, config: Path, log: Path) -> None:
        self.config = config
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it; whoever wants to know when it is ready asks its admin side."""
        command = _leashed("sipfront", "run", str(self.config))
        with self.log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # What it must know at once goes with the folder, too.
                env={
                    **os.environ,
                    "RUNTIME_DIRECTORY": str(self.config.parent),
                    **(environment or {}),
                },
            )

    async def kill(self) -> float:
        """Kill -9; the wall-clock time of it."""
        at = clock.wall()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            at = clock.wall()
            await self._process.wait()
        return at

    async def stop(self) -> None:
        """SIGTERM, and force if that does not help."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    def log_end(self, lines: int = 20) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
