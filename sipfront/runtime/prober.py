"""Asks the deeper questions, each in its own time, and hands their outcomes over as evidence.

Judges nothing: what an answer means for a node is control's.  A question that hangs is cancelled
and counts as not asked; one that cannot be cancelled is left alone, and said.  Questions go from
the front's own inside address, from sockets of their own: a node must not take an answer to a probe
for one to a phone.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.asking import Question, ask
from probes.result import Result
from sipfront.config.probes import PORTS
from sipfront.control.evidence import Checked
from sipfront.runtime import clock
from sipfront.runtime.addresses import bracketed
from sipfront.runtime.log import event
from sipfront.sip.errors import SipError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from probes.command import Ended
    from sipfront.config.model import Config, Node
    from sipfront.config.probes import Probe
    from sipfront.runtime.errands import Errands

    Ask = Callable[[Question], Awaitable[Result]]

log = logging.getLogger("sipfront.probes")

#: Questions at once: two nodes and eight probes may be asked together; each costs a few sockets.
AT_ONCE = 16
#: Part of the interval by which a question may come sooner or later: many fronts and many probes
#: must not ask in step.
JITTER = 0.1
#: Beyond its own time and that of its audio: the ends of a call and of a registration.
GRACE = 3.0
#: How long a cancelled question may take to end.
LETTING_GO = 1.0
#: How the text of a question begins that had to be cancelled.
HUNG = "the probe hung"
#: Bounds of the histogram of times, in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(slots=True)
class Job:
    """One probe and one node."""

    probe: Probe
    node: int
    #: the newest outcome, and when it came
    result: Result | None = None
    at: float = 0.0
    #: outcomes: good, bad, unknown
    good: int = 0
    bad: int = 0
    unknown: int = 0
    hung: int = 0
    #: times of all outcomes: their sum, and how many were at most each of BUCKETS
    seconds: float = 0.0
    buckets: list[int] | None = None

    def count(self, result: Result) -> None:
        """One more outcome."""
        if self.buckets is None:
            self.buckets = [0] * len(BUCKETS)
        self.result, self.at = result, clock.now()
        self.good += result.good is True
        self.bad += result.good is False
        self.unknown += result.good is None
        self.seconds += result.seconds
        for index, bound in enumerate(BUCKETS):
            self.buckets[index] += result.seconds <= bound


class Prober:
    """Asks all that is configured; :meth:`start`, then :meth:`close`."""

    def __init__(
        self,
        config: Config,
        errands: Errands,
        tell: Callable[[Checked], None],
        *,
        asking: Ask | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``asking`` and ``chance`` (0 to 1) are the tests' to replace."""
        self._config = config
        self._errands = errands
        self._tell = tell
        self._ask = asking or self._really_ask
        self._chance = chance
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        #: questions that do not end though they were cancelled
        self._stuck: set[asyncio.Task[Result]] = set()
        names = [node.name for node in config.nodes]
        self.jobs = [
            Job(probe, names.index(name))
            for probe in config.probes
            for name in (probe.nodes or names)
        ]

    @property
    def commands(self) -> bool:
        """Is there a probe that runs a command?"""
        return any(job.probe.probe == "command" for job in self.jobs)

    @property
    def trouble(self) -> str:
        """What is not well with asking itself, for people; empty when all is."""
        said = []
        if self._stuck:
            said.append(f"{len(self._stuck)} probes hang and cannot be ended")
        for job in self.jobs:
            if job.result is not None and job.result.text.startswith(HUNG):
                node = self._config.nodes[job.node].name
                said.append(f"the probe {job.probe.called} of {node} hangs")
        return "; ".join(said)

    def start(self) -> None:
        """Begin to ask."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._repeat(job)) for job in self.jobs]

    async def close(self) -> None:
        """Stop asking."""
        tasks = [*self._tasks, *self._stuck]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LETTING_GO)

    # ------------------------------------------------------------------ when

    async def _repeat(self, job: Job) -> None:
        interval = job.probe.interval
        # All nodes are known soon after the start, but not all are asked in the same moment.
        await asyncio.sleep(min(interval, 1.0) * self._chance())
        while True:
            due = clock.now() + interval * (1 + JITTER * (2 * self._chance() - 1))
            async with self._slots:
                result = await self._once(job)
            job.count(result)
            self._report(job, result)
            # One that takes longer than its interval is not asked twice at once.
            await asyncio.sleep(max(due - clock.now(), interval * JITTER))

    async def _once(self, job: Job) -> Result:
        """Ask, and come back with an outcome in any case."""
        probe, began = job.probe, clock.now()
        task = asyncio.get_running_loop().create_task(self._asked(job))
        limit = probe.timeout + probe.audio + GRACE
        try:
            await asyncio.wait({task}, timeout=limit)
            if not task.done():
                job.hung += 1
                task.cancel()
                await asyncio.wait({task}, timeout=LETTING_GO)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.done():
            self._stuck.add(task)
            task.add_done_callback(self._stuck.discard)
        elif not task.cancelled():
            return task.result()
        text = f"{HUNG}: cancelled after {clock.now() - began:.1f} s"
        return Result(probe.probe, probe.called, None, text, clock.now() - began)

    async def _asked(self, job: Job) -> Result:
        probe = job.probe
        try:
            question = await self._question(job)
            return await self._ask(question)
        except (SipError, ValueError, OSError) as error:
            return Result(probe.probe, probe.called, None, f"could not be asked: {error}")
        except Exception as error:
            log.error("bug", exc_info=error, extra={"fields": {"where": probe.called}})
            text = f"could not be asked: {type(error).__name__}: {error}"
            return Result(probe.probe, probe.called, None, text)

    # ------------------------------------------------------------------ what

    async def _question(self, job: Job) -> Question:
        """The question; files are read each time, so that a changed password needs no restart."""
        probe, node = job.probe, self._config.nodes[job.node]
        password = ""
        if probe.password_file is not None:
            # A file may lie on a disk that hangs.
            text = await asyncio.to_thread(probe.password_file.read_text)
            password = (text.splitlines() or [""])[0]
        host = probe.host.replace("{host}", node.uri.host)
        url = (probe.url or "").replace("{host}", bracketed(node.uri.host))
        theirs = probe.probe in ("options", "register", "call") or host == node.uri.host
        words = tuple(self._filled(word, node) for word in probe.command or ())
        return Question(
            kind=probe.probe,
            timeout=probe.timeout,
            target=self._target(probe, node),
            host=host,
            port=probe.port or PORTS.get(probe.probe, 0),
            url=url,
            user=probe.user,
            password=password,
            # Another host (a database) may not be reachable from the inside network.
            local=self._config.front.inside.local.host if theirs and not url else None,
            hear=probe.hear,
            audio=probe.audio,
            max_loss=probe.max_loss,
            expect=probe.expect,
            contains=probe.contains,
            name=probe.server_name,
            days=probe.days,
            authorities=probe.authorities,
            verify=probe.verify,
            database_kind=probe.database_kind,
            database=probe.database,
            role=probe.role,
            max_lag=probe.max_lag,
            words=words,
            env={"SIPFRONT_NODE": node.name, "SIPFRONT_URI": str(node.uri)},
        )

    def _target(self, probe: Probe, node: Node) -> str:
        user = f"{probe.extension}@" if probe.extension else ""
        uri = node.uri
        return f"sip:{user}{bracketed(uri.host)}:{uri.effective_port};transport={uri.transport}"

    def _filled(self, word: str, node: Node) -> str:
        return word.replace("{host}", node.uri.host).replace("{node}", node.name)

    async def _really_ask(self, question: Question) -> Result:
        return await ask(question, self._run)

    async def _run(self, words: Sequence[str], env: Mapping[str, str], timeout: float) -> Ended:
        return await self._errands.run(words, env, timeout)

    # ------------------------------------------------------------------ telling

    def _report(self, job: Job, result: Result) -> None:
        probe, node = job.probe, self._config.nodes[job.node].name
        event(
            log,
            logging.DEBUG,
            "probe",
            probe=probe.called,
            node=node,
            word=result.word,
            text=result.text,
            seconds=round(result.seconds, 4),
        )
        self._tell(
            Checked(
                job.node,
                probe.called,
                probe.asks,
                result.good,
                result.text,
                result.seconds,
                clock.now(),
            )
        )
