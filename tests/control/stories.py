"""Words that the stories of a pair are told with."""

from __future__ import annotations

from sim import Sim

from sipfront.control.actions import Event, Roles
from sipfront.control.verdict import State


def roles(sim: Sim) -> Roles:
    assert sim.roles is not None
    return sim.roles


def last(sim: Sim, kind: str) -> Event:
    return next(event for event in reversed(sim.events) if event.kind == kind)


def settled(**what: object) -> Sim:
    """A pair that has been fine for five seconds."""
    sim = Sim(**what)  # type: ignore[arg-type]
    sim.run(5.0)
    assert roles(sim).states == (State.UP, State.UP)
    return sim
