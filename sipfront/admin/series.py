"""The last quarter of an hour, second by second: what the plots of the dashboard show.

Kept in memory, bounded, begun anew with the front.  A sample is one row of numbers; what was not
there in that second (no call was set up, say) is null.  Rates are per second.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sipfront.admin.route import Answer, Asked, Route, answer
from sipfront.admin.schema import array, integer, mapping, maybe, number, record, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sipfront.admin.port import ControlPort

#: Samples that are kept: 15 minutes.
MAX_SAMPLES = 900
#: Seconds between two.
SECONDS = 1.0
#: Answers that tell of a failure of ours or of a node's; a callee that is busy is none.
_FAILURES = frozenset({408, 480, 500, 502, 503, 504, 580})
#: States of a node as numbers, worst last; what is not known is UNKNOWN.
STATES = ("UP", "SUSPECT", "OVERLOADED", "DOWN", "UNKNOWN")


class Series:
    """Samples one front; every new sample is also handed to ``tell``."""

    def __init__(
        self,
        control: ControlPort,
        *,
        seconds: float = SECONDS,
        tell: Callable[[dict[str, Any]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._control, self._tell = control, tell
        self._seconds, self._clock, self._wall = seconds, clock, wall
        self.samples: deque[dict[str, Any]] = deque(maxlen=MAX_SAMPLES)
        self._at: float | None = None
        self._answers: dict[str, int] = {}
        self._heard = 0

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """While the application lives: one sample a second."""
        sampling = asyncio.get_running_loop().create_task(self._sampled())
        yield
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)

    async def _sampled(self) -> None:
        while True:
            sample = self.sample()
            if self._tell is not None:
                self._tell(sample)
            await asyncio.sleep(self._seconds)

    def sample(self) -> dict[str, Any]:
        """Take one, now."""
        status = self._control.status()
        now = self._clock()
        since = now - self._at if self._at is not None else None
        self._at = now
        sample: dict[str, Any] = {
            "at": round(self._wall(), 3),
            "calls": status.get("calls", 0),
            "bindings": status.get("bindings", 0),
            "epoch": status.get("epoch", 0),
            **self._rates(status.get("answers", {}), since),
            **self._times(),
            "nodes": {
                str(node.get("name")): {
                    "active": int(node.get("role") == "active"),
                    "state": _state(node.get("state")),
                    "rtt_ms": _rounded(node.get("rtt_ms")),
                }
                for node in status.get("nodes", [])
            },
        }
        self.samples.append(sample)
        return sample

    def _rates(self, answers: dict[str, int], since: float | None) -> dict[str, float | None]:
        """Calls answered, failed and otherwise ended before an answer, a second."""
        counts = {"answered": 0, "failed": 0, "refused": 0}
        for status, count in answers.items():
            new = count - self._answers.get(status, 0)
            kind = "answered" if status < "300" else "refused"
            counts["failed" if int(status) in _FAILURES else kind] += new
        self._answers = dict(answers)
        if not since:
            return dict.fromkeys(counts)
        return {kind: round(count / since, 2) for kind, count in counts.items()}

    def _times(self) -> dict[str, float | None]:
        """How long callers waited until they heard something, in milliseconds."""
        self._heard, times = self._control.setups(self._heard)
        if not times:
            return {"setup_ms": None, "setup_max_ms": None}
        middle = statistics.median(times)
        return {"setup_ms": _rounded(1000 * middle), "setup_max_ms": _rounded(1000 * max(times))}


def _state(name: object) -> int:
    return STATES.index(name) if isinstance(name, str) and name in STATES else len(STATES) - 1


def _rounded(value: object) -> float | None:
    return round(float(value), 2) if isinstance(value, int | float) else None


SERIES = web.AppKey("series", Series)


def prepare(app: web.Application, series: Series) -> None:
    """Let the series live as long as the application."""
    app[SERIES] = series
    app.cleanup_ctx.append(series.run)


async def _series(asked: Asked) -> web.StreamResponse:
    samples = asked.request.app[SERIES].samples
    newest = list(samples)[-asked.query["limit"] :]
    return answer({"instance": asked.control.instance, "seconds": SECONDS, "samples": newest})


_NODE = record(
    {
        "active": integer("1 on the active node"),
        "state": integer("Its place in " + ", ".join(STATES)),
        "rtt_ms": maybe(number("Time to an answer to OPTIONS, smoothed")),
    }
)
SAMPLE = record(
    {
        "at": number("Seconds since the epoch of Unix"),
        "calls": integer("Calls that are up"),
        "bindings": integer("Phones that are registered"),
        "epoch": integer(),
        "answered": maybe(number("Calls from outside that were answered, a second")),
        "refused": maybe(number("Calls that ended otherwise: busy, declined, given up, a second")),
        "failed": maybe(number("Calls that failed: no answer, or a 5xx, a second")),
        "setup_ms": maybe(number("Until callers heard something: the median")),
        "setup_max_ms": maybe(number("And the longest")),
        "nodes": mapping(_NODE, "By their names"),
    }
)

ROUTES = (
    Route(
        "GET",
        "/api/v1/series",
        _series,
        "The last quarter of an hour, second by second",
        "pair",
        {
            200: Answer(
                "Samples, oldest first",
                record({"instance": text(), "seconds": number(), "samples": array(SAMPLE)}),
            )
        },
        query={
            "limit": integer(
                "So many of the newest", minimum=1, maximum=MAX_SAMPLES, default=MAX_SAMPLES
            )
        },
    ),
)
