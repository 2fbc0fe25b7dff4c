"""What happened, over restarts: the last events, and the last changes of role with all that they
came from.  Rows of the store; nothing here is waited for.

Imported by the runtime only.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from sipfront.control.codec import encode
from sipfront.control.replay import dump
from sipfront.runtime.persist import pack, unpack
from sipfront.runtime.supervisor import EVENTS
from sipfront.store.port import Row

if TYPE_CHECKING:
    from sipfront.control.actions import Event
    from sipfront.store.port import Store

#: Changes of role that are kept whole, 10 to 50 kB each.
CASES: Final = 50
#: A case is packed so long after its change of role, seconds: then the data path has better to do.
LATER: Final = 2.0


class Chronicle:
    """Events and cases of one front."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS)
        #: the number of the last event
        self.count = 0
        self._cases: dict[int, bytes] = {}
        self._waiting: list[Event] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def restore(self, rows: list[Row]) -> None:
        """What was kept; what cannot be read is forgotten."""
        bad: list[Row] = []
        for row in sorted((r for r in rows if r.kind in ("event", "case")), key=lambda r: r.key):
            try:
                value = unpack(row.value)
                number = int.from_bytes(row.key, "big")
                if row.kind == "event":
                    self.events.append(json.loads(value))
                    self.count = number
                else:
                    self._cases[number] = bytes(value)
            except (ValueError, TypeError):
                bad.append(row._replace(value=None))
        if bad:
            self._store.put(bad)

    def add(self, entry: dict[str, Any]) -> None:
        """An event, numbered by its ``id``; the oldest one makes room."""
        self.count = int(entry["id"])
        rows = [Row("event", _key(self.count), pack(json.dumps(entry, default=str)))]
        if self.count > EVENTS:
            rows.append(Row("event", _key(self.count - EVENTS), None))
        self._store.put(rows)

    # ------------------------------------------------------------------ cases

    def changed(self, event: Event) -> None:
        """A role changed: its case is to be kept."""
        self._waiting.append(event)

    def turn(self, now: float) -> None:
        """Pack what has waited long enough, in a thread of its own."""
        if not self._waiting or now < self._waiting[0].at + LATER:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        event = self._waiting.pop(0)
        self._thread = threading.Thread(target=self._pack, args=(event,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pack what still waits."""
        if self._thread is not None:
            self._thread.join()
        for event in self._waiting:
            self._pack(event)
        self._waiting.clear()

    def _pack(self, event: Event) -> None:
        if event.case is None:
            return
        whole = {**dump(event.case, event), "view": encode(event.view)}
        octets = zlib.compress(json.dumps(whole, allow_nan=False).encode(), 6)
        with self._lock:
            self._cases[event.epoch] = octets
            rows = [Row("case", _key(event.epoch), pack(octets))]
            while len(self._cases) > CASES:
                oldest = min(self._cases)
                del self._cases[oldest]
                rows.append(Row("case", _key(oldest), None))
        self._store.put(rows)

    def case(self, epoch: int) -> dict[str, Any] | None:
        """The case of the change of role that began ``epoch``, as a file has it."""
        for event in self._waiting:
            if event.epoch == epoch:
                self._pack(event)
        with self._lock:
            octets = self._cases.get(epoch)
        if octets is None:
            return None
        whole: dict[str, Any] = json.loads(zlib.decompress(octets))
        return whole


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")
