"""All local sockets of the front: bound at the start, one by one, closed at the end.

Turns a :class:`~sipfront.runtime.plan.Plan` into listeners, flows and sockets.  What cannot be
bound is a StartupError.  Imported by the runtime only.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from sipfront.runtime import udp
from sipfront.runtime.addresses import bracketed, family_of
from sipfront.runtime.errors import plain, unbound
from sipfront.runtime.log import event
from sipfront.stack.flows import Flow, Flows, Listener, Transport

if TYPE_CHECKING:
    from sipfront.runtime.plan import NodePlan, Place, Plan
    from sipfront.runtime.ports import Sink

log = logging.getLogger("sipfront.sockets")

#: Connections that the kernel holds until they are accepted; 1,000 phones come back at once.
BACKLOG = 1024


class Bound:
    """One bound local address and the listener values that stand for it."""

    __slots__ = ("inside", "outside", "sock", "transport")

    def __init__(self, transport: Transport, sock: socket.socket) -> None:
        self.transport = transport
        self.sock = sock
        self.outside: Listener | None = None
        self.inside: Listener | None = None


class Sockets:
    """Binds; then knows which listener is where."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bound: list[Bound] = []
        self.listeners: list[Listener] = []
        #: per inside address: its listener for each transport
        self.inside: list[dict[Transport, Listener]] = []
        self.node_hosts = {node.host: index for index, node in enumerate(plan.nodes)}
        self._udp: dict[int, udp.ListenerSocket] = {}
        self._nodes: dict[tuple[int, int], udp.NodeSocket] = {}
        self._told: set[Flow] = set()
        try:
            self._bind_all()
        except BaseException:
            self.close()
            raise
        self.flows = Flows(self.listeners)

    # ------------------------------------------------------------------ binding

    def _bind_all(self) -> None:
        for place in self.plan.outside:
            self._listener(place, self._bind(place))
        for places in self.plan.inside:
            here: dict[Transport, Listener] = {}
            for place in places:
                bound = self._same(place) if self.plan.shared else None
                here[place.transport] = self._listener(place, bound or self._bind(place))
            self.inside.append(here)

    def _same(self, place: Place) -> Bound | None:
        """The outside socket that serves inside as well (``shared: true``)."""
        for bound in self.bound:
            outside = bound.outside
            if (
                outside is not None
                and bound.transport == place.transport
                and outside.bound == (place.host, place.port)
            ):
                return bound
        return None

    def _bind(self, place: Place) -> Bound:
        if place.transport == Transport.UDP:
            sock = udp.bind(place.host, place.port)
            granted = udp.enlarge(sock)
            if granted < udp.BUFFER:
                event(
                    log,
                    logging.WARNING,
                    "small_buffer",
                    at=str(place),
                    octets=granted,
                    wanted=udp.BUFFER,
                    hint="give CAP_NET_ADMIN or raise net.core.rmem_max and net.core.wmem_max",
                )
        else:
            sock = listen(place)
        bound = Bound(place.transport, sock)
        self.bound.append(bound)
        return bound

    def _listener(self, place: Place, bound: Bound) -> Listener:
        host, port = bound.sock.getsockname()[:2]
        listener = Listener(
            len(self.listeners),
            place.transport,
            bracketed(place.advertised).encode("ascii"),
            place.advertised_port or port,
            inside=place.inside,
            bound=(host, port),
        )
        self.listeners.append(listener)
        if place.inside:
            bound.inside = listener
        else:
            bound.outside = listener
        return listener

    # ------------------------------------------------------------------ UDP

    @property
    def datagrams(self) -> dict[int, udp.ListenerSocket]:
        """The UDP sockets by the index of their listeners; filled before any of them receives."""
        return self._udp

    async def start_udp(self, sink: Sink) -> dict[int, udp.ListenerSocket]:
        """Begin to receive datagrams; the sockets by the index of their listeners."""
        for bound in self.bound:
            if bound.transport != Transport.UDP:
                continue
            receiver = udp.ListenerSocket(
                bound.sock,
                sink,
                self.flows,
                outside=bound.outside,
                inside=bound.inside,
                nodes=self.node_hosts,
            )
            for listener in (bound.outside, bound.inside):
                if listener is not None:
                    self._udp[listener.index] = receiver
        # The nodes' sockets first: a listener that receives must not be shared any more.
        await self.connect_nodes(sink)
        for receiver in dict.fromkeys(self._udp.values()):
            await receiver.start()
        return self._udp

    async def connect_nodes(self, sink: Sink) -> bool:
        """Give every UDP node its connected socket; false if one is still missing."""
        complete = True
        for index, node in enumerate(self.plan.nodes):
            if node.transport != Transport.UDP:
                continue
            for here in self.inside:
                listener = here[Transport.UDP]
                if (index, listener.index) in self._nodes:
                    continue
                complete = await self._connect(index, node, listener, sink) and complete
        return complete

    async def _connect(self, index: int, node: NodePlan, listener: Listener, sink: Sink) -> bool:
        flow = self.flows.udp(listener, node.host, node.port, index)
        try:
            here = [own.sock for (_, at), own in self._nodes.items() if at == listener.index]
            local = [self._udp[listener.index].sock, *here]
            sock = udp.connect(local, node.host, node.port)
        except OSError as error:
            # No route yet, perhaps: the node is asked by the listener's socket meanwhile.
            if flow not in self._told:
                self._told.add(flow)
                why = plain(error)
                event(log, logging.WARNING, "node_not_connected", node=node.name, reason=why)
            return False
        udp.enlarge(sock)
        own = udp.NodeSocket(sock, sink, flow)
        flow.handle = self._nodes[(index, listener.index)] = own
        await own.start()
        return True

    def node_flows(self, index: int, old: tuple[Flow, ...] = ()) -> tuple[Flow, ...]:
        """The (local, remote) flows of a node; of ``old`` those that are open are kept."""
        node = self.plan.nodes[index]
        kept = {flow.listener.index: flow for flow in old if flow.open}
        flows = []
        for here in self.inside:
            listener = here[node.transport]
            make = self.flows.udp if node.transport == Transport.UDP else self.flows.stream
            flow = kept.get(listener.index) or make(listener, node.host, node.port, index)
            flows.append(flow)
        return tuple(flows)

    # ------------------------------------------------------------------ choosing, closing

    def outside_for(self, transport: Transport, remote: str) -> Listener | None:
        """The outside listener that a peer is reached by: the one with the address that the
        routing would use, else any of that transport and IP version."""
        fitting = [
            bound.outside
            for bound in self.bound
            if bound.outside is not None
            and bound.transport == transport
            and family_of(bound.outside.bound[0]) == family_of(remote)
        ]
        if len(fitting) > 1:
            source = source_for(remote)
            for listener in fitting:
                if listener.bound[0] == source:
                    return listener
        return fitting[0] if fitting else None

    def outside_versions(self) -> tuple[int, ...]:
        """The IP versions that there are outside listeners of, IPv4 first."""
        outside = (bound.outside for bound in self.bound if bound.outside is not None)
        return tuple(sorted({6 if ":" in listener.bound[0] else 4 for listener in outside}))

    def close(self) -> None:
        """Close everything."""
        for own in self._nodes.values():
            own.close()
        for receiver in self._udp.values():
            receiver.close()
        for bound in self.bound:
            bound.sock.close()


def listen(place: Place) -> socket.socket:
    """A listening stream socket.  Raises StartupError."""
    try:
        sock = socket.socket(family_of(place.host), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Unlike UDP this lets nobody in beside us; it only forgets connections that ended.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((place.host, place.port))
            sock.listen(BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise unbound(f"cannot listen on {place}", error) from error
    return sock


def source_for(remote: str) -> str:
    """The local address that the routing would use towards ``remote`` (nothing is sent)."""
    try:
        with socket.socket(family_of(remote), socket.SOCK_DGRAM) as sock:
            sock.connect((remote, 5060))
            name: str = sock.getsockname()[0]
            return name
    except OSError:
        return ""
