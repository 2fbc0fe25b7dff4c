"""A front of stream connections only, with an echoing engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from sipfront.runtime.loop import Driver
from sipfront.runtime.plan import NodePlan, Place, Plan
from sipfront.runtime.sockets import Sockets
from sipfront.runtime.streams import Bounds, Streams
from sipfront.runtime.tls import Contexts, Files
from sipfront.stack.flows import Flow, Transport
from tests.runtime.support import EchoEngine, address

PING = b"\r\n\r\n"


class Hub:
    """A front of streams only, with an echoing engine."""

    def __init__(self, made: Sockets, files: Files, bounds: Bounds) -> None:
        self.engine = EchoEngine()
        self.driver = Driver(self.engine)
        self.sockets = made
        self.contexts = Contexts(files)
        self.renewed: list[Flow] = []
        self.streams = Streams(
            made,
            self.driver,
            self.contexts,
            bounds=bounds,
            renew=self.renewed.append,
            holds=self.engine.holds,
        )
        self.driver.dial = self.streams.dial

    def at(self, transport: Transport, *, inside: bool = False) -> tuple[str, int]:
        for listener in self.sockets.listeners:
            if listener.transport == transport and listener.inside == inside:
                return listener.bound
        raise LookupError

    def count(self, name: str) -> int:
        return self.driver.counters.get(name, 0)


@contextlib.asynccontextmanager
async def hub(
    files: Files = Files(),  # noqa: B008
    bounds: Bounds = Bounds(),  # noqa: B008
    host: str = "",
    node: tuple[str, int] = ("127.99.0.1", 1),
    inside: Transport = Transport.TCP,
) -> AsyncIterator[Hub]:
    host = host or address()
    kinds = [Transport.TCP, Transport.WS]
    kinds += [Transport.TLS, Transport.WSS] if files.certificate else []
    plan = Plan(
        tuple(Place(kind, host, 0, host, 0, inside=False) for kind in kinds),
        ((Place(inside, host, 0, host, 0, inside=True),),),
        False,
        (NodePlan("pbx-a", inside, *node),),
    )
    made = Hub(Sockets(plan), files, bounds)
    made.streams.start()
    try:
        yield made
    finally:
        await made.streams.close()
        made.driver.close()
        made.sockets.close()
        await asyncio.sleep(0)


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readexactly(size)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still came before the end."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            return await reader.read(-1)
    return b""
