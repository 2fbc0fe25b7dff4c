"""What needs more than one key: the checks that make a configuration one that can work.

Each check is a function of the whole configuration that yields findings, and says what it reads,
so that it is not asked about values that are already known to be broken.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sipfront.config.asking import hook_findings, probe_findings
from sipfront.config.asking import unreadable as _unreadable
from sipfront.config.model import Config
from sipfront.config.problem import Finding
from sipfront.config.trunk_checks import trunk_findings
from sipfront.config.values import WEB, Advertised, Endpoint, PeerUri, address

if TYPE_CHECKING:
    from pathlib import Path

    from sipfront.config.problem import Location


_ENCRYPTED = ("tls", "wss")

Check = Callable[[Config], Iterator[Finding]]
_CHECKS: list[tuple[tuple[Location, ...], Check]] = []


def _reads(*paths: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        _CHECKS.append((tuple(tuple(path.split(".")) for path in paths), check))
        return check

    return register


def checks(config: Config) -> Iterator[Finding]:
    """Everything that is wrong or doubtful in ``config`` as a whole."""
    for reads, check in _CHECKS:
        for finding in check(config):
            yield finding._replace(reads=reads)


@_reads("front.listen")
def _listeners(config: Config) -> Iterator[Finding]:
    if not config.front.listen:
        yield Finding(("front", "listen"), "at least one listener is needed")
    seen: list[Endpoint] = []
    for n, listen in enumerate(config.front.listen):
        at = listen.at
        for other in seen:
            if at.transport == other.transport and (at.covers(other) or other.covers(at)):
                yield Finding(("front", "listen", n), f"{other} has this address and port already")
                break
        for other in seen:
            if (
                at.transport != other.transport
                and "udp" not in (at.transport, other.transport)
                and (at.covers(other) or other.covers(at))
            ):
                yield Finding(("front", "listen", n), f"{other} is a stream on this port already")
        seen.append(at)


@_reads("front.listen", "front.advertise")
def _advertised(config: Config) -> Iterator[Finding]:
    common = config.front.advertise
    for n, listen in enumerate(config.front.listen):
        where: Location = ("front", "listen", n)
        told = listen.advertise or common
        if told is None:
            if listen.at.wildcard:
                text = f"{listen.at} is a wildcard: say with advertise what phones and trunks see"
                yield Finding(where, text)
            continue
        key = (*where, "advertise") if listen.advertise else ("front", "advertise")
        yield from _told(told, listen.at, key)


def _told(told: Advertised, at: Endpoint, key: Location) -> Iterator[Finding]:
    if told.is_name:
        if at.transport not in _ENCRYPTED:
            text = f"{told} is a name: {at.transport} needs an address, only tls and wss a name"
            yield Finding(key, text)
        return
    ip = address(told.host)
    if ip is None:
        return
    if ip.is_unspecified or ip.is_multicast:
        yield Finding(key, f"{told} is not an address that peers can reach")
    elif ip.version != at.version:
        text = f"{told} is IPv{ip.version}, but {at} is IPv{at.version}"
        yield Finding(key, text, warning=True)


# A listener that is broken itself can only hide a clash, never make one up: not read here.
@_reads("front.inside", "admin.listen")
def _inside(config: Config) -> Iterator[Finding]:
    inside = config.front.inside
    names = ("local", "remote")
    for name, at in zip(names, inside.addresses, strict=False):
        where: Location = ("front", "inside", name)
        if at.transport in WEB:
            yield Finding(where, f"{at.transport} is for phones in browsers: use udp, tcp or tls")
        if at.wildcard:
            yield Finding(
                where, "must be one address: nodes are told it, and it says who is inside"
            )
            continue
        for listen in config.front.listen:
            if listen.at.covers(at) and not inside.shared:
                text = (
                    f"the outside listener {listen.at} covers this address and port, so outsiders "
                    "could come in here: use another port, or say shared: true"
                )
                yield Finding(where, text)
                break
    if len(inside.addresses) == 2 and inside.local.transport != inside.addresses[1].transport:
        yield Finding(("front", "inside", "remote"), "local and remote must have one transport")
    admin = config.admin.listen
    taken = [listen.at for listen in config.front.listen] + list(inside.addresses)
    for at in taken:
        if at.transport != "udp" and (at.covers(admin) or admin.covers(at)):
            yield Finding(("admin", "listen"), f"{at} has this address and port already")
            break


@_reads("front.inside", "front.local_networks")
def _two_insides(config: Config) -> Iterator[Finding]:
    two = len(config.front.inside.addresses) == 2
    if two and not config.front.local_networks:
        text = "without front.local_networks everybody comes by this address and local is idle"
        yield Finding(("front", "inside", "remote"), text, warning=True)
    if not two and config.front.local_networks:
        text = "has no effect: front.inside names no remote address"
        yield Finding(("front", "local_networks"), text, warning=True)


@_reads("front.tls", "front.inside")
def _certificates(config: Config) -> Iterator[Finding]:
    tls = config.front.tls
    where: Location = ("front", "tls")
    needed: list[Endpoint | PeerUri] = [
        listen.at for listen in config.front.listen if listen.at.transport in _ENCRYPTED
    ]
    needed += [at for at in config.front.inside.addresses if at.transport == "tls"]
    needed += [node.uri for node in config.nodes if node.uri.transport == "tls"]
    for name, path in (("certificate", tls.certificate), ("key", tls.key)):
        if path is None and needed:
            yield Finding((*where, name), f"is missing: {needed[0]} needs one")
        elif path is None and (tls.certificate or tls.key):
            yield Finding((*where, name), "is missing: a certificate and its key belong together")
    unreadable = False
    named = {"certificate": tls.certificate, "key": tls.key, "authorities": tls.authorities}
    for name, path in named.items():
        why = path and _unreadable(path)
        if why:
            unreadable = True
            yield Finding((*where, name), why)
    if unreadable:
        return
    if tls.certificate and tls.key:
        try:
            # No password is ever asked for on a terminal: a protected key is an error here.
            scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            scratch.load_cert_chain(tls.certificate, tls.key, password=_no_password)
        except (ssl.SSLError, ValueError, OSError) as error:
            yield Finding((*where, "certificate"), _tls_reason(error, tls.certificate, tls.key))
    if tls.authorities:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls.authorities)
        except (ssl.SSLError, OSError):
            text = f"{tls.authorities} holds no certificates in PEM"
            yield Finding((*where, "authorities"), text)


def _no_password() -> str:
    raise ValueError("the key has a password: the front cannot ask for it")


def _tls_reason(error: Exception, certificate: Path, key: Path) -> str:
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{certificate} and {key} do not belong together"
        return f"{certificate} and {key} cannot be loaded: {error.reason or 'not PEM'}"
    return str(error)


@_reads("nodes")
def _pair(config: Config) -> Iterator[Finding]:
    first, second = config.nodes
    if first.name == second.name:
        yield Finding(("nodes", 1, "name"), f"both nodes are called {first.name}")
    if (first.uri.host, first.uri.effective_port) == (second.uri.host, second.uri.effective_port):
        yield Finding(("nodes", 1, "uri"), f"{first.name} has this address too")
    for n, node in enumerate(config.nodes):
        ip = address(node.uri.host)
        if ip is None:
            text = f"{node.uri.host} is a name: nodes are found without DNS, write the address"
            yield Finding(("nodes", n, "uri"), text)
        elif ip.is_unspecified or ip.is_multicast:
            yield Finding(("nodes", n, "uri"), f"{ip} is not the address of a node")


@_reads("front.inside", "nodes")
def _nodes(config: Config) -> Iterator[Finding]:
    inside = config.front.inside
    own = [listen.at for listen in config.front.listen] + list(inside.addresses)
    # The inside address serves every transport that it or a node names, all on its one port.
    asked = {inside.local.transport, *(node.uri.transport for node in config.nodes)}
    if {"tcp", "tls"} <= asked:
        text = "one node by tcp and one by tls: both would come in at one port; use one of them"
        yield Finding(("nodes",), text)
    for n, node in enumerate(config.nodes):
        where: Location = ("nodes", n, "uri")
        ip = address(node.uri.host)
        if ip is None:
            continue
        if ip.version != inside.local.version:
            text = f"is IPv{ip.version}, but front.inside is IPv{inside.local.version}"
            yield Finding(where, text)
        there = Endpoint(node.uri.transport, node.uri.host, node.uri.effective_port)
        for at in own:
            if at == there._replace(transport=at.transport):
                yield Finding(where, f"{at} is the front itself")
                break


@_reads("trunks", "front.listen")
def _reachable(config: Config) -> Iterator[Finding]:
    transports = {listen.at.transport for listen in config.front.listen}
    for n, trunk in enumerate(config.trunks):
        if trunk.uri.transport not in transports:
            text = f"needs a {trunk.uri.transport}:// listener in front.listen"
            yield Finding(("trunks", n, "uri"), text)


@_reads("trunks", "nodes", "front.domains")
def _trunks(config: Config) -> Iterator[Finding]:
    yield from trunk_findings(config)


@_reads("probes", "nodes")
def _probes(config: Config) -> Iterator[Finding]:
    yield from probe_findings(config)


@_reads("hooks", "failover")
def _hooks(config: Config) -> Iterator[Finding]:
    yield from hook_findings(config)


@_reads("failover", "health.options")
def _times(config: Config) -> Iterator[Finding]:
    failover, options = config.failover, config.health.options
    if failover.park <= failover.patience:
        text = "must be longer than patience, else no parked request lives to see the decision"
        yield Finding(("failover", "park"), text)
    if failover.failback == "window" and failover.window is None:
        text = 'failback: window needs to know when: {from: "02:00", to: "04:00"}'
        yield Finding(("failover", "failback"), text)
    if failover.failback != "window" and failover.window is not None:
        text = f"is not used: failback is {failover.failback}"
        yield Finding(("failover", "window"), text)
    if failover.rescue_after < failover.patience:
        yield Finding(("failover", "rescue_after"), "must not be shorter than patience")
    if options.timeout > 4 * options.interval + 2:
        text = "is much longer than interval: silence is seen late"
        yield Finding(("health", "options", "timeout"), text, warning=True)


@_reads("registrations")
def _registrations(config: Config) -> Iterator[Finding]:
    told = config.registrations
    if told.continuity == "mirror" and not told.credentials:
        text = "needs credentials: the front can register only phones whose credentials it knows"
        yield Finding(("registrations", "continuity"), text)
    for n, source in enumerate(told.credentials):
        where: Location = ("registrations", "credentials", n)
        for key in ("file", "asterisk", "token_file"):
            path: Path | None = getattr(source, key)
            if path is not None:
                yield from _secret(path, (*where, key))
        if source.url is not None and source.url.startswith("http://"):
            text = "is not https: the credentials of all phones cross the network in clear"
            yield Finding((*where, "url"), text, warning=True)


def _secret(path: Path, where: Location) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Finding(where, f"{path} cannot be read: {error.strerror}")
        return
    if mode & 0o006:
        yield Finding(where, f"others may read the secrets in {path}: chmod o-rwx {path}")


@_reads("admin.listen")
def _admin(config: Config) -> Iterator[Finding]:
    ip = address(config.admin.listen.host)
    if ip is not None and not ip.is_loopback:
        text = "is not loopback: the token crosses the network in clear; put a TLS proxy before it"
        yield Finding(("admin", "listen"), text, warning=True)


@_reads("front.listen", "front.advertise", "front.inside", "nodes")
def _audio(config: Config) -> Iterator[Finding]:
    """Media does not pass the front: it runs between the peers outside and the node."""
    front = config.front
    told = [ip for item in front.listen if (ip := address(front.advertised(item).host)) is not None]
    told = [ip for ip in told if not ip.is_unspecified]
    for n, node in enumerate(config.nodes):
        ip = address(node.uri.host)
        where: Location = ("nodes", n, "uri")
        if ip is None or not told:
            continue
        if ip.is_loopback and not all(its.is_loopback for its in told):
            text = f"audio cannot work: {ip} is loopback, peers outside cannot send RTP to it"
            yield Finding(where, text, warning=True)
        elif any(its.is_global for its in told) and not ip.is_global:
            if len(front.inside.addresses) == 2:
                continue
            text = (
                f"audio cannot work from the internet: {ip} is private and RTP does not pass the "
                "front; give the PBX a public media address and name front.inside.remote"
            )
            yield Finding(where, text, warning=True)
        elif all(its.version != ip.version for its in told):
            text = f"audio cannot work: {ip} is IPv{ip.version}, the peers outside are not"
            yield Finding(where, text, warning=True)
