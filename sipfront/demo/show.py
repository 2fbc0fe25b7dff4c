"""``sipfront demo``: a front, two PBXs, phones and a trunk on this machine, to kill and to watch.

Exit codes: 0 the promise held (or the user quit), 1 it did not, 2 the stage could not be set.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from sipfront.demo.processes import ProcessError
from sipfront.demo.script import RATE, Script
from sipfront.demo.stage import Stage
from sipfront.runtime.app import new_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELD, BROKEN, FAILED = 0, 1, 2


def show(
    *,
    script: bool,
    rate: float = RATE,
    network: str | None = None,
    plant: str | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run the demonstration; the exit code.

    ``plant``: a fault of a node's that breaks the promise (``refuse``: the standby answers probes
    and refuses calls), to see that this is noticed.
    """
    say = say or _print
    with asyncio.Runner(loop_factory=new_loop()) as runner:
        try:
            return runner.run(_show(script, rate, network, plant, folder, say))
        except (ProcessError, OSError) as error:
            print(f"sipfront demo: {error}", file=sys.stderr)  # noqa: T201 - a command
            return FAILED


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command


async def _show(
    script: bool,
    rate: float,
    network: str | None,
    plant: str | None,
    folder: Path | None,
    say: Callable[[str], None],
) -> int:
    say("setting the stage: front, two PBXs, six phones, a trunk")
    async with Stage(network, folder) as stage:
        status = await stage.status()
        where = f"{stage.front_at[0]}:{stage.front_at[1]}"
        say(f"phones and trunk know {where} and nothing else; admin at {stage.admin}")
        say(f"{status.get('active')} is active; {status.get('why')}")
        if plant == "refuse":
            active = await stage.active()
            stage.other(active).tell("refuse 500")
            say(f"planted: {stage.other(active).name} refuses every call")
        if script:
            say("")
            return HELD if await Script(stage, say, rate).play() else BROKEN
        from sipfront.demo.view import View  # rich is not needed for a script

        await View(stage, rate).run()
        return HELD
