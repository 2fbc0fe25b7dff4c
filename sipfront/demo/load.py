"""A steady load of short calls between everybody, and what their users noticed."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from typing import TYPE_CHECKING

from sipfront.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.demo.stage import Stage
    from sipfront.demo.station import Experience, Station

#: Seconds for which a user stays on the line at least.
HOLD = 0.3
#: Calls begun so long before a fault count as "usual".
BEFORE = 3.0


class Load:
    """Makes calls until it is stopped; nobody redials."""

    def __init__(self, stage: Stage, rate: float) -> None:
        """``rate``: calls a second."""
        self.rate = rate
        self.calls: list[Experience] = []
        self.open = 0
        self._turns = self._plan(stage)
        self._tasks: set[asyncio.Task[None]] = set()
        self._maker: asyncio.Task[None] | None = None

    def _plan(self, stage: Stage) -> Iterator[tuple[Station, str]]:
        """Phone to phone, to the echo, to the tone, to the trunk; trunk to phone and to the echo."""
        phones = stage.phones
        for turn in itertools.count():
            phone = phones[turn % len(phones)]
            other = phones[(turn + 1 + turn // len(phones)) % len(phones)]
            if other is phone:
                other = phones[(turn + 1) % len(phones)]
            yield phone, other.name
            yield phone, "600"
            yield phone, "9" + stage.trunk.name
            yield stage.trunk, other.name
            yield phone, "601"
            yield stage.trunk, "600"

    def start(self) -> None:
        """Begin."""
        self._maker = asyncio.get_running_loop().create_task(self._make())

    async def stop(self) -> None:
        """Make no more calls and wait for the end of those that are open."""
        if self._maker is not None:
            self._maker.cancel()
            self._maker = None
        await asyncio.gather(*self._tasks)

    async def _make(self) -> None:
        due = clock.now()
        for station, number in self._turns:
            due = max(due + 1 / self.rate, clock.now() - 1.0)
            await asyncio.sleep(max(0.0, due - clock.now()))
            task = asyncio.get_running_loop().create_task(self._one(station, number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, station: Station, number: str) -> None:
        self.open += 1
        try:
            self.calls.append(await station.call(number, HOLD))
        finally:
            self.open -= 1

    def begun(self, since: float, until: float = float("inf")) -> list[Experience]:
        """The finished calls that were begun in this span (monotonic time)."""
        return [call for call in self.calls if since <= call.began < until]

    def usual(self, before: float) -> float:
        """The median time of setting up a call in the seconds before a moment."""
        took = [
            call.setup for call in self.begun(before - BEFORE, before) if call.setup is not None
        ]
        return statistics.median(took) if took else 0.0
