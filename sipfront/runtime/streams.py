"""TCP, TLS and WebSocket: accepting, connecting, and the bounds on all of them.

Connections are accepted by hand, so that they are counted before a TLS handshake costs anything,
and so that a new certificate serves from the next connection on.  One connection is one flow.
A flow without a connection is dialled when something is sent by it; what is sent meanwhile waits
in a bounded queue.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import ssl
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from sipfront.runtime import clock, ports
from sipfront.runtime.connection import Connection, tune
from sipfront.runtime.log import event
from sipfront.runtime.udp import why_of
from sipfront.runtime.websocket import WebSocket
from sipfront.stack.flows import OUTSIDE, Transport

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

    from sipfront.runtime.ports import Sink
    from sipfront.runtime.sockets import Bound, Sockets
    from sipfront.runtime.tls import Contexts
    from sipfront.stack.flows import Flow

log = logging.getLogger("sipfront.streams")

#: Connections accepted in one turn of the loop before datagrams are looked at again.
ACCEPTS = 64
#: A TLS handshake takes two round trips; this is for the far side of the world and a lossy link.
HANDSHAKE = 10.0
#: Making a connection: to a node within the time that a request is parked, else T1 * 10.
DIAL_NODE = 2.0
DIAL = 5.0
#: What may wait for a connection that is being made.
QUEUE = 128
QUEUE_OCTETS = 512 * 1024
#: A connection that nothing needs (no binding, no call) and that is silent for so long ends.
#: Phones that keep one alive speak every 120 s at least (RFC 5626 4.4.1).
IDLE = 600.0
#: How often deadlines are looked at, and how many connections are looked at for idleness then.
SWEEP = 0.5
SWEEP_IDLE = 500
#: When the process has no file descriptors left, accepting pauses for so long.
PAUSE = 1.0


class Bounds(NamedTuple):
    """Connections of strangers at once."""

    total: int = 20_000
    per_source: int = 1_000


class Dial:
    """Stands in ``flow.handle`` while the connection is being made."""

    def __init__(self, hub: Streams) -> None:
        self._hub = hub
        self._waiting: deque[bytes] = deque()
        self._octets = 0

    def send(self, data: bytes) -> None:
        """Keep until the connection stands."""
        if len(self._waiting) >= QUEUE or self._octets + len(data) > QUEUE_OCTETS:
            self._hub.sink.count("stream.dial_overflow")
            return
        self._waiting.append(data)
        self._octets += len(data)

    def hand_over(self, connection: Connection) -> None:
        """It stands: send what waited."""
        for data in self._waiting:
            connection.send(data)
        self._waiting.clear()


class Streams:
    """All stream connections of the front."""

    def __init__(
        self,
        sockets: Sockets,
        sink: Sink,
        contexts: Contexts,
        *,
        bounds: Bounds = Bounds(),  # noqa: B008 - an immutable value
        renew: Callable[[Flow], None] | None = None,
        holds: Callable[[Flow], bool] | None = None,
    ) -> None:
        """``renew`` is called when a connection that we made has ended; ``holds`` says whether
        anything needs a flow."""
        self.sink = sink
        self._sockets = sockets
        self._contexts = contexts
        self._bounds = bounds
        self._renew = renew
        self._holds = holds
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._watched: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._sources: dict[str, int] = {}
        self._strangers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: dict[int, str] = {}
        self._listening: list[Bound] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    # ------------------------------------------------------------------ accepting

    def start(self) -> None:
        """Begin to accept."""
        for bound in self._sockets.bound:
            if bound.transport != Transport.UDP:
                self._listening.append(bound)
                self._loop.add_reader(bound.sock.fileno(), self._accept, bound)
        self._timer = self._loop.call_later(SWEEP, self._sweep)

    def _accept(self, bound: Bound) -> None:
        for _ in range(ACCEPTS):
            try:
                sock, address = bound.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause(bound, error)
                return
            self._admit(bound, sock, address[0], address[1])

    def _pause(self, bound: Bound, error: OSError) -> None:
        """No descriptors left: without a pause the loop would spin on the same connection."""
        self.sink.count("stream.accept_paused")
        event(log, logging.ERROR, "accept_paused", reason=str(error), seconds=PAUSE)
        fileno = bound.sock.fileno()
        self._loop.remove_reader(fileno)

        def again() -> None:
            if not self._closed:
                self._loop.add_reader(fileno, self._accept, bound)

        self._loop.call_later(PAUSE, again)

    def _admit(self, bound: Bound, sock: socket.socket, host: str, port: int) -> None:
        node = self._sockets.node_hosts.get(host, OUTSIDE) if bound.inside else OUTSIDE
        listener = bound.inside if node != OUTSIDE else bound.outside
        if listener is None:
            self.sink.count("stream.stranger")  # nobody but nodes comes in by an inside address
            sock.close()
            return
        if node == OUTSIDE and not self._room(host):
            sock.close()
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            tune(sock)
        context = None
        if bound.transport in (Transport.TLS, Transport.WSS):
            context = self._contexts.server
        flow = self._sockets.flows.stream(listener, host, port, node)
        kind = WebSocket if bound.transport in (Transport.WS, Transport.WSS) else Connection
        connection = kind(self, flow, accepted=True)
        self._spawn(self._serve(connection, sock, context))

    def _room(self, host: str) -> bool:
        """Count a stranger's connection in, if there is room for it."""
        mine = self._sources.get(host, 0)
        if self._strangers >= self._bounds.total:
            self.sink.count("stream.too_many")
            return False
        if mine >= self._bounds.per_source:
            self.sink.count("stream.too_many_of_source")
            return False
        self._strangers += 1
        self._sources[host] = mine + 1
        return True

    def _leave(self, flow: Flow) -> None:
        """Count a stranger's connection out."""
        self._strangers -= 1
        left = self._sources.get(flow.host, 1) - 1
        if left:
            self._sources[flow.host] = left
        else:
            self._sources.pop(flow.host, None)

    async def _serve(
        self, connection: Connection, sock: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        """Take an accepted socket over; for TLS this is the handshake."""
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE if context else None,
            )
        except (OSError, ssl.SSLError, asyncio.CancelledError) as error:
            self.sink.count("stream.handshake_failed" if context else "stream.accept_failed")
            event(
                log,
                logging.DEBUG,
                "handshake_failed",
                host=connection.flow.host,
                reason=getattr(error, "reason", None) or str(error) or type(error).__name__,
            )
            sock.close()
            self.ended(connection, ports.TLS_FAILED)

    # ------------------------------------------------------------------ connecting

    def named(self, flow: Flow, name: str) -> None:
        """``flow`` goes to a trunk of this name, which its certificate must show."""
        self._names[flow.ident] = name

    def dial(self, flow: Flow) -> Dial:
        """Make the connection of ``flow``; what is sent by it meanwhile waits."""
        handle = Dial(self)
        flow.handle = handle
        self._spawn(self._connect(flow, handle))
        return handle

    async def _connect(self, flow: Flow, handle: Dial) -> None:
        context = name = None
        if flow.listener.transport == Transport.TLS:
            name = self._names.get(flow.ident)
            context = self._contexts.client(names=flow.node == OUTSIDE)
        connection = Connection(self, flow, accepted=False)
        try:
            async with asyncio.timeout(DIAL if flow.node == OUTSIDE else DIAL_NODE):
                await self._loop.create_connection(
                    lambda: connection,
                    flow.host,
                    flow.port,
                    local_addr=(flow.listener.bound[0], 0),
                    ssl=context,
                    server_hostname=(name or flow.host) if context else None,
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            why = ports.TLS_FAILED if isinstance(error, ssl.SSLError) else why_of(error)
            self.sink.count("stream.dial_failed")
            event(
                log,
                logging.INFO,
                "connection_failed",
                host=flow.host,
                port=flow.port,
                transport=flow.listener.transport.name,
                reason=getattr(error, "reason", None) or str(error) or why,
            )
            self.ended(connection, why)
            return
        handle.hand_over(connection)

    # ------------------------------------------------------------------ what connections tell

    def stands(self, connection: Connection) -> None:
        """The connection is usable."""
        if connection.accepted:
            self.sink.count("stream.accepted")
        else:
            self.sink.count("stream.dialled")
            with contextlib.suppress(OSError):
                tune(connection.socket)
        self._connections.add(connection)
        self._idle.append(connection)

    def watch(self, connection: Connection) -> None:
        """Its deadline has changed."""
        if connection.deadline is None:
            self._watched.discard(connection)
        else:
            self._watched.add(connection)

    def ended(self, connection: Connection, why: str) -> None:
        """It is gone, or never stood."""
        flow = connection.flow
        self._connections.discard(connection)
        self._watched.discard(connection)
        if connection.gone:
            return
        connection.gone = True
        if connection.accepted and flow.node == OUTSIDE:
            self._leave(flow)
        self._names.pop(flow.ident, None)
        self._sockets.flows.dropped(flow)
        if self._closed:
            return
        self.sink.lost(flow, why)
        if not connection.accepted and self._renew is not None:
            self._renew(flow)

    # ------------------------------------------------------------------ time

    def _sweep(self) -> None:
        now = clock.now()
        for connection in list(self._watched):
            if connection.deadline is not None and now >= connection.deadline:
                connection.overdue(now)
        for _ in range(min(SWEEP_IDLE, len(self._idle))):
            connection = self._idle.popleft()
            if connection not in self._connections:
                continue
            self._idle.append(connection)
            idle = connection.accepted and now >= connection.heard + IDLE
            if idle and self._holds is not None and not self._holds(connection.flow):
                self.sink.count("stream.idle")
                connection.close()
        self._timer = self._loop.call_later(SWEEP, self._sweep)

    def gauges(self) -> dict[str, int]:
        """How many connections there are."""
        return {"connections": len(self._connections), "outside_connections": self._strangers}

    def stop_accepting(self) -> None:
        """Take no more connections; those that stand go on."""
        for bound in self._listening:
            self._loop.remove_reader(bound.sock.fileno())
        self._listening.clear()

    async def close(self) -> None:
        """End everything."""
        self._closed = True
        self.stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections):
            connection.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
