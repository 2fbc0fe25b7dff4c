"""Carries call records between the engine and their table, and shows the calls that are up.

Imported by the runtime only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sipfront.stack.record import DONE, Record
from sipfront.stack.records import RESUMED
from sipfront.store.calls import CallRow, MemoryCalls
from sipfront.store.records import SqliteCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sipfront.stack.shared import Shared
    from sipfront.store.calls import CallStore

#: The longest party, tag or Call-ID that is written; what a stranger sent need not be kept whole.
LONGEST = 255
_WORDS = {word: bit for bit, word in DONE}


def open_calls(store: str, keep: int, age: float) -> CallStore:
    """The table that belongs to a store: ``state.calls.db`` beside ``state.db``."""
    if store == "memory" or keep == 0:
        return MemoryCalls(keep)
    path = Path(store.removeprefix("sqlite://"))
    return SqliteCalls(path.with_name(f"{path.stem}.calls.db"), keep, age)


class Recorder:
    """One engine's records and one table."""

    def __init__(
        self, shared: Shared, store: CallStore, nodes: Sequence[str], wall_offset: float
    ) -> None:
        """``wall_offset``: wall clock minus monotonic clock, seconds."""
        self.store = store
        self._shared = shared
        self._nodes = list(nodes)
        self._offset = wall_offset
        #: rows that are made already
        self._made: dict[Record, CallRow] = {}

    def restore(
        self,
        *,
        remembered: bool,
        now: float,
        over: Sequence[CallRow] = (),
        between: Callable[[], None] | None = None,
    ) -> int:
        """Go on with the calls that were not over; how many.

        ``remembered``: the store kept its dialogs, so that an answered call without one ended
        while nobody could write it down.  Call it when the dialogs are back.  ``over``: the last
        word on calls that the table may not know; ``between`` brings back what else there is before
        it is judged which calls are lost.
        """
        records = self._shared.records
        ended = {row.id for row in over}
        rows = [row for row in self.store.load() if row.id not in ended]
        if over:
            self.store.put(list(over))
        for row in rows:
            record = self._record(row)
            records.restore(record, now)
        records.track()
        if remembered:
            records.follows_until = now + RESUMED
        if between is not None:
            between()
        keys = set()
        for leg in self._shared.legs:
            keys |= {(leg.call_id, leg.outside_tag), (leg.call_id, leg.inside_tag)}
        for record in records.live:
            if remembered and record.answered and record.keys[0] not in keys:
                records.lost(record, now)
        return len(rows)

    def save(self, now: float) -> None:
        """Hand to the table what changed."""
        shared = self._shared
        removed = shared.legs.removed()
        if removed:
            shared.records.gone(removed, now)
        changed, gone = shared.records.changes(now)
        if changed or gone:
            made = self._made
            rows = [made.pop(one) if one in made else self.row(one) for one in changed]
            self.store.put(rows, [_name(name) for name in gone])

    def last(self, record: Record) -> CallRow:
        """The row of a call that has just ended, which is handed to the table soon."""
        row = self._made[record] = self.row(record)
        return row

    def row(self, record: Record) -> CallRow:
        """A record as it is kept."""
        return CallRow(
            _name(record.id),
            record.began + self._offset,
            self._wall(record.rang),
            self._wall(record.answered),
            self._wall(record.ended),
            record.ender,
            record.status,
            party(record.caller),
            party(record.callee),
            party(record.reached),
            record.trunk_in,
            record.trunk_out,
            self._node(record.first),
            self._node(record.node),
            record.epoch,
            ", ".join([word for bit, word in DONE if record.done & bit]),
            _name(record.call_id),
            _name(record.other),
            _name(record.tag),
            int(record.by_outside),
        )

    def live(self, node: str, limit: int) -> list[dict[str, Any]]:
        """The calls that are not over, oldest first; of one node, or of all ("")."""
        shown = []
        for record in self._shared.records.live:
            if node and self._node(record.node) != node:
                continue
            state = "up" if record.answered else "ringing" if record.rang else "setting up"
            shown.append({**as_call(self.row(record)), "state": state})
            if len(shown) >= limit:
                break
        return shown

    def others(self, call_id: bytes) -> list[bytes]:
        """The Call-IDs of the other legs of a call that is not over."""
        for record in self._shared.records.live:
            if any(call_id == key[0] for key in record.keys):
                return [key[0] for key in record.keys]
        return []

    def gauges(self) -> dict[str, int]:
        """How much there is."""
        return {"records_waiting": self.store.waiting()}

    def _record(self, row: CallRow) -> Record:
        record = Record(
            row.id.encode(),
            row.call_id.encode("latin-1", "replace"),
            row.tag.encode("latin-1", "replace"),
            row.began - self._offset,
        )
        record.rang = self._engine(row.rang)
        record.answered = self._engine(row.answered)
        record.status = row.status
        record.caller = row.caller.encode()
        record.callee = row.callee.encode()
        record.reached = row.reached.encode()
        record.trunk_in, record.trunk_out = row.trunk_in, row.trunk_out
        record.first, record.node = self._index(row.node), self._index(row.node_end)
        record.epoch = row.epoch
        record.done = sum(_WORDS.get(word, 0) for word in row.done.split(", "))
        record.other = row.other_call_id.encode("latin-1", "replace")
        record.by_outside = bool(row.outside)
        record.keys.append((record.call_id, record.tag))
        return record

    def _wall(self, at: float) -> float | None:
        return at + self._offset if at else None

    def _engine(self, at: float | None) -> float:
        return at - self._offset if at else 0.0

    def _node(self, index: int) -> str:
        return self._nodes[index] if 0 <= index < len(self._nodes) else ""

    def _index(self, name: str) -> int:
        return self._nodes.index(name) if name in self._nodes else -1


def as_call(row: CallRow) -> dict[str, Any]:
    """A record for people and programs: no tag, lengths beside the moments."""
    up = None
    if row.answered is not None and row.ended is not None:
        up = round(row.ended - row.answered, 3)
    return {
        "id": row.id,
        "start": round(row.began, 3),
        "ring": _rounded(row.rang),
        "answer": _rounded(row.answered),
        "end": _rounded(row.ended),
        "seconds": up,
        "ended_by": row.ender,
        "status": row.status,
        "caller": row.caller,
        "callee": row.callee,
        "reached": row.reached,
        "from_trunk": row.trunk_in,
        "to_trunk": row.trunk_out,
        "node": row.node,
        "node_end": row.node_end,
        "epoch": row.epoch,
        "done": row.done,
        "call_id": row.call_id,
        "other_call_id": row.other_call_id,
    }


def _rounded(at: float | None) -> float | None:
    return None if at is None else round(at, 3)


def party(value: bytes) -> str:
    """Who is meant by a From or To value or a URI: ``user@host``, or the number of a tel URI."""
    left = value.find(b"<")
    if left >= 0:
        right = value.find(b">", left)
        uri = value[left + 1 : right if right > 0 else len(value)]
    else:
        uri = value
    scheme, colon, rest = uri.partition(b":")
    if colon and scheme.lower() in (b"sip", b"sips", b"tel", b"urn"):
        uri = rest
    return _text(uri.partition(b";")[0].partition(b"?")[0].strip())


def _text(octets: bytes) -> str:
    return octets[:LONGEST].decode("utf-8", "replace")


def _name(octets: bytes) -> str:
    """What must be the same octets again after a restart."""
    return octets[:LONGEST].decode("latin-1")
