"""The small process that starts commands, so that the front need not: hooks, command probes.

Starting a process from a large one blocks its loop for milliseconds; from this one nobody waits.  It
is run as a file, with the standard library only.  Over the socket on its standard input come orders,
one JSON object a line, and answers go back the same way::

    {"id": 1, "words": ["fence", "pbx-a"], "env": {...}, "input": "", "timeout": 2.0}
    {"id": 1, "code": 0, "output": "done", "seconds": 0.01}      code null: its time was over
    {"id": 1, "error": "No such file or directory"}              it could not be started
    {"cancel": 1}                                                nobody waits for it any more

It dies with the front, and what it started dies with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
#: Octets of output that are handed back; the rest is read and thrown away.
MOST = 4096
#: Commands at once; more wait, and their time runs meanwhile.
AT_ONCE = 16
#: Octets of one order: words, environment, and the body of a hook.
LONGEST = 1 << 20

_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent is gone (Linux)."""
    with contextlib.suppress(AttributeError):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Messenger:
    """Takes orders until the socket is closed."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def order(self, line: bytes) -> None:
        """One line came."""
        order = json.loads(line)
        if "cancel" in order:
            if task := self._tasks.get(order["cancel"]):
                task.cancel()
            return
        task = asyncio.get_running_loop().create_task(self._do(order))
        self._tasks[order["id"]] = task
        task.add_done_callback(lambda _: self._tasks.pop(order["id"], None))

    async def close(self) -> None:
        """End everything."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _do(self, order: dict[str, Any]) -> None:
        began = time.monotonic()
        answer: dict[str, Any] = {"id": order["id"]}
        try:
            async with asyncio.timeout(order["timeout"]), self._slots:
                answer |= await self._run(order)
        except TimeoutError:
            answer |= {"code": None, "output": ""}
        except OSError as error:
            answer["error"] = f"{order['words'][0]}: {error.strerror or error}"
        answer["seconds"] = round(time.monotonic() - began, 4)
        self._writer.write(json.dumps(answer).encode() + b"\n")

    async def _run(self, order: dict[str, Any]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *order["words"],
            env={**os.environ, **order.get("env", {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        output = b""
        try:
            with contextlib.suppress(OSError):
                process.stdin.write(order.get("input", "").encode())
                process.stdin.close()
            while data := await process.stdout.read(MOST):
                output += data[: MOST - len(output)]
            code = await process.wait()
        finally:
            # What it left running in the background ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(asyncio.CancelledError):
                await process.wait()
        return {"code": code, "output": output.decode("utf-8", "replace")}


async def main() -> None:
    """Until the front closes the socket."""
    sock = socket.socket(fileno=0)
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=LONGEST)
    messenger = Messenger(writer)
    try:
        while line := await reader.readline():
            messenger.order(line)
    finally:
        await messenger.close()


if __name__ == "__main__":
    # Ctrl-C on the front's terminal is the front's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = int(sys.argv[1])
    die_with_parent()
    if os.getppid() == parent:  # else it died before it was asked for
        with contextlib.suppress(ConnectionError):
            asyncio.run(main())
