"""The last verbs that a monitor was called with, and a picture of it from before the first one.

Both together are all that a decision came from: :mod:`sipfront.control.replay` makes the monitor of
the picture again, calls the verbs, and must come to the same answer.  Two pictures are kept, so
that there is always some history before a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sipfront.control.verdict import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.control.settings import Settings

#: a picture is made so often, seconds: the oldest one is then 20 to 40 s old, which is more than
#: any verdict looks back
EVERY: Final = 20.0
#: verbs after which one is made sooner: 100 a second are many
ENOUGH: Final = 2_000

#: name of the verb, what the monitor had promised before (or None), arguments
Entry = tuple[str, float | None, tuple[Any, ...]]


class Case(NamedTuple):
    """What a decision came from."""

    settings: Settings
    picture: dict[str, Any]
    entries: tuple[Entry, ...]


class Journal:
    """Keeps the verbs of one monitor."""

    __slots__ = ("_at", "_calm", "_draw", "_entries", "_old", "_old_picture", "_picture", "off")

    def __init__(self, draw: Callable[[], dict[str, Any]]) -> None:
        """``draw`` makes a picture of the monitor as it is."""
        self._draw = draw
        self._at = NEVER
        self._picture: dict[str, Any] = {}
        self._entries: list[Entry] = []
        self._old_picture: dict[str, Any] = {}
        self._old: list[Entry] = []
        #: in calm times the last word of a node stands for those before it: node -> its place
        self._calm: dict[int, int] = {}
        #: a replayed monitor keeps no journal
        self.off = False

    def note(self, now: float, promised: float | None, verb: str, *arguments: Any) -> None:
        """A verb is about to be carried out."""
        if self.off:
            return
        self._calm.clear()
        if now >= self._at + EVERY or len(self._entries) >= ENOUGH:
            self._turn(now)
        self._entries.append((verb, promised, arguments))

    def heard(self, node: int, at: float, promised: float | None, calm: bool) -> None:
        """A node was heard; while all is calm only the last time matters."""
        if self.off:
            return
        place = self._calm.get(node) if calm else None
        if place is not None:
            self._entries[place] = ("heard", promised, (node, at))
            return
        if not calm:
            self.note(at, promised, "heard", node, at)
            return
        if not self._picture:
            self._turn(at)
        self._calm[node] = len(self._entries)
        self._entries.append(("heard", promised, (node, at)))

    def _turn(self, now: float) -> None:
        self._old_picture, self._old = self._picture, self._entries
        self._picture, self._entries, self._at = self._draw(), [], now

    def case(self, settings: Settings) -> Case:
        """All that led to where the monitor is now."""
        if not self._old_picture:
            return Case(settings, self._picture, tuple(self._entries))
        return Case(settings, self._old_picture, (*self._old, *self._entries))
