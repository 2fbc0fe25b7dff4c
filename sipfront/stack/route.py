"""The route: what control tells the engine about the pair, as one immutable value.

``stack`` and ``control`` do not know each other; the runtime turns a decision of control into a
:class:`Route` and pushes it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Standing(IntEnum):
    """What a node may start (see :mod:`sipfront.stack.policy`)."""

    FENCED = 0  # died and came back, or lost its epoch: nothing; its in-dialog requests get 481
    STANDBY = 1  # what follows from an INVITE that the front gave it, and qualify OPTIONS
    DRAINING = 2  # new requests as long as it owns a live dialog
    ACTIVE = 3  # everything


class NodeState(IntEnum):
    """What the verdicts say of a node, as far as the data path must know."""

    UP = 0
    SUSPECT = 1  # INVITEs are hedged, everything else waits
    OVERLOADED = 2  # INVITEs are hedged, nothing is moved
    DOWN = 3  # nothing is sent there but probes
    UNKNOWN = 4  # the front itself is cut off


class Route(NamedTuple):
    """Which node carries traffic.  ``active`` is None before the first decision: park."""

    epoch: int
    active: int | None
    standings: tuple[Standing, ...]
    states: tuple[NodeState, ...]
    #: nodes that may take over or take hedged INVITEs now
    ready: tuple[bool, ...]
    why: str = ""
