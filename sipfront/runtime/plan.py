"""From the configuration to what is built: local addresses, peers, and the settings of the rooms.

Values only: nothing is bound or asked here.  Imported by the runtime only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sipfront.control import settings as control
from sipfront.runtime.addresses import bracketed, canonical, expand, family_of
from sipfront.runtime.errors import StartupError
from sipfront.sip.host import host_key
from sipfront.stack import settings as stack
from sipfront.stack.accounts import Account
from sipfront.stack.flows import Transport

if TYPE_CHECKING:
    from sipfront.config.model import Config
    from sipfront.config.trunks import Trunk as TrunkConfig
    from sipfront.config.values import Endpoint
    from sipfront.runtime.keys import Keys

TRANSPORT = {
    "udp": Transport.UDP,
    "tcp": Transport.TCP,
    "tls": Transport.TLS,
    "ws": Transport.WS,
    "wss": Transport.WSS,
}


class Place(NamedTuple):
    """One local address to bind, and what its peers are told."""

    transport: Transport
    host: str
    port: int
    advertised: str
    advertised_port: int
    inside: bool

    def __str__(self) -> str:
        """As in the configuration."""
        return f"{self.transport.name.lower()}://{bracketed(self.host)}:{self.port}"


class NodePlan(NamedTuple):
    """Where a node is."""

    name: str
    transport: Transport
    host: str
    port: int


class Plan(NamedTuple):
    """What is to be bound, in the order of listener indices; ``inside``: (local, remote)."""

    outside: tuple[Place, ...]
    #: one or two local addresses towards the nodes, once for each transport that is needed there
    inside: tuple[tuple[Place, ...], ...]
    shared: bool
    nodes: tuple[NodePlan, ...]


def plan(config: Config) -> Plan:
    """What ``config`` asks for.  Raises StartupError where it cannot be had."""
    outside = []
    for listen in config.front.listen:
        told = config.front.advertised(listen)
        hosts = expand(listen.at.host)
        if not hosts:
            raise StartupError(f"{listen.at} stands for every address, but there is none")
        for host in hosts:
            # A wildcard that advertises nothing else tells each peer the address it came to.
            name = host if told.host == listen.at.host else told.host
            port = told.port or listen.at.port
            kind = TRANSPORT[listen.at.transport]
            outside.append(Place(kind, host, listen.at.port, name, port, inside=False))
    nodes = tuple(
        NodePlan(
            node.name,
            TRANSPORT[node.uri.transport],
            canonical(node.uri.host),
            node.uri.effective_port,
        )
        for node in config.nodes
    )
    inside = tuple(_inside(at, nodes) for at in config.front.inside.addresses)
    return Plan(tuple(outside), inside, config.front.inside.shared, nodes)


def _inside(at: Endpoint, nodes: tuple[NodePlan, ...]) -> tuple[Place, ...]:
    """One inside address, once for each transport that it or a node asks for."""
    kinds = dict.fromkeys([TRANSPORT[at.transport], *(node.transport for node in nodes)])
    host = canonical(at.host)
    for node in nodes:
        if ":" not in node.host and node.host.count(".") != 3:
            raise StartupError(f"node {node.name} must be given by its address, not by a name")
        if family_of(node.host) != family_of(host):
            raise StartupError(f"node {node.name} cannot be reached from {at}: other IP version")
    return tuple(Place(kind, host, at.port, host, at.port, inside=True) for kind in kinds)


def engine_settings(config: Config, keys: Keys, wall_offset: float = 0.0) -> stack.Settings:
    """What the engine is told; ``wall_offset``: wall clock minus monotonic clock."""
    limits = config.limits
    return stack.Settings(
        nodes=tuple(
            stack.Node(
                node.name,
                wire(node.uri.host),
                node.uri.effective_port,
                TRANSPORT[node.uri.transport],
                tuple(dict.fromkeys(wire(host) for host in (node.uri.host, *node.hosts))),
            )
            for node in config.nodes
        ),
        domains=tuple(domain.encode() for domain in config.front.domains),
        trunks=tuple(engine_trunk(trunk) for trunk in config.trunks),
        peers=tuple(
            stack.PeerRule(
                rule.networks,
                rule.agent_pattern,
                rule.two_early_dialogs,
                int(rule.phone_expiry) if rule.phone_expiry is not None else None,
            )
            for rule in config.peers
        ),
        limits=stack.Limits(
            transactions=limits.transactions,
            dialogs=limits.dialogs,
            dialog_age=limits.dialog_age,
            bindings=limits.bindings,
            contacts_per_aor=limits.contacts_per_aor,
            forks=limits.forks,
            refused_per_source=limits.refused_per_source,
            refused_per_aor=limits.refused_per_aor,
            window=limits.window,
            ban=limits.ban,
            parked=limits.parked,
        ),
        timing=stack.Timing(park=config.failover.park),
        hedge=config.failover.hedge,
        local_networks=config.front.local_networks,
        emergency=tuple(number.encode() for number in config.front.emergency),
        registering=_registering(config),
        token_keys=keys.tokens,
        binding_key=keys.binding,
        wall_offset=wall_offset,
    )


def _registering(config: Config) -> stack.Registering:
    told = config.registrations
    return stack.Registering(
        phone_expiry=int(told.phone_expiry),
        lan_expiry=int(told.lan_expiry),
        node_expiry=int(told.node_expiry),
        continuity=told.continuity,
        rate=told.rate,
    )


def engine_trunk(trunk: TrunkConfig) -> stack.Trunk:
    """One trunk as the engine knows it.  Raises StartupError when its credentials cannot be read."""
    try:
        given = trunk.account()
    except ValueError as error:
        raise StartupError(f"trunk {trunk.name}: {error}") from None
    known = stack.Trunk(
        trunk.name,
        wire(trunk.uri.host),
        trunk.uri.effective_port,
        TRANSPORT[trunk.uri.transport],
        trunk.networks,
        trunk.two_early_dialogs,
        tuple(host_key(wire(host)) for host in trunk.match),
        trunk.register_,
    )
    if given is None:
        return known
    return replace(
        known,
        user=given.user.encode(),
        domain=wire(given.domain or trunk.uri.host),
        account=Account((given.login or given.user).encode(), given.password.encode()),
        expiry=int(given.expiry),
    )


def control_settings(config: Config) -> control.Settings:
    """What the monitor is told."""
    options = config.health.options
    failover = config.failover
    return control.Settings(
        nodes=tuple(node.name for node in config.nodes),
        interval=options.interval,
        timeout=options.timeout,
        burst=options.burst,
        rise=options.rise,
        witnesses=config.health.witnesses,
        patience=failover.patience,
        park=failover.park,
        rescue_after=failover.rescue_after,
        failback=failover.failback,
        hold_down=failover.hold_down,
        max_per_hour=failover.max_per_hour,
        drain_max=config.drain.max,
        probes=_probes(config),
        hooks=tuple(
            control.Hook(name, hook.required, hook.timeout)
            for name in control.HOOKS
            if (hook := getattr(config.hooks, name)) is not None
        ),
    )


#: An outcome is too old after so many intervals: two may be late, and one may be lost.
STALE = 4


def _probes(config: Config) -> tuple[control.Probe, ...]:
    """One of each name: entries of one name ask different nodes the same."""
    named: dict[str, control.Probe] = {}
    for probe in config.probes:
        named.setdefault(
            probe.called,
            control.Probe(
                probe.called,
                probe.asks,
                probe.rise,
                probe.fall,
                probe.required,
                STALE * (probe.interval + probe.timeout),
            ),
        )
    return tuple(named.values())


def wire(host: str) -> bytes:
    """A host as it stands in SIP."""
    return bracketed(host).encode("ascii")
