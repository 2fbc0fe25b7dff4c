"""What people notice of a fault: calls that are up, and new ones that are made meanwhile.

SIPps at the trunk's address: some calls that are put on hold and taken back while the fault lasts,
and a new one each second.  Counts what went on, and which node took the new ones.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes import sipp
from tests.lab.asterisk import DOMAIN
from tests.lab.front import ADDRESS, CARRIER

if TYPE_CHECKING:
    from probes.sipp.process import Run
    from tests.lab.front import Front

#: Calls that are up; with the probes' own and a new one they stay below the cap of the node.
HELD = 2
#: New calls, one a second, as long as the others last; each ms long.
NEW, LASTS = 9, 300
#: The echo.
CALLED = "600"
#: Until the calls are up, seconds; SIPp writes its statistics once a second.
UP = 5.0


@dataclass(frozen=True)
class Heard:
    """What became of the calls around one fault."""

    held: int
    went_on: int
    new: int
    answered: int
    #: new calls that another node than the ill one took
    elsewhere: int
    #: the longest set-up of a new one, seconds
    slowest: float

    @property
    def good(self) -> bool:
        """Did nobody notice?"""
        return self.went_on == self.held and self.answered == self.new


def together(all_: list[Heard]) -> str:
    """One sentence about many."""

    def total(name: str) -> int:
        return sum(getattr(one, name) for one in all_)

    return (
        f"{total('went_on')} of {total('held')} calls that were up went on (held, taken back, hung "
        f"up); {total('answered')} of {total('new')} new ones answered, {total('elsewhere')} by the "
        f"other node, the slowest after {max(one.slowest for one in all_):.2f} s"
    )


class Talk:
    """The calls around one fault."""

    def __init__(self, front: Front, ill: str, phase: float = 3.0) -> None:
        """``ill``: the name of the node to which something will be done; ``phase``: seconds until
        calls are put on hold, until they are taken back, and until they end."""
        self._front = front
        self._ill = ill
        self._since = time.time()
        shared = {
            "srcaddr": CARRIER,
            "destaddr": (ADDRESS, 5060),
            "domain": DOMAIN,
            "uri_username": CALLED,
        }
        self._held = sipp.client(  # type: ignore[misc]
            scen_name="uac_hold",
            call_count=HELD,
            rate=20,
            pause_duration=round(1000 * phase),
            **shared,
        )
        self._new = sipp.client(  # type: ignore[misc]
            scen_name="uac", call_count=NEW, rate=1, pause_duration=LASTS, timings=True, **shared
        )
        self._runs: list[Run] = []

    async def begin(self) -> None:
        """Have calls up, and begin to make new ones."""
        for agent in (self._held, self._new):
            run = agent.start()
            await run.__aenter__()
            self._runs.append(run)
        ends = time.monotonic() + UP
        while (await self._front.status())["gauges"].get("calls", 0) < HELD:
            if time.monotonic() > ends:
                raise RuntimeError("the calls did not come up")
            await asyncio.sleep(0.05)

    async def end(self) -> Heard:
        """Wait until all are over."""
        try:
            held, new = [await run.wait() for run in self._runs]
        finally:
            await self.stop()
        for result in (held, new):
            if not result.ok:
                print(f"  {result}", flush=True)
        rows = await self._front.records(self._since - 1)
        taken = {row["call_id"]: row["node_end"] or row["node"] for row in rows}
        times = [call.set_up for call in new.calls if call.set_up is not None]
        return Heard(
            HELD,
            held.stats.successful if held.stats else 0,
            NEW,
            len(times),
            sum(taken.get(call.call_id, self._ill) != self._ill for call in new.calls),
            max(times, default=0.0),
        )

    async def stop(self) -> None:
        """End what is left."""
        while self._runs:
            await self._runs.pop().__aexit__(None, None, None)
