"""The tape: what came in and went out last, kept in memory for whoever asks what happened to a call.

It costs the data path one tuple and its place in a list for each message (``python -m bench.tape`` says how
much): the octets are those that are in memory anyway, in clear also where they were encrypted on
the wire.  Nothing is copied, read, counted or masked before somebody asks; the bounds are held a
few times a second, by whole blocks.

Imported by the runtime only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sipfront.config.tracing import Trace
    from sipfront.stack.flows import Flow

    #: When (monotonic), by which flow, what, and whether the front sent it.
    Entry = tuple[float, Flow, bytes, bool]

#: Messages in one block at least, unless it is older than :data:`FULL_AGE`: the bounds are held by
#: whole blocks, and a block costs as much as two messages.
BLOCK = 64
#: Seconds after which a block is closed with less in it, so that age is held on a quiet front too.
FULL_AGE = 5.0
#: What a message takes beside its octets: its tuple, its place in the block, the head of its bytes.
OVERHEAD = 130
#: What the front did for calls, remembered as well: a failover of a full front makes 5,000 of them.
NOTES = 10_000


class Note(NamedTuple):
    """Something that the front did for a call."""

    at: float  #: monotonic
    event: str
    call_id: str
    detail: str


class _Block(NamedTuple):
    first: int  #: the number of its first entry
    octets: int
    entries: list[Entry]


class Tape:
    """The ring.  ``add`` is the hot path: hand it (now, flow, octets, whether sent)."""

    def __init__(self, bounds: Trace) -> None:
        self._blocks: deque[_Block] = deque()
        self._fresh: list[Entry] = []
        self._next = 1
        self._messages = self._octets = 0
        self.notes: deque[Note] = deque(maxlen=NOTES)
        #: both are replaced with every block: look them up each time
        self.add, self.add_all = self._fresh.append, self._fresh.extend
        self.bound(bounds)

    def bound(self, bounds: Trace) -> None:
        """Other bounds, from the next :meth:`turn` on."""
        self._bounds = bounds

    @property
    def on(self) -> bool:
        """Is anything to be remembered?"""
        return self._bounds.messages > 0

    @property
    def wanted(self) -> Self | None:
        """Itself, if anything is to be remembered."""
        return self if self.on else None

    def turn(self, now: float) -> None:
        """Hold the bounds; call it a few times a second."""
        fresh = self._fresh
        if fresh and (len(fresh) >= BLOCK or fresh[0][0] <= now - FULL_AGE):
            octets = sum([len(entry[2]) for entry in fresh]) + OVERHEAD * len(fresh)
            self._blocks.append(_Block(self._next, octets, fresh))
            self._next += len(fresh)
            self._messages += len(fresh)
            self._octets += octets
            self._fresh = []
            self.add, self.add_all = self._fresh.append, self._fresh.extend
        bounds = self._bounds
        most, oldest = bounds.megabytes << 20, now - bounds.age
        blocks = self._blocks
        while blocks and (
            self._messages > bounds.messages
            or self._octets > most
            or blocks[0].entries[-1][0] < oldest
        ):
            gone = blocks.popleft()
            self._messages -= len(gone.entries)
            self._octets -= gone.octets
        while self.notes and self.notes[0].at < oldest:
            self.notes.popleft()

    def note(self, at: float, event: str, call_id: str, detail: str) -> None:
        """The front did something for a call."""
        if self.on:
            self.notes.append(Note(at, event, call_id, detail))

    def pieces(self, now: float) -> Iterator[tuple[int, list[Entry]]]:
        """What is remembered, oldest first: the number of the first entry, and entries.

        What comes meanwhile is not among it.
        """
        oldest = now - self._bounds.age
        held = [(block.first, block.entries) for block in self._blocks]
        held.append((self._next, list(self._fresh)))
        for first, entries in held:
            skipped = 0
            while skipped < len(entries) and entries[skipped][0] < oldest:
                skipped += 1
            yield first + skipped, entries[skipped:] if skipped else entries

    def gauges(self) -> dict[str, int]:
        """How much there is."""
        held = self._messages + len(self._fresh)
        return {"trace_messages": held, "trace_octets": self._octets}
