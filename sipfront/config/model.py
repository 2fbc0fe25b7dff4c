"""The configuration as frozen values: every key, its default and its meaning, once.

The JSON Schema, the sample file's test and the documentation all come from here.  It knows no
file, no YAML and no position; what needs more than one key is in :mod:`sipfront.config.checks`.
Durations are seconds (``float``); lists are tuples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from sipfront.config.failover import Failover
from sipfront.config.hooks import Hooks
from sipfront.config.kinds import FilePath, StatePath, between, state_path
from sipfront.config.later import later
from sipfront.config.peers import PeerRule
from sipfront.config.probes import Probe
from sipfront.config.records import CallRecords
from sipfront.config.registrations import Registrations
from sipfront.config.section import Section
from sipfront.config.tracing import Trace
from sipfront.config.trunks import Trunk
from sipfront.config.values import (
    AddressText,
    Advertise,
    Advertised,
    Duration,
    Endpoint,
    HostText,
    HttpUri,
    ListenUri,
    Name,
    NetworkValue,
    Number,
    Peer,
)


class Listen(Section):
    """One listener: a URI, or ``{at: URI, advertise: ...}``."""

    at: ListenUri = Field(description="transport, address and port; 0.0.0.0 means every address")
    advertise: Advertise | None = Field(
        None,
        description="what its peers see; a name for tls and wss only; default: front.advertise",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"at": data} if isinstance(data, str) else data


class Inside(Section):
    """What the nodes see: a URI, or ``{local: URI, remote: URI, shared: true}``."""

    local: ListenUri = Field(
        description="the address that nodes see for phones in local_networks, and for all if alone"
    )
    remote: ListenUri | None = Field(
        None, description="the address that nodes see for everybody else; default: local"
    )
    shared: bool = Field(
        False,
        description="true: an outside listener may cover this address (see the firewall lines)",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"local": data} if isinstance(data, str) else data

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """The local address, then the remote one where it is another."""
        if self.remote is None or self.remote == self.local:
            return (self.local,)
        return (self.local, self.remote)


class Tls(Section):
    """Certificates; files are read again on SIGHUP, a bad new one leaves the old one serving."""

    certificate: FilePath | None = Field(
        None, description="PEM file: the certificate and its chain; needed by tls:// and wss://"
    )
    key: FilePath | None = Field(None, description="PEM file: its private key, without a password")
    authorities: FilePath | None = Field(
        None, description="PEM file of authorities for TLS towards peers; default: the system's"
    )


class Front(Section):
    """The front's own addresses."""

    listen: tuple[Listen, ...] = Field(description="where phones and trunks reach the front")
    advertise: Advertise | None = Field(
        None, description="what phones and trunks see; default: each listener's own address"
    )
    domains: tuple[HostText, ...] = Field(
        (), description="the SIP domains served here; requests for other hosts are refused"
    )
    inside: Inside = Field(description="the front's address towards the nodes")
    local_networks: tuple[NetworkValue, ...] = Field(
        (), description="phones in these networks come to the nodes by inside.local"
    )
    emergency: tuple[Number, ...] = Field(
        ("112", "911", "110"), description="numbers that are never limited and never refused"
    )
    tls: Tls = Field(Tls(), description="certificates")

    def advertised(self, listen: Listen) -> Advertised:
        """What peers of a listener are told, port included."""
        told = listen.advertise or self.advertise or Advertised(listen.at.host, None)
        return told if told.port is not None else Advertised(told.host, listen.at.port)


class Node(Section):
    """One PBX of the pair."""

    name: Name = Field(description="how logs, metrics and commands call it")
    uri: Peer = Field(description="its SIP address, by number; ;transport=tcp or tls if not udp")
    hosts: tuple[HostText, ...] = Field(
        (), description="its other names and addresses, which must never be seen outside"
    )


class Options(Section):
    """OPTIONS to both nodes."""

    interval: Annotated[Duration, between(0.1, 60)] = Field(
        0.5, description="between two questions to a node that answers"
    )
    timeout: Annotated[Duration, between(0.05, 10)] = Field(
        0.5, description="unanswered for so long starts the burst"
    )
    burst: int = Field(
        7, ge=3, le=50, description="unanswered sends, 100 ms apart, that mean silence"
    )
    rise: int = Field(2, ge=1, le=100, description="answers in a row that make a node up again")


