"""UDP: one exclusive socket per listener and one connected socket per node.

A listening socket and the nodes' sockets share one local address and port.  The listener is bound
without SO_REUSEADDR, so a second front on the port fails; reuse is switched on only while a node's
socket is bound and connected, and is off again before anything runs.  A connected socket is told
about a dead process by ICMP at once: the fastest death certificate there is.

Receiving is uvloop's own datagram transport (``add_reader`` goes deaf after the first ICMP error).
Sending goes to the socket itself: only a synchronous ``send`` tells *which* datagram was not sent.

Knows no SIP beyond "these octets are a keep-alive".  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING

from sipfront.runtime import ports
from sipfront.runtime.addresses import bracketed, family_of
from sipfront.runtime.errors import unbound
from sipfront.sip import stun
from sipfront.stack.flows import STRANGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sipfront.runtime.ports import Sink
    from sipfront.stack.flows import Flow, Flows, Listener

#: What is asked of the kernel; the default holds 8 ms of 3,000 calls/s, this one 200 ms.
BUFFER = 4 * 1024 * 1024
#: The largest UDP payload over IPv4; the kernel refuses more with EMSGSIZE anyway.
MAX_DATAGRAM = 65_507

_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_DONT = 0

#: Octets of which keep-alives are made, for UDP (RFC 5626 4.4.1 is about streams; over UDP many
#: phones send CRLF CRLF, CRLF, or one zero octet, and want no answer).
_PADDING = b"\r\n\0 \t"

_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


def why_of(error: OSError) -> str:
    """The engine's word for a system error."""
    if isinstance(error, ConnectionRefusedError):
        return ports.REFUSED
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return ports.RESET
    if isinstance(error, TimeoutError):
        return ports.TIMEOUT
    return ports.UNREACHABLE


