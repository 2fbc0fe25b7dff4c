"""What outlives the front, as rows of a store: dialogs, bindings, far sides of tokens, roles.

The engine notes what changed; a few times a second the newest state of that is packed here and
handed to the store, which writes it in its own thread.  At a start everything is put back.
Imported by the runtime only.
"""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sipfront.runtime.errors import StartupError
from sipfront.stack.bindings import Binding
from sipfront.stack.dialog import CONFIRMED, Leg
from sipfront.stack.flows import OUTSIDE, Flow, Flows
from sipfront.store.memory import MemoryStore
from sipfront.store.port import Row, StoreError
from sipfront.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.stack.front import Engine
    from sipfront.store.port import Store

#: How far the store may be behind, seconds; batches of this length cost one transaction each.
BEHIND = 0.04
#: ``marshal`` packs a tuple of octets and numbers in 1 us (JSON takes 10), and its version 4 is
#: read by every Python since 3.4.  The file is the owner's own (mode 0600); a row that cannot be
#: read is dropped and counted.
MARSHAL = 4
#: Whenever the front speaks in somebody's place after its own restart, CSeq jumps by this: the
#: store may be behind, and jumps are legal (RFC 3261 12.2.2).
CSEQ_JUMP = 100

_LEG_FIELDS = (
    "call_id",
    "outside_tag",
    "inside_tag",
    "owner",
    "epoch",
    "kind",
    "by_outside",
    "outside_target",
    "outside_routes",
    "outside_token",
    "outside_cseq",
    "outside_party",
    "inside_target",
    "inside_routes",
    "inside_token",
    "inside_cseq",
    "inside_uri",
    "inside_party",
    "trunk",
    "correlation",
    "event",
)


class Roles(NamedTuple):
    """Who carried traffic, and what the operator wished, by names."""

    active: str | None
    epoch: int
    modes: dict[str, str]


def stored_roles(rows: list[Row]) -> Roles | None:
    """The roles among the rows of a store."""
    for row in rows:
        if row.kind == "roles":
            try:
                active, epoch, modes = marshal.loads(row.value or b"")
                return Roles(active, int(epoch), dict(modes))
            except (ValueError, TypeError, EOFError):
                return None
    return None


def open_store(where: str) -> Store:
    """The store that the configuration names; raises StartupError."""
    if where == "memory":
        return MemoryStore()
    try:
        return SqliteStore(Path(where.removeprefix("sqlite://")))
    except StoreError as error:
        raise StartupError(str(error)) from None


class Persist:
    """Carries state between one engine and one store."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        flows: Flows,
        node_flow: Callable[[int], Flow | None],
        wall_offset: float,
    ) -> None:
        """``wall_offset``: wall clock minus monotonic clock, seconds."""
        self.engine = engine
        self.store = store
        self._flows = flows
        self._node_flow = node_flow
        self._offset = wall_offset
        self.dropped = 0
        self.legs = self.bindings = 0  #: restored

    # -- at a start ----------------------------------------------------------------------------

    def restore(self, rows: list[Row], now: float) -> None:
        """Put back dialogs and bindings, and note from now on what changes."""
        for row in rows:
            try:
                value = marshal.loads(row.value or b"")
                if row.kind == "leg":
                    self.engine.shared.legs.add(self._leg(value))
                    self.legs += 1
                elif row.kind == "binding":
                    self._binding(value, now)
            except (ValueError, TypeError, EOFError, IndexError, KeyError):
                self.dropped += 1
        for leg in self.engine.shared.legs:
            if leg.state != CONFIRMED:
                self.engine.shared.legs.confirm(leg)
        self.engine.shared.legs.track()
        self.engine.shared.bindings.track()

    def _leg(self, value: tuple[Any, ...]) -> Leg:
        *plain, flow = value
        leg = Leg(plain[0], plain[1], plain[2], plain[3])
        for name, item in zip(_LEG_FIELDS[4:], plain[4:], strict=True):
            setattr(leg, name, item)
        leg.outside_cseq += CSEQ_JUMP
        leg.inside_cseq += CSEQ_JUMP
        leg.outside_flow = self._flow(flow)
        leg.inside_flow = self._node_flow(leg.owner)
        return leg

    def _binding(self, value: tuple[Any, ...], now: float) -> None:
        name, aor, contact, expires, cseq, agent, flow = value
        left = expires - (now + self._offset)
        known = self._flow(flow)
        if left <= 0 or known is None:
            return
        binding = Binding(name, aor, contact, known)
        binding.expires = now + left
        binding.cseq = cseq
        binding.user_agent = agent
        self.engine.shared.bindings.put(binding)
        self.bindings += 1

    def _flow(self, value: tuple[int, str, int] | None) -> Flow | None:
        """The flow again; one of a connection stands for it until its phone is back."""
        if value is None:
            return None
        index, host, port = value
        flow = self._flows.find(index, host, port)
        if flow is None and 0 <= index < len(self._flows.listeners):
            flow = Flow(0, self._flows.listeners[index], host, port, OUTSIDE)
            flow.open = False
        return flow

    # -- while it runs -------------------------------------------------------------------------

    def save(self) -> bool:
        """Hand to the store what changed; false if nothing did."""
        shared = self.engine.shared
        rows = []
        for key, leg in shared.legs.changes().items():
            gone = leg is None or leg.state != CONFIRMED
            rows.append(Row("leg", key, None if gone or leg is None else self._pack_leg(leg)))
        for name, binding in shared.bindings.changes().items():
            packed = None if binding is None else self._pack_binding(binding)
            rows.append(Row("binding", name, packed))
        if rows:
            self.store.put(rows)
        return bool(rows)

    def roles(self, roles: Roles) -> None:
        """The roles or modes changed: written at once."""
        self.store.put([Row("roles", b"", marshal.dumps(tuple(roles), MARSHAL))])

    def _pack_leg(self, leg: Leg) -> bytes:
        plain = tuple([getattr(leg, name) for name in _LEG_FIELDS])
        return marshal.dumps((*plain, _place(leg.outside_flow)), MARSHAL)

    def _pack_binding(self, binding: Binding) -> bytes:
        return marshal.dumps(
            (
                binding.name,
                binding.aor,
                binding.contact,
                binding.expires + self._offset,
                binding.cseq,
                binding.user_agent,
                _place(binding.flow),
            ),
            MARSHAL,
        )


def _place(flow: Flow | None) -> tuple[int, str, int] | None:
    return None if flow is None else (flow.listener.index, flow.host, flow.port)
