"""Who carried traffic, what the operator wished and what was done lately, as rows of the store.

Two rows: an older program reads the first and leaves the second alone, and a file of an older
program has only the first.  Imported by the runtime only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sipfront.control.monitor import Monitor
from sipfront.control.past import Left, Past
from sipfront.control.verdict import NEVER
from sipfront.runtime.persist import pack, unpack
from sipfront.store.port import Row

if TYPE_CHECKING:
    from sipfront.control.settings import Settings

#: The layout of the second row; one of a newer program is forgotten: hold-down counts anew then.
VERSION: Final = 1


class Roles(NamedTuple):
    """Who carried traffic, and what the operator wished, by names."""

    active: str | None
    epoch: int
    modes: dict[str, str]


def rows(monitor: Monitor, offset: float) -> list[Row]:
    """What is to be stored of a monitor; ``offset``: wall clock minus its clock, seconds."""
    names = monitor.settings.nodes
    active = None if monitor.active is None else names[monitor.active]
    modes = {name: mode.value for name, mode in zip(names, monitor.modes, strict=True)}
    past = monitor.past.moved(lambda at: at + offset)
    owed = {names[node]: (epoch, failed) for node, epoch, failed in past.owed}
    last = None if past.last_change == NEVER else past.last_change
    told = (VERSION, last, past.voluntary, past.unwell, owed)
    roles = Roles(active, monitor.epoch, modes)
    return [Row("roles", b"", pack(tuple(roles))), Row("past", b"", pack(told))]


def restored(settings: Settings, stored: list[Row], now: float, offset: float) -> Monitor:
    """The monitor that these rows came from, or a new one."""
    roles = stored_roles(stored)
    if roles is None:
        return Monitor(settings, now)
    active = settings.nodes.index(roles.active) if roles.active in settings.nodes else None
    modes = [roles.modes.get(name, "in-service") for name in settings.nodes]
    past = stored_past(stored, settings.nodes)
    # A wall clock that was set back makes nothing young for longer than if it were of now.
    past = past.moved(lambda at: min(at - offset, now))
    return Monitor(settings, now, active, roles.epoch, modes, past)


def stored_roles(stored: list[Row]) -> Roles | None:
    """The roles among the rows of a store."""
    try:
        active, epoch, modes = _row(stored, "roles")
        return Roles(active, int(epoch), dict(modes))
    except (ValueError, TypeError):
        return None


def stored_past(stored: list[Row], nodes: tuple[str, ...]) -> Past:
    """What was done lately, on the wall clock; nothing where that is not known."""
    try:
        version, last, voluntary, unwell, owed = _row(stored, "past")
        if version != VERSION:
            return Past()
        return Past(
            NEVER if last is None else float(last),
            tuple(float(at) for at in voluntary),
            tuple(float(at) for at in unwell),
            tuple(
                Left(nodes.index(name), int(epoch), str(failed))
                for name, (epoch, failed) in dict(owed).items()
                if name in nodes
            ),
        )
    except (ValueError, TypeError):
        return Past()


def _row(stored: list[Row], kind: str) -> Any:
    return unpack(next((row.value for row in stored if row.kind == kind), None))
