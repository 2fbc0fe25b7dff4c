"""Agents that belong together: servers first, then clients, then servers stopped.

The defaults pair up: a client without a destination calls the first server, at the port that this
server really got.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, TypeVar

from probes.sipp.agent import Agent, client, server
from probes.sipp.outcome import Result, SippError, SippFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.sipp.agent import Address
    from probes.sipp.outcome import Stats
    from probes.sipp.process import Run

T = TypeVar("T")

#: Seconds that servers get at the end for calls that are still up.
GRACE = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """Some agents that run together."""

    agents: tuple[Agent, ...]

    @property
    def servers(self) -> tuple[Agent, ...]:
        """The agents that are called."""
        return tuple(agent for agent in self.agents if not agent.is_client)

    @property
    def clients(self) -> tuple[Agent, ...]:
        """The agents that call."""
        return tuple(agent for agent in self.agents if agent.is_client)

    async def run(
        self, progress: Callable[[Agent, Stats], None] | None = None, *, check: bool = True
    ) -> tuple[Result, ...]:
        """Start the servers, run the clients to their end, stop the servers.

        Returns one result per agent in the order of ``agents``.  With ``check`` (the default) a
        failure raises :class:`SippFailed`; a server that the clients never reached is none.
        """
        if not self.clients:
            raise SippError("a scenario without a client never ends")
        async with contextlib.AsyncExitStack() as stack:
            runs: dict[int, Run] = {}
            for index, agent in enumerate(self.agents):
                if not agent.is_client:
                    run = agent.start(_bind(progress, agent))
                    runs[index] = await stack.enter_async_context(run)
            first = next((run.address for run in runs.values()), None)
            for index, agent in enumerate(self.agents):
                if agent.is_client:
                    agent = _paired(agent, first)
                    runs[index] = await stack.enter_async_context(
                        agent.start(_bind(progress, agent))
                    )
            results: dict[int, Result] = {}
            async with asyncio.TaskGroup() as group:
                tasks = {
                    index: group.create_task(runs[index].wait())
                    for index, agent in enumerate(self.agents)
                    if agent.is_client
                }
            results |= {index: task.result() for index, task in tasks.items()}
            async with asyncio.TaskGroup() as group:
                stops = {
                    index: group.create_task(runs[index].stop(GRACE))
                    for index, agent in enumerate(self.agents)
                    if not agent.is_client
                }
            results |= {index: task.result() for index, task in stops.items()}
        ordered = tuple(results[index] for index in range(len(self.agents)))
        if check and not all(result.ok for result in ordered):
            raise SippFailed(ordered)
        return ordered


def scenario(
    *agents: Agent,
    proxyaddr: Address | str | None = None,
    call_count: int | None = None,
    rate: float | None = None,
    pause_duration: int | None = None,
) -> Scenario:
    """Agents that belong together; without any, one server and one client on loopback.

    The keyword arguments are for every client that does not say otherwise by itself.
    """
    chosen = agents or (server(), client())
    proxy = (proxyaddr, None) if isinstance(proxyaddr, str) else proxyaddr
    return Scenario(
        tuple(
            _with(agent, proxy, call_count, rate, pause_duration) if agent.is_client else agent
            for agent in chosen
        )
    )


def _with(
    agent: Agent,
    proxy: Address | None,
    call_count: int | None,
    rate: float | None,
    pause_duration: int | None,
) -> Agent:
    """A client with the scenario's settings where it has none but the defaults."""
    plain = client()
    return dataclasses.replace(
        agent,
        proxyaddr=agent.proxyaddr or proxy,
        call_count=_or(agent.call_count, plain.call_count, call_count),
        rate=_or(agent.rate, plain.rate, rate),
        pause_duration=_or(agent.pause_duration, plain.pause_duration, pause_duration),
    )


def _or(own: T, default: T, shared: T | None) -> T:
    return shared if own == default and shared is not None else own


def _paired(agent: Agent, called: Address | None) -> Agent:
    if agent.destaddr is None and called is not None:
        return dataclasses.replace(agent, destaddr=called)
    return agent


def _bind(
    progress: Callable[[Agent, Stats], None] | None, agent: Agent
) -> Callable[[Stats], None] | None:
    return None if progress is None else (lambda stats: progress(agent, stats))