def enlarge(sock: socket.socket) -> int:
    """Ask for large buffers; the smaller of the two that were granted, in octets."""
    granted = BUFFER
    for force, ask in (
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF),
    ):
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, ask, BUFFER)
        # The kernel doubles what was asked for, to have room for its own book-keeping.
        granted = min(granted, sock.getsockopt(socket.SOL_SOCKET, ask) // 2)
    return granted


def _prepare(host: str) -> socket.socket:
    sock = socket.socket(family_of(host), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    # Without DF large messages are fragmented on the way; nothing here changes transport for size.
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
    return sock


def bind(host: str, port: int) -> socket.socket:
    """A listening socket that nobody else can share.  Raises StartupError."""
    try:
        sock = _prepare(host)
        try:
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
    except OSError as error:
        where = f"udp://{bracketed(host)}:{port}"
        raise unbound(f"cannot listen on {where}", error) from error
    return sock


def _share(sock: socket.socket, on: bool) -> None:
    # Not SO_REUSEPORT: its members take turns, and a phone's datagram may go to any of them.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(on))


def connect(local: Sequence[socket.socket], host: str, port: int) -> socket.socket:
    """A socket on the address and port of ``local`` that is connected to a node.

    ``local``: all sockets that are there already, the listener first; each of them must allow the
    reuse while the new one is bound.  Raises OSError.
    """
    sock = _prepare(host)
    try:
        for other in (*local, sock):
            _share(other, on=True)
        sock.bind(local[0].getsockname())
        sock.connect((host, port))
    except OSError:
        sock.close()
        raise
    finally:
        for other in local:
            _share(other, on=False)
    _share(sock, on=False)
    # What came between bind and connect may be from anybody, and would pass for the node's.
    with contextlib.suppress(OSError):
        while True:
            sock.recv(1)
    return sock


class _Socket(asyncio.DatagramProtocol):
    """What listeners and node sockets have in common."""

    def __init__(self, sock: socket.socket, sink: Sink) -> None:
        self.sock = sock
        self._sink = sink
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to receive."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, sock=self.sock)
        # libuv switches SO_REUSEADDR on for every socket that it is given; with it on, whoever
        # asks for reuse too could bind our port beside us.
        _share(self.sock, on=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # it is one: we asked for it

    def close(self) -> None:
        """Stop; what was received and not read is lost."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        else:
            self.sock.close()

    def keepalive(self, data: bytes, host: str, port: int) -> bytes | None:
        """None: no keep-alive.  Else what is to be answered, b"" for nothing.

        STUN binding requests are answered (RFC 5626 5.4), padding is not.
        """
        if not data.strip(_PADDING):
            self._sink.count("udp.keepalive")
            return b""
        if data[0] > 3:
            return None  # leading CRLF before a message (RFC 3261 7.5): the scanner's business
        if stun.is_binding_request(data):
            self._sink.count("udp.stun")
            return stun.answer(data, host, port)
        self._sink.count("udp.garbage")
        return b""


class ListenerSocket(_Socket):
    """The socket of one local address: an outside listener, an inside one, or both (shared)."""

    def __init__(
        self,
        sock: socket.socket,
        sink: Sink,
        flows: Flows,
        *,
        outside: Listener | None,
        inside: Listener | None,
        nodes: Mapping[str, int],
    ) -> None:
        super().__init__(sock, sink)
        self._flows = flows
        self._outside = outside
        self._inside = inside
        self._nodes = nodes if inside is not None else {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hot path: find the flow, hand the message over."""
        host = addr[0]
        port = addr[1]
        if not data or data[0] <= 0x20:
            answer = self.keepalive(data, host, port)
            if answer is not None:
                if answer:
                    with contextlib.suppress(OSError):
                        self.sock.sendto(answer, addr)
                return
        node = self._nodes.get(host) if self._nodes else None
        if node is not None and self._inside is not None:
            flow = self._flows.udp(self._inside, host, port, node)
        elif self._outside is not None:
            flow = self._flows.udp(self._outside, host, port)
        else:
            assert self._inside is not None
            flow = self._flows.udp(self._inside, host, port, STRANGER)
        self._sink.receive(data, flow)

    def error_received(self, exc: Exception) -> None:
        """An unconnected socket is told of nothing; whatever this is, it is counted."""
        self._sink.count("udp.error." + type(exc).__name__.lower())

    def send_to(self, data: bytes, flow: Flow) -> None:
        """Send by an unconnected flow.  What the kernel does not take is gone, as UDP is."""
        try:
            self.sock.sendto(data, (flow.host, flow.port))
        except BlockingIOError:
            self._sink.count("udp.send_full")
        except OSError as error:
            self._sink.count("udp.send_error")
            if error.errno in _NO_ROUTE:
                self._sink.lost(flow, ports.UNREACHABLE)


class NodeSocket(_Socket):
    """The connected socket of one node by one inside listener; stands in ``flow.handle``."""

    def __init__(self, sock: socket.socket, sink: Sink, flow: Flow) -> None:
        super().__init__(sock, sink)
        self.flow = flow

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's signature
        """Everything here is from the node's own address and port."""
        if not data or data[0] <= 0x20:
            answer = self.keepalive(data, self.flow.host, self.flow.port)
            if answer is not None:
                if answer:
                    self.send(answer)
                return
        self._sink.receive(data, self.flow)

    def error_received(self, exc: Exception) -> None:
        """ICMP: an earlier datagram did not reach anybody."""
        self._sink.count("udp.icmp")
        why = why_of(exc) if isinstance(exc, OSError) else ports.UNREACHABLE
        self._sink.lost(self.flow, why)

    def send(self, data: bytes) -> None:
        """Send; an error that is reported here is about an earlier datagram, so once more."""
        try:
            self.sock.send(data)
        except BlockingIOError:
            self._sink.count("udp.send_full")
        except OSError as first:
            self._sink.count("udp.icmp")
            try:
                self.sock.send(data)
            except OSError:
                self._sink.count("udp.send_error")
            self._sink.lost(self.flow, why_of(first))
