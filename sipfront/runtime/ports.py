"""What the shells ask of the pure rooms, as protocols; tests hand in engines of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sipfront.stack.flows import Flow
    from sipfront.stack.notices import Notice
    from sipfront.stack.route import Route

# Why a flow was lost: the words that ``EnginePort.lost`` is given.  Only the first two say that
# nobody listens there.
REFUSED = "refused"  # ICMP port unreachable, or a SYN answered by RST
RESET = "reset"  # the peer's system tore the connection down
UNREACHABLE = "unreachable"  # no route, host unreachable: proves nothing about the peer
TIMEOUT = "timeout"  # a connection could not be made in time, or the peer stopped reading
CLOSED = "closed"  # an orderly end
REJECTED = "rejected"  # we ended it: a limit, or octets that are no SIP
TLS_FAILED = "tls"  # the handshake failed


class EnginePort(Protocol):
    """The engine's verbs (:class:`sipfront.stack.front.Engine`)."""

    counters: dict[str, int]

    @property
    def heard(self) -> list[float]:
        """Per node: when anything was last received from it."""

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One whole SIP message came in."""

    def lost(self, flow: Flow, now: float, why: str) -> None:
        """A send by this flow failed, or its connection ended or could not be made."""

    def next_deadline(self) -> float | None:
        """When :meth:`expire` wants to be called."""

    def expire(self, now: float) -> None:
        """Time has passed."""

    def route_changed(self, route: Route, now: float) -> None:
        """Control has decided."""

    def trunk_resolved(self, name: str, flows: tuple[Flow, ...], now: float) -> None:
        """The flows of a trunk, in order of preference."""

    def node_flows(self, node: int, flows: tuple[Flow, ...]) -> None:
        """The inside flows of a node: (local, remote), or one for both."""

    def probe(self, node: int, probe: int, now: float, kind: str = "options") -> None:
        """Send one OPTIONS (or one stray BYE) to a node."""

    def take(self) -> list[tuple[Flow, bytes]]:
        """What is to be sent, in order."""

    def notices(self) -> list[Notice]:
        """What there is to tell."""

    # Verbs that are used where an engine has them:
    #   busy() -> int              transactions under way, waited for at SIGTERM
    #   trunks_changed(trunks: tuple[Trunk, ...], now)   at SIGHUP


class Sink(Protocol):
    """Where sockets deliver: the driver (:class:`sipfront.runtime.loop.Driver`)."""

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole SIP message came in by ``flow``."""

    def lost(self, flow: Flow, why: str) -> None:
        """``flow`` failed; ``why`` is one of the words above."""

    def count(self, name: str, by: int = 1) -> None:
        """Something of the shell's own happened that a counter should tell."""


class Handle(Protocol):
    """What stands in ``Flow.handle``: something that octets can be given to."""

    def send(self, data: bytes) -> None:
        """Send one whole message; failures go to :meth:`Sink.lost`, never to the caller."""
