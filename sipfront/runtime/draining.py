"""How far nodes in ``drain`` or ``maintenance`` are, and the end of what is left when time is up.

Since when, and until when, outlives the front.  Imported by the runtime only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sipfront.runtime.persist import Unreadable, pack, unpack
from sipfront.stack.dialog import CONFIRMED
from sipfront.store.port import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sipfront.stack.front import Engine
    from sipfront.store.port import Store

#: Dialogs that are ended in one turn of 40 ms: 2,500 a second.
SLICE = 100
#: RFC 3326: what telephones and the node's log show.
REASON = 'SIP;cause=503;text="The PBX that carried this call is taken out of service"'


class Wish(NamedTuple):
    """Since when a node is left alone, and when what is left is ended; wall clock, 0.0: never."""

    since: float
    until: float


class Draining:
    """The nodes that are being drained."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        nodes: Sequence[str],
        owned: Callable[[int], int],
        record: Callable[..., None],
    ) -> None:
        """``owned``: live dialogs of a node and calls that it is setting up; ``record``: an event
        and its sentence."""
        self._engine = engine
        self._store = store
        self._nodes = list(nodes)
        self._owned = owned
        self._record = record
        self._wishes: dict[str, Wish] = {}

    def restore(self, rows: list[Row], modes: Sequence[str]) -> None:
        """As it was when the front ended; ``modes`` as they are now."""
        for row in rows:
            if row.kind == "draining":
                try:
                    found = {str(name): Wish(*times) for name, times in unpack(row.value).items()}
                except (Unreadable, TypeError, AttributeError):
                    continue
                held = dict(zip(self._nodes, modes, strict=True))
                drained = ("drain", "maintenance")
                self._wishes = {n: w for n, w in found.items() if held.get(n) in drained}

    def wished(self, node: str, mode: str, after: float | None, wall: float) -> None:
        """The operator set a node's mode; ``after``: seconds until what is left is ended."""
        before = self._wishes.pop(node, None)
        if mode != "in-service":
            since = wall if before is None else before.since
            until = 0.0 if before is None else before.until
            self._wishes[node] = Wish(since, until if after is None else wall + after)
        plain = {name: tuple(wish) for name, wish in self._wishes.items()}
        self._store.put([Row("draining", b"", pack(plain))])

    def status(self, node: int, wall: float) -> dict[str, Any] | None:
        """What is left of a node that is being drained; None: it is not."""
        wish = self._wishes.get(self._nodes[node])
        if wish is None:
            return None
        return {
            "for": round(max(0.0, wall - wish.since), 1),
            "left": self._owned(node),
            "force_in": round(max(0.0, wish.until - wall), 1) if wish.until else None,
        }

    def turn(self, now: float, wall: float) -> bool:
        """End a slice of what is left where time is up; true if something is to be sent."""
        busy = False
        for name, wish in self._wishes.items():
            if not wish.until or wall < wish.until or name not in self._nodes:
                continue
            node = self._nodes.index(name)
            if not self._engine.shared.legs.owned[node]:
                continue
            mine = [leg for leg in self._engine.care.live() if leg.owner == node]
            legs = [leg for leg in mine if leg.state == CONFIRMED and leg.joined is None][:SLICE]
            if legs:
                self._engine.care.hang_up(node, legs, now, REASON)
                text = f"{name}: time is up, {len(legs)} dialogs are ended"
                self._record("drain_forced", text, node=name)
                busy = True
        return busy
