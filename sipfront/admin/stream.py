"""Server-sent events: what happens, when it happens, and the status once a second.

Wire (WHATWG HTML, 9.2)::

    retry: 1000                        once, at the beginning
    event: hello
    data: {"instance": "...", "resumed": true, "events": 3}

    event: event                       each event of the front, with its number
    id: INSTANCE.NUMBER
    data: {"id": 17, "at": 1769860800.1, "event": "failover", "text": "..."}

    event: status                      everything that `status` gives, once a second
    data: {...}

    event: sample                      and the newest second of the plots, see admin/series.py
    data: {...}

    : a comment, when nothing else was said for a while

Who comes back with ``Last-Event-ID`` gets what it has missed, from the front's memory; after a
restart of the front (another instance) everything that the new one knows.

The number of clients, what waits for one of them, the time that it may take to read and the time
that a stream lasts are bounded; a client that cannot follow is closed, comes back, and has missed
nothing.  A status that was not sent yet is replaced by the next one.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from sipfront.admin.route import ERROR, Answer, Asked, Refused, Route, as_json
from sipfront.admin.schema import boolean, record, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sipfront.admin.port import ControlPort

#: Browsers and scripts that look at one front at the same time; each costs a status a second.
MAX_CLIENTS = 16
#: Events that may wait for a slow client: as many as the front remembers, and some.
MAX_WAITING = 1200
#: Seconds after which silence is broken, so that both ends see that the other is there.
HEARTBEAT_SECONDS = 15.0
#: A client that does not read for so long is closed.
WRITE_SECONDS = 10.0
#: A stream ends after this and is asked for again: then the token is looked at again.
LIFE_SECONDS = 3600.0
#: After an event the status does not wait for its second, but for those that come with it.
SOON = 0.05
#: What a client waits before it comes back, in milliseconds.
RETRY_MS = 1000
#: Events that are sent to somebody who comes without ``Last-Event-ID``, or from another instance.
CATCH_UP = 200


def message(kind: str, value: Any, number: str = "") -> bytes:
    """One message as it stands on the wire."""
    ident = f"id: {number}\n" if number else ""
    return f"event: {kind}\n{ident}data: {as_json(value)}\n\n".encode()


class Client:
    """What waits for one reader."""

    def __init__(self, with_status: bool) -> None:
        self.with_status = with_status
        self.wake = asyncio.Event()
        self.closed = False
        self._events: deque[bytes] = deque()
        self._status = b""

    def event(self, octets: bytes) -> None:
        """An event; too many of them close the client."""
        if len(self._events) >= MAX_WAITING:
            self.close()
            return
        self._events.append(octets)
        self.wake.set()

    def status(self, octets: bytes) -> None:
        """The newest status; the one before it is of no use any more."""
        self._status = octets
        self.wake.set()

    def close(self) -> None:
        """Say no more."""
        self.closed = True
        self.wake.set()

    def take(self) -> bytes:
        """Everything that waits."""
        self.wake.clear()
        octets = b"".join(self._events) + self._status
        self._events.clear()
        self._status = b""
        return octets


class Hub:
    """All clients of one front; :class:`~sipfront.admin.series.Series` tells it the seconds."""

    def __init__(
        self,
        control: ControlPort,
        *,
        life: float = LIFE_SECONDS,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._control = control
        self._life, self._heartbeat = life, heartbeat
        self.clients: set[Client] = set()
        self._soon: asyncio.TimerHandle | None = None

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """While the application lives: listen."""
        unlisten = self._control.listen(self._happened)
        yield
        unlisten()
        if self._soon is not None:
            self._soon.cancel()

    async def shut(self, _: web.Application) -> None:
        """End all streams, so that the front need not wait for them."""
        for client in self.clients:
            client.close()

    def _happened(self, entry: dict[str, Any]) -> None:
        if self.clients:
            octets = message("event", entry, f"{self._control.instance}.{entry.get('id', 0)}")
            for client in self.clients:
                client.event(octets)
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(SOON, self._again)

    def _again(self) -> None:
        """What has changed by the last events."""
        self._soon = None
        self._status()

    def sampled(self, sample: dict[str, Any]) -> None:
        """A second is over: the status, and the newest sample."""
        self._status()
        octets = message("sample", sample) if self.clients else b""
        for client in self.clients:
            if client.with_status:
                client.event(octets)

    def _status(self) -> None:
        wanting = [client for client in self.clients if client.with_status]
        if wanting:
            octets = message("status", self._control.status())
            for client in wanting:
                client.status(octets)

    async def serve(self, asked: Asked) -> web.StreamResponse:
        """One client, until it goes, falls behind, or its time is over."""
        if len(self.clients) >= MAX_CLIENTS:
            raise Refused(503, f"{MAX_CLIENTS} streams are open; this front serves no more")
        client = Client(asked.query["status"])
        # Before the first wait: nothing may happen between what is caught up and what follows.
        client.event(self._hello(asked.request.headers.get("Last-Event-ID", "")))
        if client.with_status:
            client.status(message("status", self._control.status()))
        self.clients.add(client)
        try:
            return await self._follow(client, asked.request)
        finally:
            self.clients.discard(client)

    async def _follow(self, client: Client, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "text/event-stream", "X-Accel-Buffering": "no"}
        )
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.prepare(request)
            ends = asyncio.get_running_loop().time() + self._life
            while not client.closed and (left := ends - asyncio.get_running_loop().time()) > 0:
                try:
                    async with asyncio.timeout(min(self._heartbeat, left)):
                        await client.wake.wait()
                except TimeoutError:
                    client.event(b": still here\n\n")
                async with asyncio.timeout(WRITE_SECONDS):
                    await response.write(client.take())
        except (TimeoutError, ConnectionError):
            pass  # it does not read, or it has gone
        return response

    def _hello(self, last: str) -> bytes:
        """The beginning, and what was missed since the event ``last``."""
        instance = self._control.instance
        found = re.fullmatch(re.escape(instance) + r"\.([0-9]{1,15})", last, re.ASCII)
        events = self._control.events(MAX_WAITING if found else CATCH_UP)
        if found:
            events = [entry for entry in events if entry.get("id", 0) > int(found[1])]
        told = {"instance": instance, "resumed": bool(found), "events": len(events)}
        parts = [f"retry: {RETRY_MS}\n".encode(), message("hello", told)]
        parts += [message("event", entry, f"{instance}.{entry.get('id', 0)}") for entry in events]
        return b"".join(parts)


HUB = web.AppKey("hub", Hub)


def prepare(app: web.Application, hub: Hub) -> None:
    """Let the hub live as long as the application."""
    app[HUB] = hub
    app.cleanup_ctx.append(hub.run)
    app.on_shutdown.append(hub.shut)


async def _stream(asked: Asked) -> web.StreamResponse:
    return await asked.request.app[HUB].serve(asked)


ROUTES = (
    Route(
        "GET",
        "/api/v1/stream",
        _stream,
        "What happens, when it happens (server-sent events)",
        "events",
        {
            200: Answer(
                "`hello` once; `event` with an id for each event; `status` and `sample` once a second",
                record(
                    {
                        "event": text(enum=["hello", "event", "status", "sample"]),
                        "data": text("A JSON object"),
                        "id": text("INSTANCE.NUMBER of an event"),
                    },
                    optional=("id",),
                ),
                media="text/event-stream",
            ),
            503: Answer("As many streams as the front serves are open", ERROR),
        },
        query={"status": boolean("Also status and sample, once a second", default=True)},
        about="With `Last-Event-ID` nothing is missed that the front still remembers.",
    ),
)
