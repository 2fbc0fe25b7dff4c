"""All that looks at the nodes and acts around them beside SIP: probes, hooks, and their helper.

Starts and ends them together, passes their outcomes on to control, and says what is not well with
them.  Imported by the runtime only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sipfront.runtime import clock
from sipfront.runtime.errands import Errands
from sipfront.runtime.hooking import Hooking
from sipfront.runtime.log import tame
from sipfront.runtime.prober import BUCKETS, Prober

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sipfront.config.model import Config
    from sipfront.control.evidence import Checked, HookDone
    from sipfront.runtime.measures import Metric
    from sipfront.runtime.supervisor import Supervisor

log = logging.getLogger("sipfront.health")


class Health:
    """Probes and hooks of one front."""

    def __init__(self, config: Config, supervisor: Supervisor, wake: Callable[[], None]) -> None:
        """``wake`` lets the driver carry on after something was told."""
        self._config = config
        self._supervisor = supervisor
        self._wake = wake
        self.errands = Errands()
        self.hooking = Hooking(config, self.errands, self._hook_done)
        self.prober = Prober(config, self.errands, self._checked)
        supervisor.run_hook = self.hooking.run
        self._told = ""

    async def start(self) -> None:
        """Begin to ask; the helper is started only where something needs it."""
        if self.hooking.commands or self.prober.commands:
            await self.errands.start()
        self.prober.start()

    async def close(self) -> None:
        """End everything that runs."""
        await self.prober.close()
        await self.hooking.close()
        await self.errands.close()

    # ------------------------------------------------------------------ to control

    def _checked(self, outcome: Checked) -> None:
        self._supervisor.checked(outcome)
        self._look()
        self._wake()

    def _hook_done(self, done: HookDone) -> None:
        self._supervisor.hook_done(done)
        self._look()
        self._wake()

    # ------------------------------------------------------------------ for people

    @property
    def trouble(self) -> str:
        """What is not well, in one sentence; empty when all is."""
        said = (self.errands.trouble, self.prober.trouble, self.hooking.trouble)
        return str(tame("; ".join(text for text in said if text)))

    def _look(self) -> None:
        """Tell it once when that changes."""
        now = self.trouble
        if bool(now) != bool(self._told):
            kind = "health_degraded" if now else "health_recovered"
            text = now or "probes and hooks work again"
            self._supervisor.record(kind, text, loud=bool(now))
        self._told = now

    def outcomes(self) -> list[dict[str, Any]]:
        """The newest outcome of every probe at every node."""
        now = clock.now()
        return [
            {
                "probe": job.probe.called,
                "kind": job.probe.probe,
                "question": job.probe.asks,
                "node": self._config.nodes[job.node].name,
                "outcome": job.result.word,
                "text": tame(job.result.text),
                "seconds": round(job.result.seconds, 4),
                "age": round(now - job.at, 3),
                "details": tame(dict(job.result.details)),
            }
            for job in self.prober.jobs
            if job.result is not None
        ]

    def metrics(self) -> Iterator[Metric]:
        """Samples; those of one name stand together."""
        jobs = [job for job in self.prober.jobs if job.result is not None]
        for job in jobs:
            for outcome in ("good", "bad", "unknown", "hung"):
                labels = {**self._labels(job), "outcome": outcome}
                text = "Outcomes of deeper probes"
                count = float(getattr(job, outcome))
                yield ("sipfront_probe_outcomes_total", text, "counter", labels, count)
        for job in jobs:
            total = job.good + job.bad + job.unknown
            counts = [*(job.buckets or []), total]
            bounds = [*map(str, BUCKETS), "+Inf"]
            buckets = tuple(zip(bounds, map(float, counts), strict=True))
            text = "How long deeper probes took"
            yield (
                "sipfront_probe_seconds",
                text,
                "histogram",
                self._labels(job),
                (buckets, job.seconds),
            )
        text = "1 if probes, hooks and the helper that runs commands work"
        yield ("sipfront_health_working", text, "gauge", {}, float(not self.trouble))

    def _labels(self, job: Any) -> dict[str, str]:
        return {"probe": job.probe.called, "node": self._config.nodes[job.node].name}
