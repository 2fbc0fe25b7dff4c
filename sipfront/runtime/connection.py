"""One TCP or TLS connection: octets to messages, messages to octets, and its bounds.

Each bound is there because a stranger can open connections for nothing.  Framing is the Framer's;
what a message means is the engine's.  Imported by :mod:`sipfront.runtime.streams` and by the
WebSocket connection, which is one of these with another framing.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING, cast

from sipfront.runtime import clock, ports
from sipfront.runtime.udp import why_of
from sipfront.sip.errors import Malformed, SipError
from sipfront.sip.message import scan
from sipfront.sip.reply import reply
from sipfront.sip.stream import PING, PONG, Framer, FramingError

if TYPE_CHECKING:
    from sipfront.runtime.streams import Streams
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow

#: The first whole message must be there so soon after the connection stands.
FIRST = 10.0
#: A message that was begun must be whole so soon.
WHOLE = 10.0
#: A peer that does not read for so long is gone; 64*T1, the life of a transaction.
STALLED = 32.0
#: Octets that wait to be written: 200 messages for a phone, a second of heavy traffic for a node.
WAITING_OUTSIDE = 256 * 1024
WAITING_INSIDE = 4 * 1024 * 1024
#: Unacknowledged octets end the connection after so long: a phone whose network is gone must not
#: stay "reachable" for the 15 minutes that TCP would try.
USER_TIMEOUT_MS = 20_000
#: Idle connections are asked by TCP itself, so that a peer that vanished is noticed.
KEEPALIVE = (60, 15, 4)  # idle seconds, between questions, questions


def tune(sock: socket.socket) -> None:
    """What every stream socket gets."""
    idle, between, count = KEEPALIVE
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, between)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connection(asyncio.Protocol):
    """Stands in ``flow.handle`` as long as it lives."""

    def __init__(self, hub: Streams, flow: Flow, *, accepted: bool) -> None:
        self.flow = flow
        #: it came to us; else we made it
        self.accepted = accepted
        #: when it was accepted or made, and when anything last came
        self.since = self.heard = clock.now()
        #: when what is now being waited for must be there; None: nothing is
        self.deadline: float | None = None
        #: its end was told
        self.gone = False
        self._hub = hub
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._why = ""
        self._stalled: float | None = None
        #: when the first octet of an unfinished message came
        self._begun: float | None = None
        self._spoke = not accepted
        self._bound = WAITING_INSIDE if flow.node >= 0 else WAITING_OUTSIDE

    # ------------------------------------------------------------------ asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands (for TLS: the handshake is done)."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=64 * 1024)
        self.flow.handle = self
        self.since = self.heard = clock.now()
        self._hub.stands(self)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Octets came in."""
        self.heard = clock.now()
        refusal = None
        try:
            items = self._framer.feed(data)
        except FramingError as error:
            items = error.messages
            refusal = error
        for item in items:
            if item == PING:
                self.send(PONG)
            else:
                self._spoke = True
                self._hub.sink.receive(item, self.flow)
        if refusal is not None:
            self._refuse(refusal)
        if not self._framer.partial:
            self._begun = None
        elif self._begun is None or items:
            self._begun = self.heard
        self._expect()

    def pause_writing(self) -> None:
        """The peer does not read as fast as we write."""
        self._stalled = clock.now()
        self._expect()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stalled = None
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        why = self._why
        if not why:
            why = why_of(exc) if isinstance(exc, OSError) else ports.CLOSED
        self._transport = None
        self._hub.ended(self, why)

    # ------------------------------------------------------------------ ours

    def send(self, data: bytes) -> None:
        """Write; a peer that leaves too much unread loses its connection."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._hub.sink.count("stream.gone")
            return
        if transport.get_write_buffer_size() + len(data) > self._bound:
            self._hub.sink.count("stream.overflow")
            self.abort(ports.TIMEOUT)
            return
        transport.write(data)

    @property
    def socket(self) -> socket.socket:
        """The socket, as far as options go."""
        assert self._transport is not None
        return cast("socket.socket", self._transport.get_extra_info("socket"))

    def abort(self, why: str) -> None:
        """End it at once."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    def close(self, why: str = ports.CLOSED) -> None:
        """End it when what was written is out."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.close()

    def overdue(self, now: float) -> None:
        """The deadline has passed: name what was not done in time, and end it."""
        if self._stalled is not None and now >= self._stalled + STALLED:
            self._hub.sink.count("stream.stalled")
            self.abort(ports.TIMEOUT)
        elif self._begun is not None and now >= self._begun + WHOLE:
            self._hub.sink.count("stream.half_message")
            self.abort(ports.REJECTED)
        elif not self._spoke:
            self._hub.sink.count("stream.no_message")
            self.abort(ports.REJECTED)

    def _expect(self) -> None:
        """Work out the deadline and have it watched."""
        self._due([])

    def _first(self) -> float:
        """Until when the first whole message must be there."""
        return self.since + FIRST

    def _due(self, times: list[float]) -> None:
        """Have the earliest of ``times`` and of what every connection must do in time watched."""
        if not self._spoke:
            times.append(self._first())
        if self._begun is not None:
            times.append(self._begun + WHOLE)
        if self._stalled is not None:
            times.append(self._stalled + STALLED)
        self.deadline = min(times) if times else None
        self._hub.watch(self)

    def _refuse(self, error: FramingError) -> None:
        """Octets that cannot be framed: answer if it can be answered, and end it (RFC 3261 18.3)."""
        self._hub.sink.count("stream.framing")
        if error.status:
            try:
                message: Message | None = scan(error.head)
            except Malformed as worse:
                message = worse.message
            except SipError:
                message = None
            if message is not None and message.method not in (b"", b"ACK"):
                self.send(reply(message, error.status, to_tag=secrets.token_hex(5).encode()))
        self.close(ports.REJECTED)


def hang_up(flow: Flow) -> None:
    """Close a connection in order, if it still stands."""
    handle = flow.handle
    if isinstance(handle, Connection):
        handle.close()
