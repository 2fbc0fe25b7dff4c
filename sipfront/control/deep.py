"""Deeper outcomes on their way to the answers: which of them count, and what is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.control.questions import SERVING

if TYPE_CHECKING:
    from sipfront.control.evidence import Checked, Traffic
    from sipfront.control.pair import Pair
    from sipfront.control.roles import Book
    from sipfront.control.telling import Teller


class Deep:
    """The deeper questions to all nodes."""

    __slots__ = ("_book", "_pair", "_teller")

    def __init__(self, pair: Pair, book: Book, teller: Teller) -> None:
        self._pair = pair
        self._book = book
        self._teller = teller

    def traffic(self, ev: Traffic, now: float) -> None:
        """Real calls were counted."""
        answers, pace = self._book.answers[ev.node], self._pair.watches[ev.node].pace
        doubt = answers.traffic(ev, pace.usual, pace.base)
        if doubt is not None:
            text = f"{self._book.s.nodes[ev.node]}: {doubt or 'its traffic looks well again'}"
            self._teller.event(now, "doubt", text, ev.node)

    def checked(self, ev: Checked, now: float) -> bool:
        """A probe has an outcome; true if an answer has changed by it."""
        self._pair.watches[ev.node].ring.add(ev)
        answers = self._book.answers[ev.node]
        if ev.good is False and self._excused(ev):
            ev = ev._replace(good=None)
        if not answers.checked(ev):
            return False
        word = answers.asked[ev.probe].word(ev.at)
        text = f"{self._book.s.nodes[ev.node]}: {ev.question} is {word} ({ev.probe}: {ev.text})"
        self._teller.event(now, "verdict", text, ev.node)
        return True

    def _excused(self, ev: Checked) -> bool:
        """A bad outcome that says nothing: the front could not hear, or the node is just busy."""
        if self._pair.joint or ev.at - ev.took <= self._pair.blind_until:
            return True
        return ev.question in SERVING and self._pair.watches[ev.node].overloaded(ev.at)
