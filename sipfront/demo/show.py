"""``sipfront demo``: a front, two PBXs, phones and a trunk on this machine, to kill and to watch.

Exit codes: 0 the promise held (or the user quit), 1 it did not, 2 the stage could not be set.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sipfront.demo.processes import ProcessError
from sipfront.demo.script import FAULTS, RATE, Script
from sipfront.demo.stage import Stage
from sipfront.runtime.app import new_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

HELD, BROKEN, FAILED = 0, 1, 2


def show(
    *,
    script: bool,
    rate: float = RATE,
    network: str | None = None,
    plant: str | None = None,
    folder: Path | None = None,
    faults: Sequence[str] = FAULTS,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run the demonstration; the exit code.

    ``plant``: a fault of a node's that breaks the promise (``refuse``: the standby answers probes
    and refuses calls), to see that this is noticed.
    """
    show_ = _Show(rate, network, plant, folder, say or _print)
    with asyncio.Runner(loop_factory=new_loop()) as runner:
        try:
            return runner.run(show_.script(faults) if script else show_.live())
        except asyncio.CancelledError:
            return FAILED
        except (ProcessError, OSError) as error:
            print(f"sipfront demo: {error}", file=sys.stderr)  # noqa: T201 - a command
            return FAILED


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command


@dataclass
class _Show:
    rate: float
    network: str | None
    plant: str | None
    folder: Path | None
    say: Callable[[str], None]

    async def script(self, faults: Sequence[str]) -> int:
        """Play the faults once."""
        async with self._stage() as stage:
            held = await Script(stage, self.say, self.rate, faults).play()
        return HELD if held else BROKEN

    async def live(self) -> int:
        """Let somebody play with it."""
        from sipfront.demo.view import View  # a script needs no terminal

        async with self._stage() as stage:
            await View(stage, self.rate).run()
        return HELD

    @contextlib.asynccontextmanager
    async def _stage(self) -> AsyncIterator[Stage]:
        me = asyncio.current_task()
        if me is not None:  # SIGTERM takes everything down as Ctrl-C does
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
        say = self.say
        say("setting the stage: front, two PBXs, six phones, a trunk")
        async with Stage(self.network, self.folder) as stage:
            status = await stage.status()
            where = f"{stage.front_at[0]}:{stage.front_at[1]}"
            say(f"phones and trunk know {where} and nothing else; admin at {stage.admin}")
            say(f"{status.get('active')} is active; {status.get('why')}")
            if self.plant == "refuse":
                standby = stage.other(await stage.active())
                standby.tell("refuse 500")
                say(f"planted: {standby.name} refuses every call")
            say("")
            yield stage
