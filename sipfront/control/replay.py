"""A decision again: from its stored case to the same answer, or to another one and why.

``picture`` draws a monitor, ``run`` makes it again and calls the verbs of the case.  Nothing but
the case goes in, so whoever has the file has all that the decision rested on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sipfront.control.actions import ROLE_EVENTS, Event
from sipfront.control.codec import decode, encode
from sipfront.control.journal import Case
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings

#: what a file must say first, and in which version
MARK: Final = "sipfront failover"
VERSION: Final = 1


class Answer(NamedTuple):
    """What was decided."""

    event: str
    rule: str
    #: who became active
    node: str
    epoch: int
    at: float
    sentence: str

    @classmethod
    def of(cls, event: Event) -> Answer:
        """The answer in an event."""
        return cls(event.kind, event.rule, event.node, event.epoch, event.at, event.sentence)


class Replayed(NamedTuple):
    """How a replay ended."""

    stored: Answer
    #: None: no role changed this time
    again: Answer | None
    #: all that was told on the way
    events: tuple[Event, ...]

    @property
    def same(self) -> bool:
        """The same answer, to the word and the microsecond."""
        return self.again == self.stored


def dump(case: Case, event: Event) -> dict[str, Any]:
    """The case and its answer, as JSON has them."""
    return {
        "what": MARK,
        "version": VERSION,
        "answer": Answer.of(event)._asdict(),
        "settings": encode(case.settings),
        "picture": case.picture,
        "entries": [[verb, was, *map(encode, with_)] for verb, was, with_ in case.entries],
    }


def read(stored: Any) -> tuple[Case, Answer]:
    """The case and its answer again; raises ValueError with a sentence."""
    if not isinstance(stored, dict) or stored.get("what") != MARK:
        raise ValueError("this is no stored failover")
    if stored.get("version") != VERSION:
        raise ValueError(f"version {stored.get('version')} is not understood, only {VERSION}")
    try:
        settings = decode(stored["settings"])
        if not isinstance(settings, Settings):
            raise TypeError("settings")
        answer = Answer(**stored["answer"])
        entries = tuple(
            (str(verb), was, tuple(map(decode, with_))) for verb, was, *with_ in stored["entries"]
        )
        return Case(settings, stored["picture"], entries), answer
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the stored failover is damaged: {error}") from None


def run(case: Case, answer: Answer, **other: object) -> Replayed:
    """Decide again, with ``other`` settings if there are any; raises ValueError for a case whose
    parts do not belong together."""
    monitor = Monitor(replace(case.settings, **other), 0.0)  # type: ignore[arg-type]
    monitor.take()
    try:
        monitor.restore(case.picture)
        events: deque[Event] = deque()
        for verb, promised, arguments in case.entries:
            monitor.repeat(verb, promised, arguments)
            events += [do for do in monitor.take() if isinstance(do, Event)]
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"the stored failover is damaged: {error!r}") from None
    moves = [event for event in events if event.kind in ROLE_EVENTS]
    again = Answer.of(moves[-1]) if moves else None
    same = next((Answer.of(e) for e in moves if Answer.of(e) == answer), None)
    return Replayed(answer, same or again, tuple(events))
