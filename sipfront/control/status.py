"""How things are, as one frozen value: what ``status`` shows and the admin side serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sipfront.control.decision import View, decide
from sipfront.control.evidence import gather, tally
from sipfront.control.verdict import NEVER

if TYPE_CHECKING:
    from sipfront.control.changes import Changes
    from sipfront.control.roles import Book
    from sipfront.control.watch import Watch

#: how far back the evidence is summed up
RECENT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One deeper question to a node, by one probe."""

    probe: str
    question: str
    #: good, bad or unknown
    answer: str
    required: bool
    #: what the last outcome said, and how long it took, seconds
    text: str
    took: float
    #: milliseconds since that outcome, None: there was none
    age_ms: float | None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node.  Times in milliseconds before ``Status.at``, None: never."""

    name: str
    role: str
    standing: str
    state: str
    mode: str
    ready: bool
    #: why it is not ready, else how it is
    why: str
    heard_ms: float | None
    answered_ms: float | None
    #: the last status of an answer to OPTIONS, 0: none yet
    status: int
    rtt_ms: float | None
    #: sends that nothing has followed so far
    unanswered: int
    counters: tuple[tuple[str, int], ...]
    #: evidence of the last 10 s by kind
    evidence: tuple[tuple[str, int], ...]
    answers: tuple[Answer, ...] = ()
    #: why its real traffic looks bad, empty when it does not
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything, at one moment."""

    at: float
    epoch: int
    active: str | None
    redundant: bool
    redundancy: str
    nodes: tuple[NodeStatus, ...]
    #: what the decision says at this moment
    rule: str
    decision: str
    #: since when it says so
    decided_at: float
    last_change: float | None
    #: why the last change of role was made, empty before the first
    last_move: str
    #: how often the front itself did not run for a while
    asleep: int


def describe(book: Book, at: float, changes: Changes) -> Status:
    """The status at ``at``."""
    view = changes.view(at)
    redundant, _, sentence = book.redundancy(view)
    current = decide(view)
    return Status(
        at=at,
        epoch=book.epoch,
        active=None if book.active is None else book.s.nodes[book.active],
        redundant=redundant,
        redundancy=sentence,
        nodes=tuple(_node(book, watch, view, at) for watch in book.pair.watches),
        rule=current.rule,
        decision=current.sentence,
        decided_at=changes.decided_at,
        last_change=None if book.last_change == NEVER else book.last_change,
        last_move=changes.last_move,
        asleep=book.pair.asleep,
    )


def _node(book: Book, watch: Watch, view: View, at: float) -> NodeStatus:
    def ago(then: float) -> float | None:
        return None if then == NEVER else max(0.0, (at - then) * 1000)

    node = view.nodes[watch.index]
    usual = watch.pace.usual
    answers = book.answers[watch.index]
    return NodeStatus(
        name=node.name,
        role="active" if watch.index == view.active else "standby",
        standing=node.standing.name.lower(),
        state=node.state.name,
        mode=node.mode.value,
        ready=node.ready,
        why=node.obstacle or node.why,
        heard_ms=ago(watch.last),
        answered_ms=ago(watch.last_answer),
        status=watch.status,
        rtt_ms=None if usual is None else usual * 1000,
        unanswered=watch.count(at),
        counters=(
            ("answers", watch.answers),
            ("evidence", watch.ring.total),
            ("refusals", watch.suspicions),
            ("vetoes", watch.vetoes),
        ),
        evidence=tuple(sorted(tally(gather([watch.ring], at - RECENT)).items())),
        answers=tuple(
            Answer(
                name,
                asked.probe.question,
                asked.word(at),
                asked.probe.required,
                asked.text,
                asked.took,
                ago(asked.at),
            )
            for name, asked in answers.asked.items()
        ),
        doubt=answers.doubt,
    )
