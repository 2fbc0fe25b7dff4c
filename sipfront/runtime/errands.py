"""Commands of others, run by a small helper process (:mod:`sipfront.runtime.messenger`).

The front itself never starts a command.  The helper is started first, and again when it has died;
what it was doing then could not be done, which is not the same as having failed.  Imported by the
runtime only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.command import Ended
from sipfront.runtime.log import event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger("sipfront.errands")

HELPER = Path(__file__).with_name("messenger.py")
#: A helper that dies is started again, but not more often than this: its start costs 50 ms of CPU.
AGAIN = 1.0
#: How much longer than a command's own time its end is waited for; then the helper hangs.
GRACE = 1.0
#: Octets of one answer; the helper cuts output at 4,096, and JSON may write six for one.
LONGEST = 1 << 17


class ErrandError(OSError):
    """A command could not be run at all; the text says why."""


class Errands:
    """Runs commands; :meth:`start` first, :meth:`close` in the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Ended]] = {}
        self._last = 0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        #: why commands cannot be run now; empty when they can
        self.trouble = ""

    async def start(self) -> None:
        """Start the helper; must be called on the loop's own thread, which it dies with."""
        self._begin()
        self._task = asyncio.get_running_loop().create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """The helper's number, while there is one."""
        return self._process.pid if self._process is not None else None

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # subprocess uses vfork here: nothing of this process is copied, whatever its size.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(HELPER), str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setblocking(False)
        self._ours = ours

    async def _keep(self) -> None:
        """Read answers; start the helper again when it has died."""
        while True:
            reader, self._writer = await asyncio.open_unix_connection(
                sock=self._ours, limit=LONGEST
            )
            self.trouble = ""
            with contextlib.suppress(OSError, ValueError):
                while line := await reader.readline():
                    self._answer(json.loads(line))
            self.trouble = "the helper process has ended"
            self._fail(self.trouble)
            self._reap()
            event(log, logging.WARNING, "helper_ended", hint="it is started again")
            await asyncio.sleep(AGAIN)
            self._begin()

    def _answer(self, answer: dict[str, Any]) -> None:
        waiting = self._waiting.pop(answer["id"], None)
        if waiting is None or waiting.done():
            return
        if "error" in answer:
            waiting.set_exception(ErrandError(answer["error"]))
        else:
            waiting.set_result(Ended(answer["code"], answer["output"], answer["seconds"]))

    def _fail(self, why: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ErrandError(why))
        self._waiting.clear()

    async def run(
        self, words: Sequence[str], env: Mapping[str, str], timeout: float, text: str = ""
    ) -> Ended:
        """Run ``words`` (no shell) with ``env`` added and ``text`` on its standard input.

        :raises ErrandError: when it could not be started, or the helper is not there.
        """
        writer = self._writer
        if writer is None or self.trouble:
            raise ErrandError(self.trouble or "the helper process has not started yet")
        self._last += 1
        number = self._last
        waiting: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        order = {
            "id": number,
            "words": list(words),
            "env": dict(env),
            "input": text,
            "timeout": timeout,
        }
        writer.write(json.dumps(order).encode() + b"\n")
        try:
            async with asyncio.timeout(timeout + GRACE):
                return await waiting
        except TimeoutError:
            raise ErrandError("the helper process does not answer") from None
        finally:
            if self._waiting.pop(number, None) is not None:
                writer.write(json.dumps({"cancel": number}).encode() + b"\n")

    def _reap(self) -> None:
        if self._process is not None:
            # It is ending already, or it no longer listens: either way it is killed at once.
            self._process.kill()
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        """End the helper and what it runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail("the front ends")
        if self._writer is not None:
            self._writer.close()
        process, self._process = self._process, None
        if process is not None:
            # The socket is closed: it ends its commands and then itself.
            try:
                await asyncio.to_thread(process.wait, GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
