"""Ask by a command of your own, in the way of monitoring plug-ins.

Exit code 0 is OK and 1 WARNING (both mean that the node can serve), 2 CRITICAL (it cannot), 3 and
everything else UNKNOWN: could not ask.  The first line that it prints is the text.  A command that
does not end in time counts as CRITICAL: what hangs usually hangs on the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.result import Bad, CannotAsk, Result, judged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from probes.result import Detail

TIMEOUT = 10.0
#: Octets of output that are looked at.
MOST = 4096
#: How much longer a runner may take to say that it ended a command.
GRACE = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; ``code`` is None when its time was over, negative for a signal."""

    code: int | None
    output: str
    seconds: float


if TYPE_CHECKING:
    #: words, additional environment, seconds; raises OSError when it cannot be started
    Runner = Callable[[Sequence[str], Mapping[str, str], float], Awaitable[Ended]]


async def command(
    words: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    runner: Runner | None = None,
) -> Result:
    """Run ``words`` (no shell) with ``env`` added to the environment."""

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        try:
            ended = await (runner or run)(words, env or {}, timeout)
        except OSError as error:
            raise CannotAsk(f"{words[0]}: {error.strerror or error}") from None
        return judge(ended, timeout)

    return await judged("command", words[0], timeout + GRACE, ask())


def judge(ended: Ended, timeout: float) -> tuple[str, Mapping[str, Detail]]:
    """What an end means; raises Bad or CannotAsk."""
    lines = ended.output.strip().splitlines()
    # What follows the bar is performance data for a plotting program.
    text = lines[0].partition("|")[0].strip()[:200] if lines else ""
    if ended.code is None:
        raise Bad(f"did not end within {timeout:g} s", seconds=round(ended.seconds, 3))
    details: dict[str, Detail] = {"code": ended.code}
    if ended.code in (0, 1):
        return text or ("OK" if ended.code == 0 else "WARNING"), details
    if ended.code == 2:
        raise Bad(text or "CRITICAL", **details)
    how = f"exit code {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
    raise CannotAsk(f"{text} ({how})" if text else how)


async def run(words: Sequence[str], env: Mapping[str, str], timeout: float) -> Ended:
    """The plain runner: a child of this process, ended with all its children when time is over."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(timeout):
            while data := await process.stdout.read(MOST):
                output += data[: MOST - len(output)]
            code: int | None = await process.wait()
    except TimeoutError:
        code = None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Ended(code, output.decode("utf-8", "replace"), time.monotonic() - began)
