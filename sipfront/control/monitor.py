"""The monitor: verbs in, actions out.  The one face of control that the runtime knows.

The runtime tells it what was seen (:meth:`Monitor.evidence`, :meth:`Monitor.heard`) and what the
operator wants, calls :meth:`Monitor.expire` when :meth:`Monitor.next_deadline` has come, and after
each of these carries out what :meth:`Monitor.take` returns, in order.  ``now`` is the monotonic
clock and never goes back.  Before ``evidence`` and ``expire`` the runtime passes on when each node
was last heard, so that no verdict is made on news that is already in the house.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from sipfront.control.actions import (
    ROLE_EVENTS,
    AskWitness,
    Do,
    Event,
    Roles,
    SendProbe,
)
from sipfront.control.decision import Action, Decision, Mode, View, Wish, decide
from sipfront.control.evidence import Checked, Evidence, OfNode, Witness, gather
from sipfront.control.pair import ASLEEP, Pair
from sipfront.control.roles import Book
from sipfront.control.status import Status, describe
from sipfront.control.verdict import State
from sipfront.control.watch import NEVER, Watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sipfront.control.settings import Settings

#: events that ``history`` keeps; the runtime's store keeps all
HISTORY: Final = 64
#: how much evidence from before the trouble an event carries
BEFORE: Final = 1.0
#: witnesses are asked so often while a silence has to be understood
WITNESS_GAP: Final = 0.2

#: verdicts that are stored with what they rest on
_WITH_EVIDENCE = ROLE_EVENTS | {"down", "overloaded", "unknown", "lost", "veto", "kept"}


class Monitor:
    """Which node carries traffic, and why."""

    def __init__(
        self,
        settings: Settings,
        now: float,
        active: int | None = None,
        epoch: int = 0,
        modes: Sequence[Mode | str] = (),
    ) -> None:
        """``active``, ``epoch`` and ``modes`` as they were stored; without a stored active node
        the first ready one is chosen, after at most ``start_wait`` for the preferred one."""
        self.settings = settings
        self._pair = Pair(settings, now)
        self._book = Book(
            settings, self._pair, now, active, epoch, tuple(Mode(mode) for mode in modes)
        )
        self._now = now
        self._out: list[Do] = []
        self._probe = 0
        self._promised: float | None = None
        self._told: tuple[object, ...] = ()
        self._states: tuple[State, ...] = ()
        self._calm = False
        self._alarm_at: float | None = None
        self._witness_at = NEVER
        self._current = Decision(Action.STAY, "start", "nothing is known yet")
        self._decided_at = now
        self._move = ""
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._run(now)

    # ------------------------------------------------------------------ what is seen

    def heard(self, node: int, at: float) -> None:
        """Anything was received from the node, the last time at ``at``.  Cheap; may be repeated."""
        watch = self._pair.watches[node]
        if at <= watch.last:
            return
        calm = self._calm and watch.quiet(at)
        self._pair.heard(node, at)
        if not calm:
            self._advance(at)
            self._run(self._now)

    def evidence(self, ev: Evidence) -> None:
        """Something was seen; it is judged at once."""
        self._advance(ev.at)
        if isinstance(ev, Witness):
            self._pair.witness(ev)
        else:
            self._pair.take(ev)
            if isinstance(ev, Checked):
                self._book.checked(ev)
                self._calm = False
        self._go(self._now)

    # ------------------------------------------------------------------ what the operator wants

    def switchover(self, to: int | str | None, now: float, force: bool = False) -> tuple[bool, str]:
        """Change the roles by hand, to ``to`` or to any ready node: done or not, and why."""
        self._advance(now)
        self._run(self._now)
        target = None if to is None else self.index(to)
        if to is not None and target is None:
            return False, self._nobody(to)
        decision, view = self._decide(Wish(target, force))
        if decision.action is not Action.MOVE:
            return False, decision.sentence
        self._apply(decision, view)
        self._run(self._now)
        return True, f"{decision.sentence} (epoch {self._book.epoch})"

    def mode(
        self, node: int | str, mode: Mode | str, now: float, force: bool = False
    ) -> tuple[bool, str]:
        """Set a node's mode.  The active node is left first; ``force``: or stays active."""
        self._advance(now)
        self._run(self._now)
        index = self.index(node)
        if index is None:
            return False, self._nobody(node)
        try:
            wanted = Mode(mode)
        except ValueError:
            return False, f"no such mode: {mode} ({', '.join(m.value for m in Mode)})"
        name = self.settings.nodes[index]
        if self._book.modes[index] is wanted:
            return True, f"{name} is in {wanted.value} already"
        text = f"{name} is in {wanted.value}"
        if wanted is not Mode.IN_SERVICE and index == self._book.active:
            decision, view = self._decide(Wish(None, force))
            if decision.action is Action.MOVE:
                self._apply(decision, view)
                text = f"{text}; {decision.sentence} (epoch {self._book.epoch})"
            elif not force:
                return False, f"{name} is active and stays in service: {decision.sentence}"
            else:
                text = f"{text} and stays active: {decision.sentence}"
        self._book.modes[index] = wanted
        self._event("mode", text, index)
        self._run(self._now)
        return True, text

    def drained(self, node: int, now: float) -> None:
        """The node owns no live dialog any more: if it was draining, it is a standby now."""
        self._advance(now)
        if self._book.drained(node):
            name = self.settings.nodes[node]
            self._event("standing", f"{name} has drained: standby now", node)
        self._run(self._now)

    def window(self, open_: bool, now: float) -> None:
        """The window for fail-back opened or closed."""
        self._advance(now)
        self._book.window = open_
        self._run(self._now)

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float:
        """When :meth:`expire` is to be called; there is always something to ask."""
        now = self._now
        deadline = min(watch.due(self._company(watch)) for watch in self._pair.watches)
        if not self._calm:
            times = self._book.thresholds()
            for watch in self._pair.watches:
                times += watch.thresholds()
            if self._alarm_at is not None:
                times.append(self._alarm_at)
            deadline = min([deadline, *(at for at in times if at > now)])
        self._promised = max(deadline, now)
        return self._promised

    def expire(self, now: float) -> None:
        """The deadline has come, or time has just gone on."""
        self._advance(now)
        now = self._now
        for watch in self._pair.watches:
            for kind in watch.kinds_due(now, self._company(watch)):
                self._probe += 1
                watch.asked(self._probe, kind, now)
                self._out.append(SendProbe(watch.index, self._probe, kind))
        self._go(now)

    def take(self) -> list[Do]:
        """What is to be done, in order; each action is handed out once."""
        out, self._out = self._out, []
        return out

    # ------------------------------------------------------------------ how things are

    @property
    def active(self) -> int | None:
        """The active node, None before the first decision."""
        return self._book.active

    @property
    def epoch(self) -> int:
        """The number of the last change of role."""
        return self._book.epoch

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The operator's mode of each node, to be stored."""
        return tuple(self._book.modes)

    @property
    def history(self) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(self._history)

    def index(self, node: int | str) -> int | None:
        """The index of a node given by index or name; None if there is no such node."""
        if isinstance(node, int):
            return node if 0 <= node < len(self.settings.nodes) else None
        return self.settings.nodes.index(node) if node in self.settings.nodes else None

    def view(self, wish: Wish | None = None) -> View:
        """All that a decision depends on, as of the last verb."""
        return self._book.view(self._now, wish)

    def redundancy(self) -> tuple[bool, str]:
        """Could another node take over at this moment, and why (not)?"""
        redundant, _, sentence = self._book.redundancy(self.view())
        return redundant, sentence

    def status(self, now: float | None = None) -> Status:
        """Everything, for people and for the admin side."""
        at = self._now if now is None else max(now, self._now)
        return describe(self._book, at, self._decided_at, self._move)

    # ------------------------------------------------------------------ inside

    def _advance(self, now: float) -> None:
        """Move the clock; notice when the front itself did not run."""
        if now <= self._now:
            return
        self._now = now
        if self._promised is not None and now > self._promised + ASLEEP:
            late = now - self._promised
            self._pair.slept(now)
            self._calm = False
            text = f"the front itself did not run for {late * 1000:.0f} ms: silence counts anew"
            self._event("asleep", text)
        self._promised = None

    def _go(self, now: float) -> None:
        """Judge, unless all is well and was so before."""
        if not (self._calm and self._pair.quiet(now)):
            self._run(now)

    def _run(self, now: float) -> None:
        """Judge, let standings follow, decide, tell."""
        reasons: list[str] = []
        for change in self._pair.judge(now):
            self._event(change.kind, change.sentence, change.node)
            reasons.append(change.sentence)
        for node, sentence in self._book.follow(now):
            self._event("standing", sentence, node)
            reasons.append(sentence)
        decision, view = self._decide()
        if decision.action is Action.MOVE:
            self._apply(decision, view)
            self._book.follow(now)
            reasons = [decision.sentence]
            view = self._book.view(now)
        elif decision.rule != self._current.rule:
            if decision.rule == "no ready node":
                self._event("kept", decision.sentence, view.active)
            self._note(decision)
        self._tell(view, reasons)
        self._alarm(view)
        self._witnesses(now)
        self._calm = (
            self._pair.quiet(now)
            and self._alarm_at is None
            and view.active is not None
            and all(node.state is State.UP for node in view.nodes)
            and not self._book.thresholds()
        )

    def _decide(self, wish: Wish | None = None) -> tuple[Decision, View]:
        view = self._book.view(self._now, wish)
        return decide(view), view

    def _apply(self, decision: Decision, view: View) -> None:
        assert decision.target is not None
        self._book.move(decision.target, self._now, decision.voluntary)
        self._note(decision)
        self._move = decision.sentence
        self._event(decision.rule, decision.sentence, decision.target, view)

    def _note(self, decision: Decision) -> None:
        self._current = decision
        self._decided_at = self._now

    def _event(
        self, kind: str, sentence: str, node: int | None = None, view: View | None = None
    ) -> None:
        evidence: tuple[OfNode, ...] = ()
        if kind in _WITH_EVIDENCE:
            evidence = gather((w.ring for w in self._pair.watches), self._began() - BEFORE)
        name = "" if node is None else self.settings.nodes[node]
        event = Event(self._now, kind, self._book.epoch, sentence, evidence, name, view)
        self._out.append(event)
        self._history.append(event)

    def _began(self) -> float:
        """Since when anything that matters now has been going on, a few seconds at most."""
        recent = self._now - self.settings.rescue_after
        starts: Iterable[float] = (max(w.began(), w.trouble) for w in self._pair.watches)
        return min((at for at in starts if at > recent), default=self._now)

    def _tell(self, view: View, reasons: list[str]) -> None:
        """Push the roles if anything about them changed."""
        states = tuple(node.state for node in view.nodes)
        standings = tuple(node.standing for node in view.nodes)
        ready = tuple(node.ready for node in view.nodes)
        lost = tuple(watch.certain for watch in self._pair.watches)
        told = (view.epoch, view.active, standings, states, ready, lost)
        if told == self._told:
            return
        self._told = told
        if not reasons:
            reasons = [node.why for node in view.nodes if node.state is not State.UP]
        why = "; ".join(reasons) or "all nodes are UP"
        self._out.append(Roles(view.epoch, view.active, standings, states, ready, why, lost))

    def _alarm(self, view: View) -> None:
        """No ready standby is an alarm of its own, repeated until mended."""
        now, every = view.now, self.settings.alarm_every
        redundant, alarming, sentence = self._book.redundancy(view)
        if redundant or not alarming:
            if self._alarm_at is not None:
                self._event("mended", f"redundant: {sentence}")
            self._alarm_at = None
        elif self._alarm_at is None and now < self._book.started + self.settings.start_wait:
            pass  # the first answers are still on their way
        elif self._alarm_at is None or now >= self._alarm_at:
            self._event("alarm", f"redundant: {sentence}")
            self._alarm_at = now + every

    def _witnesses(self, now: float) -> None:
        if self.settings.witnesses and now >= self._witness_at + WITNESS_GAP:
            if any(w.mum(now) and w.reach is not State.DOWN for w in self._pair.watches):
                self._witness_at = now
                self._out += [AskWitness(name) for name in self.settings.witnesses]

    def _company(self, watch: Watch) -> float:
        return self.settings.interval if self._calm else self._pair.company(watch, self._now)

    def _nobody(self, node: int | str) -> str:
        return f"no such node: {node} ({', '.join(self.settings.nodes)})"
