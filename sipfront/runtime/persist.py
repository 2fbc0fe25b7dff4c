"""What outlives the front, as rows of a store: dialogs, bindings, far sides of tokens.

The engine notes what changed; a few times a second the newest state of that is packed here and
handed to the store, which writes it in its own thread.  At a start everything is put back.
Imported by the runtime only.
"""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sipfront.runtime import leg_rows
from sipfront.runtime.errors import StartupError
from sipfront.stack.bindings import Binding
from sipfront.stack.dialog import CONFIRMED, ENDED
from sipfront.stack.enrolment import Enrolment
from sipfront.stack.flows import Flow, Flows, Listener, Transport
from sipfront.stack.named import Named
from sipfront.stack.tagmap import Kept
from sipfront.store.memory import MemoryStore
from sipfront.store.port import Row, StoreError
from sipfront.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.stack.dialog import Leg
    from sipfront.stack.front import Engine
    from sipfront.store.port import Store

#: How far the store may be behind, seconds; batches of this length cost one transaction each.
BEHIND = 0.04
#: ``marshal`` packs a tuple of octets and numbers in 1 us (JSON takes 10), and its version 4 is
#: read by every Python since 3.4.  It is not made for damaged octets, hence a checksum before it;
#: the file is the owner's own (mode 0600).
MARSHAL = 4
#: Octets of the checksum before each value.
CHECKSUM = 4
#: (transport, address and port it is bound to), remote address, remote port.  Not the listener's
#: number: another configuration may have numbered them anew.
Place = tuple[tuple[int, str, int], str, int]


class Unreadable(ValueError):
    """A row that is damaged, or of something that the configuration has no more."""


def pack(value: Any) -> bytes:
    """The octets of a tuple of plain values."""
    octets = marshal.dumps(value, MARSHAL)
    return crc32(octets).to_bytes(CHECKSUM, "big") + octets