class Health(Section):
    """How the front knows how the nodes are."""

    options: Options = Field(Options(), description="OPTIONS to both nodes")
    witnesses: tuple[AddressText, ...] = Field(
        (), description="hosts inside (the router): all silent with both nodes: do nothing"
    )


class Drain(Section):
    """A node that was left by a switch-over."""

    max: Annotated[Duration, between(0, 86400)] = Field(
        7200.0, description="it may start what its calls need for so long at most"
    )


class Limits(Section):
    """Bounds on what strangers can cause."""

    transactions: int = Field(600_000, ge=100, description="transactions at once")
    dialogs: int = Field(200_000, ge=10, description="dialogs at once (a call has two)")
    dialog_age: Annotated[Duration, between(600, 30 * 86400)] = Field(
        86400.0, description="a dialog in which nothing was said for so long is forgotten"
    )
    bindings: int = Field(200_000, ge=10, description="bindings at once")
    contacts_per_aor: int = Field(10, ge=1, le=100, description="phones on one address-of-record")
    forks: int = Field(10, ge=1, le=100, description="targets of one request")
    parked: int = Field(5_000, ge=1, description="parked requests at once")
    connections: int = Field(20_000, ge=1, description="TCP, TLS and WebSocket connections at once")
    connections_per_source: int = Field(
        1_000, ge=1, description="connections of one address (an office behind NAT) at once"
    )
    refused_per_source: int = Field(
        10, ge=1, description="refused credentials of one source within window before a ban"
    )
    refused_per_aor: int = Field(
        50, ge=1, description="refused credentials for one address-of-record within window"
    )
    window: Annotated[Duration, between(1, 86400)] = Field(
        60.0, description="the time over which refusals are counted"
    )
    ban: Annotated[Duration, between(1, 30 * 86400)] = Field(
        300.0, description="how long a banned source gets no answer"
    )


class Admin(Section):
    """The HTTP side."""

    listen: HttpUri = Field(
        Endpoint("http", "127.0.0.1", 8060), description="health, metrics, status and levers"
    )
    token_file: StatePath = Field(
        Path("token"), description="the token for levers; made at first start, for its owner only"
    )


class Log(Section):
    """The log, on stderr."""

    format: Literal["text", "json"] = Field("text", description="text or json, one line an event")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least important lines that are written"
    )


def _store(value: str, info: ValidationInfo) -> str:
    """``memory``, or ``sqlite://`` and a path; a relative one counts from the state folder."""
    if value == "memory":
        return value
    scheme, found, path = value.partition("://")
    if not found or scheme != "sqlite":
        raise ValueError("must be memory or sqlite://FILE")
    return f"sqlite://{state_path(path, info)}"


def _two(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    if len(nodes) != 2:
        raise ValueError(f"a pair has exactly two nodes, not {len(nodes)}")
    return nodes


class Config(Section):
    """The whole configuration."""

    front: Front = Field(description="the front's own addresses")
    nodes: Annotated[tuple[Node, ...], AfterValidator(_two)] = Field(
        description="the two PBXs",
        json_schema_extra={"minItems": 2, "maxItems": 2},
    )
    trunks: tuple[Trunk, ...] = Field((), description="carriers and other known SIP peers outside")
    peers: tuple[PeerRule, ...] = Field(
        (), description="exceptions for some peers outside, by network or User-Agent"
    )
    registrations: Registrations = Field(Registrations(), description="registrations of phones")
    health: Health = Field(Health(), description="how the front knows how the nodes are")
    probes: tuple[Probe, ...] = Field((), description="what each node is asked beyond OPTIONS")
    failover: Failover = Field(Failover(), description="when roles change")
    hooks: Hooks = Field(Hooks(), description="what is run or called around a change of role")
    drain: Drain = Field(Drain(), description="a node that was left by a switch-over")
    limits: Limits = Field(Limits(), description="bounds on what strangers can cause")
    keys: StatePath = Field(
        Path("keys"), description="folder of the token keys, made at first start; back it up"
    )
    store: Annotated[str, AfterValidator(_store), BeforeValidator(later("store"))] = Field(
        "sqlite://state.db",
        description="where dialogs, bindings and roles are kept: sqlite://FILE or memory",
        validate_default=True,
    )
    records: CallRecords = Field(CallRecords(), description="call records")
    trace: Trace = Field(Trace(), description="messages that `sipfront trace` shows")
    admin: Admin = Field(Admin(), description="the HTTP side")
    log: Log = Field(Log(), description="the log")
