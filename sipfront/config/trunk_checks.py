"""What needs more than one key of ``trunks``; a part of :mod:`sipfront.config.checks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.config.problem import Finding
from sipfront.config.values import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.config.model import Config
    from sipfront.config.problem import Location
    from sipfront.config.trunks import Trunk


def trunk_findings(config: Config) -> Iterator[Finding]:
    """Everything that is wrong or doubtful in ``trunks``."""
    names: dict[str, int] = {}
    nodes = [ip for node in config.nodes if (ip := address(node.uri.host)) is not None]
    for n, trunk in enumerate(config.trunks):
        where: Location = ("trunks", n)
        if trunk.name in names:
            yield Finding((*where, "name"), f"trunks[{names[trunk.name]}] has this name too")
        names.setdefault(trunk.name, n)
        if trunk.uri.is_name and not trunk.sources:
            text = f"{trunk.name} is reached by name: say in sources where its calls come from"
            yield Finding((*where, "sources"), text)
        for node in nodes:
            if any(
                node in network for network in trunk.networks if network.version == node.version
            ):
                yield Finding((*where, "sources"), f"covers the node {node}: nodes are not trunks")
        yield from _overlaps(config.trunks[:n], trunk, where)
        yield from _accounts(trunk, where)
        yield from _matches(config, n, where)


def _overlaps(before: tuple[Trunk, ...], trunk: Trunk, where: Location) -> Iterator[Finding]:
    for other in before:
        for network in trunk.networks:
            if any(network.version == its.version and network == its for its in other.networks):
                text = f"{network} is a source of {other.name} too: calls from there count as its"
                yield Finding((*where, "sources"), text, warning=True)
        if trunk.uri.host == other.uri.host:
            text = f"{trunk.uri.host} is {other.name} too: nodes must choose by X-Sipfront-Trunk"
            if "node" in (trunk.register_, other.register_):
                text = f"{trunk.uri.host} is {other.name} too: say in match which REGISTER is whose"
            yield Finding((*where, "uri"), text, warning=True)


def _accounts(trunk: Trunk, where: Location) -> Iterator[Finding]:
    given = [
        name
        for name, value in (
            ("credentials", trunk.credentials),
            ("credentials_file", trunk.credentials_file),
        )
        if value is not None
    ]
    if trunk.register_ != "front":
        for name in given:
            text = f"has no effect with register: {trunk.register_}; the PBXs have the credentials"
            yield Finding((*where, name), text, warning=True)
        return
    if not given:
        yield Finding((*where, "register"), "needs credentials or credentials_file")
    elif len(given) == 2:
        yield Finding((*where, "credentials_file"), "credentials stand here too: one of the two")
    else:
        try:
            trunk.account()
        except ValueError as error:
            yield Finding((*where, "credentials_file"), str(error))


def _matches(config: Config, n: int, where: Location) -> Iterator[Finding]:
    trunk = config.trunks[n]
    mine = set(config.front.domains) | {node.uri.host for node in config.nodes}
    for m, host in enumerate(trunk.match):
        for other in config.trunks[:n]:
            if host == other.uri.host or host in other.match:
                yield Finding((*where, "match", m), f"{host} means {other.name} already")
        if host in mine:
            yield Finding((*where, "match", m), f"{host} is this system itself, not a trunk")
