"""What the engine is told once, when it is made: frozen values, built by the runtime from the
configuration.  Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

    from sipfront.stack.accounts import Account

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Node:
    """One PBX of the pair.  ``hosts``: the literal hosts that would betray it outside."""

    name: str
    host: bytes
    port: int
    transport: int
    hosts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP peer outside that is known by configuration.

    ``host`` and ``port`` are what its URI says (a node's R-URI with this host goes there);
    ``sources`` are the networks from which its requests come.  Its flows are pushed by the
    runtime when the name is resolved (:meth:`Engine.trunk_resolved`).
    """

    name: str
    host: bytes
    port: int
    transport: int
    sources: tuple[Network, ...] = ()
    two_early_dialogs: bool = True
    #: further hosts of a node's Request-URI that mean this trunk, in lower case
    match: tuple[bytes, ...] = ()
    #: who registers: ``none``, ``node``, ``front``
    register: str = "none"
    #: the account that the front registers: user, the domain that it is registered at, its
    #: credentials, and the seconds that are asked for
    user: bytes = b""
    domain: bytes = b""
    account: Account | None = None
    expiry: int = 600

    @property
    def aor(self) -> bytes:
        """The address-of-record of the account."""
        return b"%b@%b" % (self.user, self.domain.lower())


@dataclass(frozen=True, slots=True)
class PeerRule:
    """What is different with some peers outside (see :mod:`sipfront.stack.peers`).

    It is about those in ``networks`` (empty: everywhere) whose User-Agent fits ``agent`` (None:
    whatever it is).  A property that is None is none of its business.
    """

    networks: tuple[Network, ...] = ()
    agent: re.Pattern[bytes] | None = None
    two_early_dialogs: bool | None = None
    phone_expiry: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is reachable before authentication.  Each: why that number."""

    #: transactions at once; 32 s of 3,000 calls/s are 96,000 INVITE transactions on each side
    transactions: int = 600_000
    #: dialogs at once; 10,000 calls have 20,000 legs
    dialogs: int = 200_000
    #: a dialog in which nothing was said for so long is forgotten; nobody talks for a day
    dialog_age: float = 86_400.0
    bindings: int = 200_000
    #: contacts for one address-of-record; nobody has more than ten telephones on one extension
    contacts_per_aor: int = 10
    #: targets that one request is forked to
    forks: int = 10
    #: refused credentials per source, then per AOR, within ``window`` before a ban of ``ban``
    refused_per_source: int = 10
    refused_per_aor: int = 50
    window: float = 60.0
    ban: float = 300.0
    #: parked requests at once; 3 s of 1,000 requests/s
    parked: int = 5_000


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of RFC 3261 17.1.1.1 and ours."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    #: timer C (RFC 3261 16.6 step 11: more than 3 minutes)
    ring: float = 185.0
    #: 100 Trying when nothing came back within this (RFC 3261 17.2.1 allows 200 ms)
    trying: float = 0.15
    #: a parked request is held at most so long
    park: float = 3.0
    #: the shortest first retransmission towards a node that has always answered quickly
    floor: float = 0.05


@dataclass(frozen=True, slots=True)
class Registering:
    """What registrations are told and how they are paced.  Times in seconds."""

    #: the longest expiry that phones are told: behind NAT over UDP, and elsewhere
    phone_expiry: int = 3600
    lan_expiry: int = 3600
    #: the expiry asked of the nodes where the credentials are known
    node_expiry: int = 3600
    #: "static", "shared", "mirror", "nudge" or "auto"
    continuity: str = "static"
    #: REGISTERs a second to one node
    rate: float = 200.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything fixed that the engine knows."""

    nodes: tuple[Node, ...]
    domains: tuple[bytes, ...]
    trunks: tuple[Trunk, ...] = ()
    peers: tuple[PeerRule, ...] = ()
    limits: Limits = field(default_factory=Limits)
    timing: Timing = field(default_factory=Timing)
    hedge: bool = True
    #: requests of flows from these networks reach the nodes by the ``local`` inside listener
    local_networks: tuple[Network, ...] = ()
    #: user parts that are always served: never limited, never refused by caps or drain
    emergency: tuple[bytes, ...] = (b"112", b"911", b"110")
    registering: Registering = field(default_factory=Registering)
    #: keys, 32 octets each: dialog tokens (the first signs, all open), binding names (never rotated)
    token_keys: tuple[bytes, ...] = ()
    binding_key: bytes = b""
    #: wall clock minus monotonic clock at the start, seconds: CSeqs of our own rise over restarts
    wall_offset: float = 0.0
