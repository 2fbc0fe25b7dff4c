"""The monitor: verbs in, actions out.  The one face of control that the runtime knows.

The runtime tells it what was seen (:meth:`Monitor.evidence`, :meth:`Monitor.heard`) and what the
operator wants, calls :meth:`Monitor.expire` when :meth:`Monitor.next_deadline` has come, and after
each of these carries out what :meth:`Monitor.take` returns, in order.  ``now`` is the monotonic
clock and never goes back.  Before ``evidence`` and ``expire`` the runtime passes on when each node
was last heard, so that no verdict is made on news that is already in the house.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sipfront.control.actions import AskWitness, Do, Event, SendProbe
from sipfront.control.changes import Changes
from sipfront.control.codec import decode, encode
from sipfront.control.decision import FORCE, Action, Mode, View, Wish
from sipfront.control.deep import Deep
from sipfront.control.evidence import Checked, Evidence, HookDone, Traffic, Witness
from sipfront.control.journal import Journal
from sipfront.control.pair import ASLEEP, Pair
from sipfront.control.past import Past
from sipfront.control.picture import draw, restore
from sipfront.control.roles import Book
from sipfront.control.status import Status, describe
from sipfront.control.telling import Teller
from sipfront.control.verdict import NEVER, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sipfront.control.settings import Settings
    from sipfront.control.watch import Watch

#: values of the monitor's own that a picture has
_OWN: Final = ("_now", "_probe", "_calm", "_witness_at", "_checked_at")
_VERBS: Final = frozenset(
    {"heard", "evidence", "switchover", "mode", "drained", "window", "expire"}
)
#: witnesses are asked so often while a silence has to be understood
WITNESS_GAP: Final = 0.2
#: rules that only a changed view can end; all others may end by time alone
_LASTING: Final = frozenset({"stay", "cut off", "no ready node", "no better node"})


class Monitor:
    """Which node carries traffic, and why."""

    def __init__(
        self,
        settings: Settings,
        now: float,
        active: int | None = None,
        epoch: int = 0,
        modes: Sequence[Mode | str] = (),
        past: Past | None = None,
    ) -> None:
        """``active``, ``epoch``, ``modes`` and ``past`` as they were stored; without a stored active
        node the first ready one is chosen, after at most ``start_wait`` for the preferred one."""
        self.settings = settings
        self._pair = Pair(settings, now)
        self._book = Book(
            settings, self._pair, now, active, epoch, tuple(Mode(mode) for mode in modes)
        )
        self._teller = Teller(settings, self._pair, self._book)
        self._changes = Changes(settings, self._book, self._teller, now)
        if past is not None:
            book = self._book
            book.last_change, book.voluntary, book.unwell = (
                past.last_change,
                past.voluntary,
                past.unwell,
            )
            self._changes.hooks.owe(past.owed)
        self._deep = Deep(self._pair, self._book, self._teller)
        self._now = now
        self._probe = 0
        self._promised: float | None = None
        self._seen: tuple[object, ...] = ()
        self._calm = False
        self._witness_at = NEVER
        self._checked_at = NEVER
        self._journal = self._teller.journal = Journal(self._draw)
        self._run(now)

    # ------------------------------------------------------------------ what is seen

    def heard(self, node: int, at: float) -> None:
        """Anything was received from the node, the last time at ``at``.  Cheap; may be repeated."""
        watch = self._pair.watches[node]
        if at <= watch.last:
            return
        calm = self._calm and watch.quiet(at)
        self._journal.heard(node, at, self._promised, calm)
        self._pair.heard(node, at)
        if not calm:
            self._advance(at)
            self._run(self._now)

    def evidence(self, ev: Evidence) -> None:
        """Something was seen; it is judged at once."""
        self._journal.note(ev.at, self._promised, "evidence", ev)
        self._advance(ev.at)
        if isinstance(ev, Witness):
            self._pair.witness(ev)
        elif isinstance(ev, Traffic):
            self._deep.traffic(ev, self._now)
        elif isinstance(ev, Checked):
            self._calm = not self._deep.checked(ev, self._now) and self._calm
        else:
            self._pair.take(ev)
            if isinstance(ev, HookDone):
                self._changes.hook_done(ev, self._now)
                self._calm = False
        self._go(self._now)

    # ------------------------------------------------------------------ what the operator wants

    def switchover(self, to: int | str | None, now: float, force: bool = False) -> tuple[bool, str]:
        """Change the roles by hand, to ``to`` or to any ready node: done or not, and why."""
        self._journal.note(now, self._promised, "switchover", to, now, force)
        self._advance(now)
        self._run(self._now)
        target = None if to is None else self.index(to)
        if to is not None and target is None:
            return False, self._nobody(to)
        decision, view = self._changes.decide(self._now, Wish(target, force))
        if decision.action is not Action.MOVE:
            return False, decision.sentence
        self._changes.apply(decision, view, self._now)
        self._run(self._now)
        return True, f"{decision.sentence} ({self._changes.when()})"

    def mode(
        self, node: int | str, mode: Mode | str, now: float, force: bool = False
    ) -> tuple[bool, str]:
        """Set a node's mode.  The active node is left first; ``force``: or stays active."""
        self._journal.note(now, self._promised, "mode", node, mode, now, force)
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
            decision, view = self._changes.decide(self._now, Wish(None, force))
            if decision.action is Action.MOVE:
                self._changes.apply(decision, view, self._now)
                text = f"{text}; {decision.sentence} ({self._changes.when()})"
            elif not force:
                why = decision.sentence.replace(FORCE, "; a forced switch-over overrides this")
                return False, f"{name} is active and stays in service: {why}"
            else:
                text = f"{text} and stays active: {decision.sentence}"
        self._book.modes[index] = wanted
        self._teller.event(self._now, "mode", text, index)
        self._run(self._now)
        return True, text

    def drained(self, node: int, now: float) -> None:
        """The node owns no live dialog any more: if it was draining, it is a standby now."""
        self._journal.note(now, self._promised, "drained", node, now)
        self._advance(now)
        if self._book.drained(node):
            name = self.settings.nodes[node]
            text = f"{name} has drained: standby now"
            self._teller.event(self._now, "standing", text, node)
        self._run(self._now)

    def window(self, open_: bool, now: float) -> None:
        """The window for fail-back opened or closed."""
        self._journal.note(now, self._promised, "window", open_, now)
        self._advance(now)
        self._book.window = open_
        self._run(self._now)

    # ------------------------------------------------------------------ time

    def next_deadline(self) -> float:
        """When :meth:`expire` is to be called; there is always something to ask."""
        now = self._now
        deadline = min(watch.due(self._company(watch)) for watch in self._pair.watches)
        if not self._calm:
            times = self._book.thresholds() + self._changes.hooks.thresholds()
            for watch in self._pair.watches:
                times += watch.thresholds()
            if self._teller.alarm_at is not None:
                times.append(self._teller.alarm_at)
            deadline = min([deadline, *(at for at in times if at > now)])
        self._promised = max(deadline, now)
        return self._promised

    def expire(self, now: float) -> None:
        """The deadline has come, or time has just gone on."""
        self._journal.note(now, self._promised, "expire", now)
        self._advance(now)
        now = self._now
        for watch in self._pair.watches:
            for kind in watch.kinds_due(now, self._company(watch)):
                self._probe += 1
                watch.asked(self._probe, kind, now)
                self._teller.out.append(SendProbe(watch.index, self._probe, kind))
        self._go(now)

    def take(self) -> list[Do]:
        """What is to be done, in order; each action is handed out once."""
        return self._teller.take()

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
    def past(self) -> Past:
        """What binds the next decision, to be stored."""
        book = self._book
        return Past(book.last_change, book.voluntary, book.unwell, self._changes.hooks.owing())

    @property
    def history(self) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(self._teller.history)

    def index(self, node: int | str) -> int | None:
        """The index of a node given by index or name; None if there is no such node."""
        if isinstance(node, int):
            return node if 0 <= node < len(self.settings.nodes) else None
        return self.settings.nodes.index(node) if node in self.settings.nodes else None

    def view(self, wish: Wish | None = None) -> View:
        """All that a decision depends on, as of the last verb."""
        return self._changes.view(self._now, wish)

    def redundancy(self) -> tuple[bool, str]:
        """Could another node take over at this moment, and why (not)?"""
        redundant, _, sentence = self._book.redundancy(self.view())
        return redundant, sentence

    def status(self, now: float | None = None) -> Status:
        """Everything, for people and for the admin side."""
        at = self._now if now is None else max(now, self._now)
        return describe(self._book, at, self._changes)

    # ------------------------------------------------------------------ again

    def _draw(self) -> dict[str, Any]:
        """All that the next answer depends on, in plain values."""
        return {
            "monitor": {name: encode(getattr(self, name)) for name in _OWN},
            "pair": draw(self._pair),
            "book": draw(self._book),
            "changes": draw(self._changes),
            "alarm": self._teller.alarm_at,
        }

    def restore(self, picture: dict[str, Any]) -> None:
        """Become the monitor of the picture; for replays only, which keep no journal.

        Raises KeyError, TypeError, ValueError or AttributeError for a picture of something else.
        """
        self._journal.off = True
        for name in _OWN:
            setattr(self, name, decode(picture["monitor"][name]))
        restore(self._pair, picture["pair"])
        restore(self._book, picture["book"])
        restore(self._changes, picture["changes"])
        self._teller.alarm_at = picture["alarm"]

    def repeat(self, verb: str, promised: float | None, arguments: tuple[Any, ...]) -> None:
        """Carry out a verb of a journal again."""
        if verb not in _VERBS:
            raise ValueError(f"no such verb: {verb}")
        self._promised = promised
        getattr(self, verb)(*arguments)

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
            self._teller.event(now, "asleep", text)
        self._promised = None

    def _go(self, now: float) -> None:
        """Judge, unless all is well and was so before."""
        if not (self._calm and self._pair.quiet(now)):
            self._run(now)

    def _run(self, now: float) -> None:
        """Judge, let standings follow, decide, tell."""
        reasons: list[str] = []
        for change in self._pair.judge(now):
            self._teller.event(now, change.kind, change.sentence, change.node)
            reasons.append(change.sentence)
        for node, sentence in self._book.follow(now):
            self._teller.event(now, "standing", sentence, node)
            reasons.append(sentence)
        self._changes.faults()
        for answers in self._book.answers:
            answers.blind(self._pair.blind_until)
        if not self._changed(now, bool(reasons)):
            self._witnesses(now)
            return
        changes = self._changes
        decision, view = changes.decide(now)
        if changes.expire(view, now):
            decision, view = changes.decide(now)
        if decision.action is Action.MOVE:
            changes.apply(decision, view, now)
            self._book.follow(now)
            changes.faults()
            reasons = [decision.sentence]
            view = self.view()
        else:
            changes.stay(decision, view, now)
        self._teller.roles(view, reasons)
        changes.after(view, now)
        self._witnesses(now)
        self._calm = (
            self._pair.quiet(now)
            and self._teller.alarm_at is None
            and now >= self._book.settled
            and not self._changes.hooks.busy(now)
            and view.active is not None
            and all(node.state is State.UP and not node.cannot for node in view.nodes)
            and not self._book.thresholds()
        )

    def _changed(self, now: float, told: bool) -> bool:
        """Has anything changed that the decision depends on?  In trouble this is asked for every
        packet, and most of them change nothing."""
        hooks, teller, book = self._changes.hooks, self._teller, self._book
        seen = (book.key(now), hooks.pending, now < hooks.blocked_until, *hooks.owed.values())
        due = teller.alarm_at is not None and now >= teller.alarm_at
        times = (*hooks.thresholds(), book.settled)
        due = due or any(now >= at > self._checked_at for at in times)
        same = seen == self._seen and self._changes.current.rule in _LASTING
        self._seen = seen
        self._checked_at = now
        return told or due or not same

    def _witnesses(self, now: float) -> None:
        if self.settings.witnesses and now >= self._witness_at + WITNESS_GAP:
            if any(w.mum(now) and w.reach is not State.DOWN for w in self._pair.watches):
                self._witness_at = now
                self._teller.out += [AskWitness(name) for name in self.settings.witnesses]

    def _company(self, watch: Watch) -> float:
        return self.settings.interval if self._calm else self._pair.company(watch, self._now)

    def _nobody(self, node: int | str) -> str:
        return f"no such node: {node} ({', '.join(self.settings.nodes)})"
