"""One WebSocket connection (RFC 6455) that carries SIP (RFC 7118): a browser telephone.

The protocol itself is the ``websockets`` library's, without its sockets; this is the shell around
it, with the bounds of every stream connection.  One WebSocket message is one SIP message, text or
binary (RFC 7118 section 5).  No extension is offered: nothing that is inflated here can explode.
Imported by :mod:`sipfront.runtime.streams` only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from websockets.exceptions import NegotiationError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from sipfront.runtime import clock, ports
from sipfront.runtime.connection import Connection
from sipfront.sip.stream import MAX_MESSAGE, PING, PONG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sipfront.runtime.streams import Streams
    from sipfront.stack.flows import Flow

SIP = Subprotocol("sip")

#: After the handshake, so long until the first SIP message: a page that only makes calls has
#: nothing to say before its user has.  Its place is counted, so it cannot be had for ever.
FIRST_MESSAGE = 120.0
#: Nothing heard for so long: a WebSocket Ping.  Web proxies end what is silent for 60 s, and a
#: browser cannot be told to send Pings itself (RFC 7118 section 6).
ASK = 25.0
#: A Ping without an answer for so long: the browser, or its network, is gone.
ANSWER = 20.0
#: What follows our Close frame is waited for so long (RFC 6455 section 7.1.1).
CLOSING = 5.0

# The library says in the log what a stranger did wrong, with tracebacks; here it is counted.
_quiet = logging.getLogger("sipfront.websocket")
_quiet.disabled = True


def _select(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol:
    """Only ``sip`` is spoken here (RFC 7118 section 4.1)."""
    if SIP not in offered:
        raise NegotiationError("Sec-WebSocket-Protocol must offer sip")
    return SIP


class WebSocket(Connection):
    """Stands in ``flow.handle`` as long as it lives."""

    #: What a WebSocket message of nothing but these asks for (RFC 5626 section 4.4.1).
    _BLANK: ClassVar[bytes] = b"\r\n"

    def __init__(self, hub: Streams, flow: Flow, *, accepted: bool) -> None:
        super().__init__(hub, flow, accepted=accepted)
        self._protocol = ServerProtocol(
            subprotocols=[SIP], select_subprotocol=_select, max_size=MAX_MESSAGE, logger=_quiet
        )
        self._message = bytearray()
        #: when anything at all last came, Pongs as well
        self._alive = self.heard
        self._asked: float | None = None
        self._ended: float | None = None

    @property
    def open(self) -> bool:
        """Whether the handshake is done and nobody has closed."""
        return self._protocol.state is State.OPEN

    # ------------------------------------------------------------------ asyncio's side

    def data_received(self, data: bytes) -> None:
        """Octets came in."""
        self._alive = clock.now()
        self._asked = None
        self._protocol.receive_data(data)
        self._carry()

    def eof_received(self) -> bool:
        """The peer sends no more."""
        self._protocol.receive_eof()
        self._carry()
        return False

    # ------------------------------------------------------------------ ours

    def send(self, data: bytes) -> None:
        """One SIP message, as text where it is UTF-8 (RFC 7118 section 4.2)."""
        if not self.open:
            self._hub.sink.count("stream.gone")
            return
        if data.isascii() or _utf8(data):
            self._protocol.send_text(data)
        else:
            self._protocol.send_binary(data)
        self._flush()

    def overdue(self, now: float) -> None:
        """The deadline has passed."""
        if self._ended is not None and now >= self._ended + CLOSING:
            self.abort(ports.CLOSED)
        elif not self.open and self._ended is None:
            self._hub.sink.count("websocket.no_handshake")
            self.abort(ports.REJECTED)
        elif self._asked is not None and now >= self._asked + ANSWER:
            self._hub.sink.count("websocket.no_pong")
            self.abort(ports.TIMEOUT)
        elif self.open and self._asked is None and now >= self._alive + ASK and self._spoke:
            self._asked = now
            self._protocol.send_ping(b"")
            self._flush()
            self._expect()
        else:
            super().overdue(now)

    def _carry(self) -> None:
        """Everything that has come: the handshake, then frames."""
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                response = self._protocol.accept(event)
                self._protocol.send_response(response)
                if response.status_code == 101:
                    self._hub.sink.count("websocket.accepted")
                else:
                    self._hub.sink.count("websocket.refused")
            elif isinstance(event, Frame):
                self._frame(event)
        if self._protocol.parser_exc is not None and self._ended is None:
            if not isinstance(self._protocol.parser_exc, EOFError):
                self._hub.sink.count("websocket.broken")
        self._flush()
        if self._protocol.close_expected() and self._ended is None:
            self._ended = clock.now()
        self._expect()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return  # Ping, Pong and Close are answered by the protocol
        if self._begun is None and not frame.fin:
            self._begun = clock.now()
        self._message += frame.data
        if not frame.fin:
            return
        message = bytes(self._message)
        self._message.clear()
        self._begun = None
        self.heard = self._alive
        if not message.strip(self._BLANK):
            if message == PING:
                self.send(PONG)
            return
        self._spoke = True
        self._hub.sink.receive(message.lstrip(self._BLANK), self.flow)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)
            else:
                # Half-closed by the protocol; with TLS there is only the whole.
                self.close(ports.CLOSED)

    def _expect(self) -> None:
        """Work out the deadline and have it watched."""
        times = []
        if self._ended is not None:
            times.append(self._ended + CLOSING)
        elif self._asked is not None:
            times.append(self._asked + ANSWER)
        elif self.open and self._spoke:
            times.append(self._alive + ASK)
        self._due(times)

    def _first(self) -> float:
        return self.since + FIRST_MESSAGE if self.open else super()._first()


def _utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
