"""Keeps the flows of the trunks: names are looked up again and again, connections made anew.

Pushes to the engine what it may send a trunk's requests by, in order of preference.  The last good
answer of DNS stays in use when DNS fails.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sipfront.runtime.dns import RETRY, NotFound, Resolver, Target
from sipfront.runtime.log import event
from sipfront.runtime.plan import TRANSPORT
from sipfront.stack.flows import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sipfront.config.trunks import Trunk
    from sipfront.runtime.sockets import Sockets
    from sipfront.runtime.streams import Streams
    from sipfront.stack.flows import Flow

log = logging.getLogger("sipfront.trunks")


class Trunks:
    """The trunks of the configuration and their flows."""

    def __init__(
        self,
        sockets: Sockets,
        push: Callable[[str, tuple[Flow, ...]], None],
        *,
        resolver: Resolver | None = None,
    ) -> None:
        """``push`` gets a trunk's name and its flows whenever they change."""
        self.streams: Streams | None = None
        self._sockets = sockets
        self._push = push
        self._resolver = resolver if resolver is not None else Resolver()
        self._trunks: dict[str, Trunk] = {}
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._flows: dict[str, tuple[Flow, ...]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def set(self, trunks: Iterable[Trunk]) -> None:
        """These are the trunks now; what is known of those that did not change is kept."""
        wanted = {trunk.name: trunk for trunk in trunks}
        for name in list(self._trunks):
            if wanted.get(name) != self._trunks[name]:
                self._tasks.pop(name).cancel()
                self._targets.pop(name, None)
                self._flows.pop(name, None)
                del self._trunks[name]
                if name not in wanted:
                    self._push(name, ())
        loop = asyncio.get_running_loop()
        for name, trunk in wanted.items():
            if name not in self._trunks:
                self._trunks[name] = trunk
                self._tasks[name] = loop.create_task(self._keep(trunk))

    def renew(self, flow: Flow) -> bool:
        """A connection that we made has ended; true if it was a trunk's (it has a new flow now)."""
        for name, flows in self._flows.items():
            if flow in flows:
                self._build(name)
                return True
        return False

    async def close(self) -> None:
        """Stop looking up."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, trunk: Trunk) -> None:
        """Look the trunk up, push, sleep as long as the answer lives."""
        uri = trunk.uri
        transport = TRANSPORT[uri.transport] if uri.explicit or uri.scheme == "sips" else None
        failing = False
        while True:
            try:
                versions = self._sockets.outside_versions()
                answer = await self._resolver.resolve(uri.host, uri.port, transport, versions)
            except NotFound as error:
                if not failing:
                    event(
                        log, logging.WARNING, "trunk_not_found", trunk=trunk.name, text=str(error)
                    )
                failing = True
                await asyncio.sleep(RETRY)
                continue
            if answer.targets != self._targets.get(trunk.name):
                self._targets[trunk.name] = answer.targets
                self._build(trunk.name)
            elif failing:
                event(log, logging.INFO, "trunk_found_again", trunk=trunk.name)
            failing = False
            await asyncio.sleep(answer.ttl)

    def _build(self, name: str) -> None:
        """Turn targets into flows and push them."""
        old = {
            (f.listener.transport, f.host, f.port): f for f in self._flows.get(name, ()) if f.open
        }
        flows: list[Flow] = []
        unreachable: list[str] = []
        for target in self._targets[name]:
            flow = old.get((target.transport, target.host, target.port)) or self._flow(name, target)
            if flow is None:
                unreachable.append(f"{target.transport.name} {target.host}:{target.port}")
            else:
                flows.append(flow)
        self._flows[name] = tuple(flows)
        if unreachable:
            text = "no listener outside has this transport and IP version"
            event(
                log,
                logging.WARNING,
                "trunk_without_listener",
                trunk=name,
                targets=", ".join(unreachable),
                text=text,
            )
        self._push(name, self._flows[name])

    def _flow(self, name: str, target: Target) -> Flow | None:
        listener = self._sockets.outside_for(target.transport, target.host)
        if listener is None:
            return None
        flows = self._sockets.flows
        if target.transport == Transport.UDP:
            return flows.udp(listener, target.host, target.port)
        flow = flows.stream(listener, target.host, target.port)
        if self.streams is not None:
            self.streams.named(flow, self._trunks[name].uri.host)
        return flow
