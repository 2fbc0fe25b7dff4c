"""Flows: the ways to reach a peer, and the table that finds them again.

A flow is local socket + transport + remote address; for TCP, TLS and WebSocket it is one
connection (RFC 5626 section 2).  The shell makes flows and sends by them; the engine compares and
remembers them and never looks at ``handle``.
"""

from __future__ import annotations

from enum import IntEnum


class Transport(IntEnum):
    """The transports, in the order of their number inside tokens."""

    UDP = 0
    TCP = 1
    TLS = 2
    WS = 3
    WSS = 4


#: What stands in a Via (RFC 3261 20.42, RFC 7118 5.1).
VIA_NAME = (b"UDP", b"TCP", b"TLS", b"WS", b"WSS")
#: What stands in a ``transport`` URI parameter; WSS is ``ws`` too (RFC 7118 5.2).
URI_NAME = (b"udp", b"tcp", b"tls", b"ws", b"ws")

OUTSIDE = -1  #: the value of ``Flow.node`` for phones and trunks
STRANGER = -2  #: came in on an inside socket from an address that is no node's

#: UDP flows remembered at most.  A flow that was forgotten is made again at its next datagram;
#: whoever still holds the old object (a binding) goes on with it.
MAX_UDP = 400_000


class Listener:
    """One local address that peers can be sent to: what stands in Via and Contact for it.

    ``host`` and ``port`` are the *advertised* ones, as octets for the wire (an IPv6 host with its
    brackets).  ``bound`` is the local address really bound, ``(host, port)`` without brackets.
    """

    __slots__ = ("bound", "contact", "host", "index", "inside", "port", "transport", "via")

    def __init__(
        self,
        index: int,
        transport: Transport,
        host: bytes,
        port: int,
        *,
        inside: bool,
        bound: tuple[str, int],
    ) -> None:
        self.index = index
        self.transport = transport
        self.host = host
        self.port = port
        self.inside = inside
        self.bound = bound
        self.contact = b"%b:%d" % (host, port)
        self.via = b"SIP/2.0/%b %b" % (VIA_NAME[transport], self.contact)


class Flow:
    """One way to reach a peer.

    ``node`` is the index of a node, :data:`OUTSIDE` or :data:`STRANGER`.  ``host`` is the remote
    address in text without brackets.  ``open`` turns False when its connection is gone, and stays
    so; a UDP flow is always open.  ``handle`` belongs to the shell; a stream flow whose ``handle``
    is None is connected by the shell when something is sent by it.
    """

    __slots__ = (
        "handle",
        "host",
        "ident",
        "listener",
        "node",
        "open",
        "phone",
        "port",
        "reliable",
        "successor",
    )

    def __init__(
        self,
        ident: int,
        listener: Listener,
        host: str,
        port: int,
        node: int = OUTSIDE,
        handle: object = None,
    ) -> None:
        self.ident = ident
        self.listener = listener
        self.host = host
        self.port = port
        self.node = node
        self.handle = handle
        self.open = True
        self.reliable = listener.transport != Transport.UDP
        #: the connection by which the same phone came back; counts once this one is gone
        self.successor: Flow | None = None
        #: the address-of-record of its bindings, b"" before the first; None: of several
        self.phone: bytes | None = b""

    def used_by(self, aor: bytes) -> None:
        """A binding of this address-of-record is reached by this flow."""
        if self.phone != aor:
            self.phone = None if self.phone != b"" else aor

    def followed_by(self, flow: Flow, aor: bytes) -> None:
        """A binding moved to another flow: what else was reached by this one is reached there.

        While this connection still stands, only if it is one phone's: others behind the same proxy
        outside may have stayed.  Once it is gone, the first that comes back leads the way."""
        if flow is self or not self.reliable:
            return
        if self.phone == aor or (not self.open and (not self.successor or not self.successor.open)):
            self.successor = flow

    def __repr__(self) -> str:
        return f"<Flow {self.listener.transport.name} {self.host}:{self.port} #{self.ident}>"


class Flows:
    """All flows that are known, bounded; the shell and the engine share one.

    UDP flows are found by (listener, remote address) and made on demand, because they are nothing
    but an address.  Stream flows are added by the shell when a connection stands and are dropped
    when it ends.
    """

    __slots__ = ("_next", "_streams", "_udp", "listeners")

    def __init__(self, listeners: list[Listener]) -> None:
        self.listeners = listeners
        self._udp: dict[tuple[int, str, int], Flow] = {}
        self._streams: dict[tuple[int, str, int], Flow] = {}
        self._next = 0

    def udp(self, listener: Listener, host: str, port: int, node: int = OUTSIDE) -> Flow:
        """The flow between ``listener`` and a remote address, made if it is new."""
        key = (listener.index, host, port)
        flow = self._udp.get(key)
        if flow is None:
            if len(self._udp) >= MAX_UDP:
                del self._udp[next(iter(self._udp))]
            self._next += 1
            flow = self._udp[key] = Flow(self._next, listener, host, port, node)
        return flow

    def stream(
        self, listener: Listener, host: str, port: int, node: int = OUTSIDE, handle: object = None
    ) -> Flow:
        """A new flow for a connection that stands, or (``handle`` None) that is to be made."""
        self._next += 1
        flow = Flow(self._next, listener, host, port, node, handle)
        self._streams[(listener.index, host, port)] = flow
        return flow

    def dropped(self, flow: Flow) -> None:
        """The connection of a stream flow is gone."""
        flow.open = False
        flow.handle = None
        key = (flow.listener.index, flow.host, flow.port)
        if self._streams.get(key) is flow:
            del self._streams[key]

    def closed(self, listener: Listener, host: str, port: int) -> Flow:
        """A flow for a connection that stood before the front was restarted."""
        self._next += 1
        flow = Flow(self._next, listener, host, port)
        flow.open = False
        return flow

    def now(self, flow: Flow) -> Flow:
        """The open flow to the peer of one that is gone; ``flow`` itself when there is none."""
        best = flow
        while not best.open and best.successor is not None:
            best = best.successor
        if not best.open:
            best = self.find(flow.listener.index, flow.host, flow.port) or best
        return best if best.open else flow

    def find(self, index: int, host: str, port: int) -> Flow | None:
        """The flow that a token names; None when the listener or the connection is gone."""
        if not 0 <= index < len(self.listeners):
            return None
        listener = self.listeners[index]
        if listener.inside:
            return None
        if listener.transport == Transport.UDP:
            return self.udp(listener, host, port)
        return self._streams.get((index, host, port))
