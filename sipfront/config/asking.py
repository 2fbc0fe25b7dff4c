"""What ``probes`` and ``hooks`` must be together with the rest: names, files and times; a part of
:mod:`sipfront.config.checks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.config.problem import Finding
from sipfront.config.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sipfront.config.model import Config
    from sipfront.config.probes import Probe
    from sipfront.config.problem import Location

#: What entries of one name must agree on: together they are one question to both nodes.
_SAME = ("asks", "rise", "fall", "required")
#: Hooks that come before or belong to a change of role; nobody waits for ``notify``.
_WAITED = ("fence", "promote", "demote")


def probe_findings(config: Config) -> Iterator[Finding]:
    """Everything that is wrong or doubtful in ``probes``."""
    nodes = [node.name for node in config.nodes]
    asked: dict[str, dict[str, int]] = {}
    for n, probe in enumerate(config.probes):
        where: Location = ("probes", n)
        for name in probe.nodes:
            if name not in nodes:
                text = f"there is no node {name} ({', '.join(nodes)})"
                yield Finding((*where, "nodes"), text)
        its = asked.setdefault(probe.called, {})
        for name in probe.nodes or nodes:
            if name in its:
                text = f"probes[{its[name]}] asks {name} by this name too: give one of them a name"
                yield Finding(where, text)
            its.setdefault(name, n)
        yield from _agree(config.probes[: n + 1], where)
        if probe.password_file is not None and (why := unreadable(probe.password_file)):
            yield Finding((*where, "password_file"), why)
        if probe.authorities is not None and (why := unreadable(probe.authorities)):
            yield Finding((*where, "authorities"), why)
    for called, its in asked.items():
        missing = [name for name in nodes if name not in its]
        first = min(its.values(), default=0)
        if missing and config.probes[first].required:
            text = f"{called} never asks {missing[0]}: its answer stays unknown there"
            yield Finding(("probes", first), text, warning=True)


def _agree(probes: tuple[Probe, ...], where: Location) -> Iterator[Finding]:
    *before, probe = probes
    for n, other in enumerate(before):
        if other.called != probe.called:
            continue
        for key in _SAME:
            if getattr(other, key) != getattr(probe, key):
                word = "question" if key == "asks" else key
                yield Finding(where, f"probes[{n}] has this name and another {word}")
        break


def hook_findings(config: Config) -> Iterator[Finding]:
    """Everything that is wrong in ``hooks``."""
    park = config.failover.park
    for name in ("fence", "promote", "demote", "notify"):
        hook = getattr(config.hooks, name)
        if hook is None:
            continue
        if name in _WAITED and hook.timeout > park:
            text = (
                f"is longer than failover.park ({format_duration(park)}): calls that wait for the "
                "change would be refused before the hook has ended"
            )
            yield Finding(("hooks", name, "timeout"), text)
        if hook.token_file is not None and (why := unreadable(hook.token_file)):
            yield Finding(("hooks", name, "token_file"), why)
    fence, promote = config.hooks.fence, config.hooks.promote
    if fence is None or promote is None or not (fence.required and promote.required):
        return
    if max(fence.timeout, promote.timeout) <= park < fence.timeout + promote.timeout:
        text = f"with that of fence it is longer than failover.park ({format_duration(park)})"
        yield Finding(("hooks", "promote", "timeout"), text)


def unreadable(path: Path) -> str | None:
    """Why a file cannot be read, None when it can."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    return None
