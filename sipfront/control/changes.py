"""A change of role, from what was decided to what is done: hooks, book, news.

The decision says what should be; here it is carried out, or waits for a hook, or is given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sipfront.control.decision import Action, Decision, View, Wish, decide
from sipfront.control.moving import Hooks
from sipfront.control.verdict import State

if TYPE_CHECKING:
    from sipfront.control.evidence import HookDone
    from sipfront.control.roles import Book
    from sipfront.control.settings import Settings
    from sipfront.control.telling import Teller

#: rules whose change of role is an event of another name
_KINDS: Final = {"cannot serve": "failover"}
#: rules that keep a bad active: worth an event
_KEEPING: Final = frozenset({"no ready node", "no better node", "hook failed"})


class Changes:
    """What was decided last, and how far it is."""

    __slots__ = ("_book", "_teller", "current", "decided_at", "hooks", "last_move")

    def __init__(self, settings: Settings, book: Book, teller: Teller, now: float) -> None:
        self._book = book
        self._teller = teller
        self.hooks = Hooks(settings)
        self.current = Decision(Action.STAY, "start", "nothing is known yet")
        self.decided_at = now
        #: why the last change of role was made
        self.last_move = ""

    def view(self, now: float, wish: Wish | None = None) -> View:
        """All that a decision depends on."""
        hooks = self.hooks
        return self._book.view(now, wish, hooks.moving(now), hooks.why_blocked(now))

    def decide(self, now: float, wish: Wish | None = None) -> tuple[Decision, View]:
        """What is to be done, and what that was decided on."""
        view = self.view(now, wish)
        return decide(view), view

    def faults(self) -> None:
        """Hooks that a node still needs make it not ready."""
        for node, answers in enumerate(self._book.answers):
            answers.hook_fault = self.hooks.fault(node)

    def apply(self, decision: Decision, view: View, now: float) -> None:
        """Begin a change of role: its hooks first, if any are to be waited for."""
        wait = view.wish is None or not view.wish.force
        self._teller.out += self.hooks.begin(decision, view, now, wait)
        if self.hooks.pending is None:
            self._change(decision, view, now)
            return
        said = self.hooks.moving(now)
        self.note(Decision(Action.STAY, "moving", said), now)
        text = f"{decision.sentence}; {said}"
        self._teller.event(now, "moving", text, decision.target, rule=decision.rule)

    def _change(self, decision: Decision, view: View, now: float) -> None:
        assert decision.target is not None
        unwell = decision.rule == "cannot serve"
        self._book.move(decision.target, now, decision.voluntary, unwell)
        self.note(decision, now)
        self.last_move = decision.sentence
        kind = _KINDS.get(decision.rule, decision.rule)
        self._teller.event(now, kind, decision.sentence, decision.target, view, decision.rule)
        self._teller.out += self.hooks.after(decision, view)

    def hook_done(self, ev: HookDone, now: float) -> None:
        """A hook has ended: the change that waited for it is made, or given up."""
        told, runs, change = self.hooks.done(ev, now)
        self._teller.out += runs
        if told:
            self._teller.event(now, "hook", told, ev.node)
        if change is None:
            return
        assert change.decision.target is not None
        heir = self.view(now).nodes[change.decision.target]
        if heir.state is State.DOWN:
            self._teller.event(now, "hook", f"the change of role is given up: {heir.obstacle}")
        else:
            self._change(change.decision, change.view, now)

    def expire(self, view: View, now: float) -> bool:
        """A hook did not end in time: true if a change of role was given up."""
        told = self.hooks.expire(view, now)
        if told:
            self._teller.event(now, "hook", told)
        return bool(told)

    def stay(self, decision: Decision, view: View, now: float) -> None:
        """Nothing changes; another reason for that than before is worth a note."""
        if decision.rule == self.current.rule:
            return
        if decision.rule in _KEEPING:
            self._teller.event(now, "kept", decision.sentence, view.active, rule=decision.rule)
        self.note(decision, now)

    def note(self, decision: Decision, now: float) -> None:
        """From now on, so it is."""
        self.current = decision
        self.decided_at = now

    def after(self, view: View, now: float) -> None:
        """Demote who is owed it; tell people when redundancy was lost or mended."""
        self._teller.out += self.hooks.demote(view.nodes, view.active, now)
        if self._teller.alarm(view) and view.active is not None:
            said = f"redundant: {self._book.redundancy(view)[2]}"
            self._teller.out += self.hooks.notify(view.active, view.epoch, said)

    def when(self) -> str:
        """Which epoch a change of role has begun, or what it still waits for."""
        wait = self.hooks.pending
        if wait is None:
            return f"epoch {self._book.epoch}"
        return f"epoch {self._book.epoch + 1} begins when the {wait.hook} hook has ended well"
