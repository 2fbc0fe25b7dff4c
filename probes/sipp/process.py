"""One running SIPp: started, watched, stopped, and nothing of it left behind.

Ports are picked without a race: SIPp itself takes one that is free and we read from the kernel
which one it got (``/proc/PID/net``), which is also how we know that it listens.  A child that
survives its parent is prevented by a parent-death signal (``setpriv``, of util-linux).
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from probes.sipp.outcome import CODE_STOPPED, Outcome, Result, SippError, Stats, outcome
from probes.sipp.ports import bound
from probes.sipp.timing import CallTiming, timings
from probes.sipp.tone import TONE_FILE, ulaw_tone

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from probes.sipp.agent import Address, Agent

#: Seconds until a SIPp must have bound its socket; it needs 10 ms on an idle machine.
READY = 10.0
#: Seconds between two looks at the statistics, which SIPp writes once a second.
LOOK = 0.25
#: Seconds between two looks for the socket at the start.
LOOK_READY = 0.01
#: Seconds after its ``timeout`` until a SIPp that hangs on to a call is killed.
OVERTIME = 5.0
#: Octets of SIPp's complaints that are kept.
COMPLAINTS = 4096


class Run:
    """A SIPp that runs inside ``async with``; leaving the block ends it in any case."""

    def __init__(self, agent: Agent, progress: Callable[[Stats], None] | None = None) -> None:
        self.agent = agent
        self.stats: Stats | None = None  #: the newest row of the statistics
        self.address: Address = agent.srcaddr  #: with the port that SIPp got
        self._progress = progress
        self._dir = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._result: Result | None = None
        self._offset = 0
        self._header = ""

    @property
    def pid(self) -> int:
        """The process, for faults such as SIGSTOP."""
        if self._process is None:
            raise SippError(f"{self.agent.name} is not running")
        return self._process.pid

    async def __aenter__(self) -> Self:
        sipp = shutil.which("sipp")
        if sipp is None:
            raise SippError("sipp is not installed; on Debian: apt-get install sip-tester")
        words = self.agent.words()
        self._prepare()
        try:
            await self._start([*_dying_with_us(), sipp, *words])
            await self._bound()
        except BaseException:
            await self._end()
            raise
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end()

    async def wait(self) -> Result:
        """Wait until SIPp ends by itself, and say how."""
        if self._result is None:
            assert self._process is not None, "entered with `async with`"
            limit = self.agent.timeout
            try:
                async with asyncio.timeout(None if limit is None else limit + OVERTIME):
                    await self._process.wait()
            except TimeoutError:
                await self._kill()
                self._result = self._read(CODE_STOPPED)
                return self._result
            assert self._process.returncode is not None
            self._result = self._read(self._process.returncode)
        return self._result

    async def stop(self, grace: float = 10.0) -> Result:
        """Take no new calls, let those that are up end within ``grace`` seconds, then end it."""
        process = self._process
        assert process is not None, "entered with `async with`"
        if process.returncode is None:
            asked = time.time()
            # Once only: a second SIGUSR1 leaves SIPp 3.6 spinning for ever.
            self._signal(signal.SIGUSR1)
            try:
                async with asyncio.timeout(grace):
                    await self._emptied(process, asked)
            except TimeoutError:
                await self._kill()
        return await self.wait()

    async def _emptied(self, process: asyncio.subprocess.Process, asked: float) -> None:
        """Wait for SIPp's own end; help it when only answered OPTIONS are left (``Stats.up``)."""
        ended = asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=LOOK))[0]:
                if self.stats is not None and self.stats.at > asked and self.stats.up == 0:
                    self._signal(signal.SIGTERM)
                    await asyncio.shield(ended)
        finally:
            ended.cancel()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def calls(self) -> tuple[CallTiming, ...]:
        """The calls so far, when the agent was made with ``timings=True``."""
        if self._result is not None:
            return self._result.calls
        try:
            with (self._dir / "short.csv").open(errors="replace") as lines:
                return timings(lines)
        except FileNotFoundError:
            return ()

    def _prepare(self) -> None:
        agent = self.agent
        text = agent.scenario_text()
        if agent.logdir is None:
            self._dir = Path(tempfile.mkdtemp(prefix="sipp-"))
        else:
            self._dir = agent.logdir.resolve()
            self._dir.mkdir(parents=True, exist_ok=True)
            # The files of an earlier run would be read as this one's.
            for name in ("stats.csv", "short.csv", "errors.log", "stderr.log"):
                (self._dir / name).unlink(missing_ok=True)
        (self._dir / "scenario.xml").write_text(text)
        if agent.users:
            (self._dir / "users.csv").write_text(agent.users_csv())
        if TONE_FILE in text:
            (self._dir / TONE_FILE).write_bytes(ulaw_tone())

    async def _start(self, command: list[str]) -> None:
        with (self._dir / "stderr.log").open("wb") as complaints:
            starting = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *command,
                    cwd=self._dir,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=complaints,
                )
            )
            try:
                self._process = await asyncio.shield(starting)
            except asyncio.CancelledError:
                # Between fork and our knowing of it: a child must not get lost there.
                self._process = await starting
                raise

    async def _bound(self) -> None:
        """Wait until SIPp has its socket; one that ended before is for :meth:`wait` to report."""
        process, (host, port) = self._process, self.agent.srcaddr
        assert process is not None
        stream = self.agent.is_stream
        if stream and self.agent.is_client:
            return  # connects when it calls
        deadline = asyncio.get_running_loop().time() + READY
        while process.returncode is None:
            got = bound(process.pid, host, stream=stream)
            if got is not None:
                self.address = (host, got)
                return
            if asyncio.get_running_loop().time() > deadline:
                raise SippError(f"{self.agent.name}: not listening after {READY:.0f} s")
            await asyncio.sleep(LOOK_READY)
        if not self.agent.is_client or port is not None:
            result = await self.wait()
            if result.outcome in {Outcome.BIND_FAILED, Outcome.FATAL}:
                raise SippError(f"{result}{self._where()}")

    def _where(self) -> str:
        host, port = self.agent.srcaddr
        return f" (local address {host}, port {port or 'any'})"

    async def _watch(self) -> None:
        """Read new statistics as they come."""
        while True:
            self._look()
            await asyncio.sleep(LOOK)

    def _look(self) -> None:
        try:
            with (self._dir / "stats.csv").open() as file:
                file.seek(self._offset)
                lines = file.readlines()
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith("\n"):
                break
            self._offset += len(line.encode())
            if not self._header:
                self._header = line
                continue
            stats = Stats.parse(self._header, line)
            if stats is not None:
                self.stats = stats
                if self._progress is not None:
                    self._progress(stats)

    def _read(self, code: int) -> Result:
        """Everything that the ended SIPp left in its directory, as a value."""
        self._look()
        errors = ""
        for name in ("stderr.log", "errors.log"):
            with contextlib.suppress(FileNotFoundError):
                errors += (self._dir / name).read_text(errors="replace")[-COMPLAINTS:]
        result = Result(
            name=self.agent.name,
            outcome=outcome(code, self.stats),
            code=code,
            stats=self.stats,
            errors=errors,
            calls=self.calls(),
        )
        self._result = result
        return result

    async def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _undisturbed(process.wait())

    async def _end(self) -> None:
        """Leave no child, no task and no file; runs to its end even when cancelled again."""
        try:
            if self._watcher is not None:
                self._watcher.cancel()
            await self._kill()
        finally:
            if self.agent.logdir is None and self._dir != Path():
                shutil.rmtree(self._dir, ignore_errors=True)


async def _undisturbed(what: object) -> None:
    """Await something short to its end, and only then pass a cancellation on."""
    task = asyncio.ensure_future(what)  # type: ignore[call-overload]
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


def _dying_with_us() -> list[str]:
    """A prefix that makes the kernel kill the child when this process dies, however it dies."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL", "--"]