def unpack(octets: bytes | None) -> Any:
    """The value again; raises Unreadable."""
    octets = octets or b""
    rest = octets[CHECKSUM:]
    if crc32(rest).to_bytes(CHECKSUM, "big") != octets[:CHECKSUM]:
        raise Unreadable("damaged")
    try:
        return marshal.loads(rest)
    except (ValueError, TypeError, EOFError) as error:
        raise Unreadable(str(error)) from None


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
        self._now = 0.0  #: when the restoring began
        self._places = {
            _bound(listener): listener for listener in flows.listeners if not listener.inside
        }
        #: connections that stood when the front ended: one flow each, whoever speaks of it
        self._closed: dict[Place, Flow] = {}
        self.dropped = 0  #: rows that could not be read
        self.unpacked = 0  #: changes that could not be packed: bugs of ours
        self.legs = self.bindings = 0  #: restored
        #: legs of which a row says how their node calls them
        self._kept: set[bytes] = set()
        #: legs of calls that went on without their node: the key of the other one
        self._joined: dict[bytes, bytes] = {}

    # -- at a start ----------------------------------------------------------------------------

    def restore(self, rows: list[Row], now: float) -> None:
        """Put back dialogs and bindings, and note from now on what changes.

        What cannot be read, or has ended meanwhile, is removed from the store.
        """
        shared = self.engine.shared
        self._now = now
        done = {
            "leg": self._leg,
            "owed": self._owed,
            "binding": self._binding,
            "named": self._named,
            "kept": self._other_tag,
            "enrolment": self._enrolment,
        }
        bad = []
        for row in sorted(rows, key=lambda row: row.kind == "kept"):  # after their legs
            put_back = done.get(row.kind)
            if put_back is None:
                continue
            try:
                kept = put_back(row.key, unpack(row.value))
            except (ValueError, TypeError, IndexError, AttributeError):
                self.dropped += 1
                kept = False
            if not kept:
                bad.append(row._replace(value=None))
        self._closed.clear()
        self._join()
        self.engine.care.resume(now)
        shared.legs.track()
        self.engine.care.owed.track()
        shared.bindings.track()
        shared.named.track()
        shared.enrolments.track()
        if bad:
            self.store.put(bad)

    def _leg(self, key: bytes, value: tuple[Any, ...]) -> bool:
        leg, joined = self._read_leg(key, value)
        if joined:
            self._joined[key] = joined
        legs = self.engine.shared.legs
        legs.add(leg)
        legs.confirm(leg)
        self.legs += 1
        return True

    def _owed(self, key: bytes, value: tuple[Any, ...]) -> bool:
        leg, _ = self._read_leg(key, value)
        leg.state = ENDED
        self.engine.care.owed.add(leg)
        return True

    def _read_leg(self, key: bytes, value: tuple[Any, ...]) -> tuple[Leg, bytes]:
        leg, place, joined = leg_rows.read(value, self._offset)
        if leg.key != key or not 0 <= leg.owner < len(self.engine.shared.legs.owned):
            raise Unreadable("not what its name says")
        leg.outside_flow = self.flow(place)
        leg.inside_flow = self._node_flow(leg.owner)
        return leg, joined

    def _join(self) -> None:
        """Calls that had gone on without their node go on so."""
        legs = self.engine.shared.legs
        known = {leg.key: leg for leg in legs} if self._joined else {}
        for key, other in self._joined.items():
            one, two = known.get(key), known.get(other)
            if one is not None and two is not None and self._joined.get(other) == key:
                if one.joined is None:
                    legs.join(one, two)
        self._joined.clear()

    def _other_tag(self, key: bytes, value: tuple[Any, ...]) -> bool:
        legs = self.engine.shared.legs
        leg = legs.find(*key.split(b"\0"))
        if leg is None:
            return False
        leg.kept = Kept.restored(value)
        legs.alias(leg)
        self._kept.add(key)
        return True

    def _binding(self, key: bytes, value: tuple[Any, ...]) -> bool:
        # One statement for each side of a row: at 100,000 rows a loop over names takes a second.
        (name, aor, contact, expires, held, granted, place, *plain) = value
        flow = self.flow(place)
        if flow is None:
            return False
        shared = self.engine.shared
        if name != key or not len(held) == len(granted) == len(shared.settings.nodes):
            raise Unreadable("not what its name says")
        binding = Binding(name, aor, contact, flow, len(held))
        binding.expires = expires - self._offset
        binding.held = [until - self._offset if until else 0.0 for until in held]
        if max(binding.expires, *binding.held) <= self._now:
            return False
        binding.granted = list(granted)
        (
            binding.cseq,
            agent,
            binding.call_id,
            binding.number,
            binding.agreed,
            binding.params,
            binding.shown,
            binding.also,
            uri,
            binding.to,
            binding.user,
            binding.local,
            binding.doubted,
        ) = plain
        binding.user_agent = shared.registrar.same(agent)
        binding.uri = shared.registrar.same(uri)
        binding.seen = binding.expires - binding.agreed
        flow.used_by(aor)
        shared.bindings.put(binding)
        self.bindings += 1
        return True

    def _named(self, key: bytes, value: tuple[Any, ...]) -> bool:
        node, target, place = value
        flow = self.flow(place)
        if place is not None and flow is None:
            return False
        self.engine.shared.named.put(key, Named(node, flow, target))
        return True

    def _enrolment(self, key: bytes, value: tuple[Any, ...]) -> bool:
        shared = self.engine.shared
        made = Enrolment.restored(key, value, self._offset)
        registers = [trunk.name for trunk in shared.settings.trunks if trunk.register != "none"]
        return made.trunk in registers and shared.enrolments.put(made)

    def flow(self, place: Place | None) -> Flow | None:
        """The flow again; one of a connection stands for it until its phone is back."""
        if place is None:
            return None
        where, host, port = place
        listener = self._places.get(where)
        if listener is None:
            return None
        flow = self._flows.find(listener.index, host, port)
        if flow is None and listener.transport != Transport.UDP:
            flow = self._closed.get(place)
            if flow is None:
                flow = self._closed[place] = self._flows.closed(listener, host, port)
        return flow

    # -- while it runs -------------------------------------------------------------------------

    def save(self) -> bool:
        """Hand to the store what changed; false if nothing did."""
        shared = self.engine.shared
        rows: list[Row] = []
        for key, leg in shared.legs.changes().items():
            gone = leg is None or leg.state != CONFIRMED
            self._row(rows, "leg", key, None if gone else leg, self._leg_values)
            kept = None if leg is None or gone else leg.kept
            if kept is not None or key in self._kept:
                self._row(rows, "kept", key, kept, Kept.stored)
                (self._kept.discard if kept is None else self._kept.add)(key)
        for key, leg in self.engine.care.owed.changes().items():
            self._row(rows, "owed", key, leg, self._leg_values)
        for key, binding in shared.bindings.changes().items():
            self._row(rows, "binding", key, binding, self._binding_values)
        for key, named in shared.named.changes().items():
            self._row(rows, "named", key, named, self._named_values)
        for key, enrolment in shared.enrolments.changes().items():
            self._row(rows, "enrolment", key, enrolment, lambda one: one.stored(self._offset))
        if rows:
            self.store.put(rows)
        return bool(rows)

    def _row(
        self,
        rows: list[Row],
        kind: str,
        key: bytes,
        value: Any,
        values: Callable[[Any], tuple[Any, ...]],
    ) -> None:
        try:
            rows.append(Row(kind, key, None if value is None else pack(values(value))))
        except (ValueError, TypeError):
            self.unpacked += 1

    def _leg_values(self, leg: Leg) -> tuple[Any, ...]:
        return leg_rows.values(leg, place_of(leg.outside_flow), self._offset)

    def _binding_values(self, binding: Binding) -> tuple[Any, ...]:
        return (
            binding.name,
            binding.aor,
            binding.contact,
            binding.expires + self._offset,
            tuple([until + self._offset if until else 0.0 for until in binding.held]),
            tuple(binding.granted),
            place_of(binding.flow),
            binding.cseq,
            binding.user_agent,
            binding.call_id,
            binding.number,
            binding.agreed,
            binding.params,
            binding.shown,
            binding.also,
            binding.uri,
            binding.to,
            binding.user,
            binding.local,
            binding.doubted,
        )

    def _named_values(self, named: Named) -> tuple[Any, ...]:
        return (named.node, named.target, place_of(named.flow))


def _bound(listener: Listener) -> tuple[int, str, int]:
    return (int(listener.transport), *listener.bound)


def place_of(flow: Flow | None) -> Place | None:
    """What stands for an outside flow in a store."""
    return None if flow is None else (_bound(flow.listener), flow.host, flow.port)
