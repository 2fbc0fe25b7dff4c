"""Evidence: what was seen of a node, as values, and the ring that keeps the last of it.

Each value says what happened and when, nothing about what it means; that is the verdict's work.
The fields of :class:`Refused`, :class:`Silent`, :class:`Answered` and :class:`Overload` are in the
order in which the engine tells them, so that the runtime hands them over one for one.
``node`` is the index of the node in the order of configuration, times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Asked(NamedTuple):
    """The front sent a probe (made by the monitor itself)."""

    node: int
    probe: int
    kind: str
    at: float


class Answered(NamedTuple):
    """A probe got its final answer.  Any ``status`` is a sign of life."""

    node: int
    probe: int
    status: int
    sent: float
    at: float


class Unanswered(NamedTuple):
    """A probe got no answer within the time-out (made by the monitor itself)."""

    node: int
    probe: int
    sent: float
    at: float


class Refused(NamedTuple):
    """The node's host says that nobody listens: ECONNREFUSED, a reset.

    Only that.  "No route" and "host unreachable" come from the front's own side or from a router,
    prove nothing about the process, and are to be left out: silence will tell.
    """

    node: int
    at: float


class Silent(NamedTuple):
    """Real requests to the node are unanswered for longer than it ever takes, and it said nothing
    else since ``since``, when the first of them was sent; ``sends`` counts retransmissions too."""

    node: int
    since: float
    at: float
    sends: int


class Spoke(NamedTuple):
    """The node was heard, whatever it said (made by the monitor, when it ended a suspicion)."""

    node: int
    at: float


class Overload(NamedTuple):
    """The node refused a real request with 503; ``retry_after`` is 0 when it named no time."""

    node: int
    at: float
    retry_after: int


class Traffic(NamedTuple):
    """Real calls of the last second or so: final answers of the node to INVITE, challenges aside,
    and how many of them were 5xx (503 aside: that is :class:`Overload`)."""

    node: int
    finals: int
    failed: int
    at: float


class Checked(NamedTuple):
    """A deeper probe has an outcome.

    ``probe`` is its name in the configuration, ``question`` one of ``reachable``, ``register``,
    ``call``, ``ready`` (:data:`sipfront.control.settings.QUESTIONS`).  ``good`` is None when the
    question could not be asked, or the answer says nothing about it: a node that is merely busy
    (503, a session cap), a prober without sockets.  "No" and "could not ask" differ: None changes
    no verdict.  ``text``: one short phrase, ``took``: seconds.
    """

    node: int
    probe: str
    question: str
    good: bool | None
    text: str
    took: float
    at: float


class HookDone(NamedTuple):
    """A hook has ended, after all its retries: the answer to :class:`~actions.RunHook`.

    ``hook``, ``node`` and ``run`` as they were asked for; ``text``: one short phrase.
    """

    hook: str
    node: int
    run: int
    good: bool
    text: str
    at: float


class Witness(NamedTuple):
    """A configured witness was asked: did it answer?"""

    name: str
    answered: bool
    at: float


OfNode = (
    Asked
    | Answered
    | Unanswered
    | Refused
    | Silent
    | Spoke
    | Overload
    | Traffic
    | Checked
    | HookDone
)
Evidence = OfNode | Witness

#: at most so many pieces go into one event; the last ones count
EVENT_EVIDENCE = 200


class Ring:
    """The last pieces of evidence about one node, oldest first."""

    __slots__ = ("_items", "total")

    def __init__(self, size: int) -> None:
        self._items: deque[OfNode] = deque(maxlen=size)
        #: pieces ever added
        self.total = 0

    def add(self, item: OfNode) -> None:
        """Keep ``item``; the oldest one makes room."""
        self._items.append(item)
        self.total += 1

    def since(self, at: float) -> list[OfNode]:
        """What happened at ``at`` or later, oldest first."""
        found: list[OfNode] = []
        for item in reversed(self._items):
            if item.at < at:
                break
            found.append(item)
        found.reverse()
        return found

    def __len__(self) -> int:
        return len(self._items)


def gather(rings: Iterable[Ring], since: float) -> tuple[OfNode, ...]:
    """The evidence of all ``rings`` since that time in one line, as an event stores it."""
    merged = [item for ring in rings for item in ring.since(since)]
    merged.sort(key=lambda item: item.at)
    return tuple(merged[-EVENT_EVIDENCE:])


def tally(evidence: Sequence[OfNode]) -> dict[str, int]:
    """How many pieces of each kind: ``{"Answered": 3, ...}``, for summaries."""
    counts: dict[str, int] = {}
    for item in evidence:
        kind = type(item).__name__
        counts[kind] = counts.get(kind, 0) + 1
    return counts
