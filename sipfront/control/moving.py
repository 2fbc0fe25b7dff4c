"""The hooks around a change of role, and their part in the decision.

A change goes in this order: *fence* the node that is left (only when it was left in distress),
*promote* the one that takes over, then the roles change, then *demote* and *notify*.  A hook that is
not required is started and not waited for.  A required one is waited for until it ends or its
time-out is over, and when it fails

- fence, promote: the change is given up, the roles stay, and it is tried again after ``RETRY``;
- demote: the node is not ready to take over; it is tried again after ``RETRY``;
- notify: nothing follows.

Meanwhile the data path goes by the roles as they are: requests to a DOWN active are parked for
``park`` at most, whatever a hook does.  Hooks are not run for a node in maintenance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sipfront.control.actions import RunHook
from sipfront.control.decision import Mode
from sipfront.control.past import Left
from sipfront.control.verdict import NEVER, State

if TYPE_CHECKING:
    from sipfront.control.decision import Decision, NodeView, View
    from sipfront.control.evidence import HookDone
    from sipfront.control.settings import Settings

#: a required hook that has failed is tried again after so many seconds: long enough for a person
#: to read why, short enough that a fence device that was busy costs no minute
RETRY: Final = 10.0
#: hooks that nobody waits for and that have not ended; a runner answers each within its time-out
STARTED_KEPT: Final = 64
#: rules that leave a node in distress: it must be made sure that it does nothing any more
DISTRESS: Final = frozenset({"failover", "cannot serve"})


class Pending(NamedTuple):
    """A change of role that waits for a required hook."""

    decision: Decision
    view: View
    hook: str
    node: int
    run: int
    since: float
    until: float
    #: hooks that come after it: name, node
    rest: tuple[tuple[str, int], ...]


class Owed(NamedTuple):
    """A node that was left has to be demoted."""

    epoch: int
    run: int = 0  # of the hook that is running, 0: none is
    until: float = NEVER  # when that one is given up, or tried again
    failed: str = ""


class Hooks:
    """Which hooks run, and what waits for them."""

    __slots__ = ("_run", "blocked", "blocked_until", "owed", "pending", "s", "started")

    def __init__(self, settings: Settings) -> None:
        self.s = settings
        self.pending: Pending | None = None
        #: why no change of role is tried again before ``blocked_until``
        self.blocked = ""
        self.blocked_until = NEVER
        self.owed: dict[int, Owed] = {}
        #: hooks that nobody waits for: run -> what they are called
        self.started: dict[int, str] = {}
        self._run = 0

    # ------------------------------------------------------------------ before the roles change

    def begin(self, decision: Decision, view: View, now: float, wait: bool) -> list[RunHook]:
        """Start what must come before ``decision``; :attr:`pending` is set if it has to wait."""
        assert decision.target is not None
        steps: list[tuple[str, int]] = []
        if view.active is not None:
            if decision.rule in DISTRESS and view.nodes[view.active].mode is not Mode.MAINTENANCE:
                steps.append(("fence", view.active))
            steps.append(("promote", decision.target))
        self.blocked, self.blocked_until = "", NEVER
        return self._go(tuple(steps), decision, view, now, wait)

    def _go(
        self,
        steps: tuple[tuple[str, int], ...],
        decision: Decision,
        view: View,
        now: float,
        wait: bool,
    ) -> list[RunHook]:
        self.pending = None
        out = []
        for position, (name, node) in enumerate(steps):
            hook = self.s.hook(name)
            if hook is None:
                continue
            out.append(self._start(name, node, view.epoch + 1, decision.sentence))
            if hook.required and wait:
                self.pending = Pending(
                    decision, view, name, node, self._run, now, now + hook.timeout,
                    steps[position + 1 :],
                )  # fmt: skip
                del self.started[self._run]
                break
        return out

    def _start(self, name: str, node: int, epoch: int, why: str) -> RunHook:
        self._run += 1
        self.started[self._run] = f"{name} hook for {self.s.nodes[node]}"
        if len(self.started) > STARTED_KEPT:
            del self.started[next(iter(self.started))]
        return RunHook(name, node, epoch, self._run, why)

    def moving(self, now: float) -> str:
        """The sentence about the change that waits; empty when none does."""
        wait = self.pending
        if wait is None:
            return ""
        assert wait.decision.target is not None
        return (
            f"{self.s.nodes[wait.decision.target]} is about to become active: the {wait.hook} hook "
            f"for {self.s.nodes[wait.node]} runs, since {now - wait.since:.1f} s"
        )

    def why_blocked(self, now: float) -> str:
        """Why no change of role is tried; empty when it may be."""
        if now >= self.blocked_until:
            return ""
        return f"{self.blocked} (tried again in {self.blocked_until - now:.0f} s)"

    def _fail(self, text: str, now: float) -> str:
        wait = self.pending
        assert wait is not None
        self.pending = None
        self.blocked = f"the required {wait.hook} hook for {self.s.nodes[wait.node]} failed: {text}"
        self.blocked_until = now + RETRY
        return self.blocked

    # ------------------------------------------------------------------ after it

    def after(self, decision: Decision, view: View) -> list[RunHook]:
        """The roles have changed: people are told, and who was left is to be demoted."""
        assert decision.target is not None
        self.owed.pop(decision.target, None)
        if view.active is not None and self.s.hook("demote") is not None:
            self.owed[view.active] = Owed(view.epoch + 1)
        return self.notify(decision.target, view.epoch + 1, decision.sentence)

    def notify(self, node: int, epoch: int, why: str) -> list[RunHook]:
        """Tell people."""
        if self.s.hook("notify") is None:
            return []
        return [self._start("notify", node, epoch, why)]

    def demote(self, nodes: tuple[NodeView, ...], active: int | None, now: float) -> list[RunHook]:
        """Demote who is owed it and can be: it is up, has settled, and nobody works on it."""
        hook = self.s.hook("demote")
        out: list[RunHook] = []
        if hook is None:
            return out
        for node, owed in list(self.owed.items()):
            seen = nodes[node]
            if owed.run and now >= owed.until:
                text = f"it did not end within {hook.timeout:g} s"
                self.owed[node] = owed = Owed(owed.epoch, 0, now + RETRY, text)
            if owed.run or now < owed.until or node == active:
                continue
            if seen.state is State.UP and not seen.settling and seen.mode is not Mode.MAINTENANCE:
                why = f"{seen.name} is not active any more"
                out.append(self._start("demote", node, owed.epoch, why))
                del self.started[self._run]
                self.owed[node] = Owed(owed.epoch, self._run, now + hook.timeout, owed.failed)
        return out

    def owing(self) -> tuple[Left, ...]:
        """Who is to be demoted; a hook that runs now has not ended well yet."""
        return tuple(Left(node, owed.epoch, owed.failed) for node, owed in self.owed.items())

    def owe(self, left: tuple[Left, ...]) -> None:
        """As it was before a restart: a hook that ran then is run again, its end is not known."""
        if self.s.hook("demote") is not None:
            self.owed = {one.node: Owed(one.epoch, failed=one.failed) for one in left}

    def fault(self, node: int) -> str:
        """Why the node may not take over, as far as hooks are concerned; empty when it may."""
        hook = self.s.hook("demote")
        owed = self.owed.get(node)
        if owed is None or hook is None or not hook.required:
            return ""
        return f"demote hook: {owed.failed}" if owed.failed else "it is still to be demoted"

    # ------------------------------------------------------------------ their ends

    def done(self, ev: HookDone, now: float) -> tuple[str, list[RunHook], Pending | None]:
        """A hook has ended: what is worth telling, what is started next, and the change of role
        that may be made now."""
        name = f"{ev.hook} hook for {self.s.nodes[ev.node]}"
        wait = self.pending
        if wait is not None and ev.run == wait.run:
            if not ev.good:
                return f"the change of role is given up: {self._fail(ev.text, now)}", [], None
            said = f"the {name} ended well after {now - wait.since:.1f} s: {ev.text or 'done'}"
            out = self._go(wait.rest, wait.decision, wait.view, now, wait=True)
            return said, out, None if self.pending is not None else wait
        owed = self.owed.get(ev.node)
        if owed is not None and owed.run == ev.run:
            if ev.good:
                del self.owed[ev.node]
                return f"the {name} ended well: {ev.text or 'done'}", [], None
            self.owed[ev.node] = Owed(owed.epoch, 0, now + RETRY, ev.text or "failed")
            return f"the {name} failed: {ev.text} (tried again in {RETRY:.0f} s)", [], None
        known = self.started.pop(ev.run, None)
        if known is not None and not ev.good:
            return f"the {known} failed: {ev.text}", [], None
        return "", [], None

    def expire(self, view: View, now: float) -> str:
        """A required hook did not end in time, or who was to take over is gone: what to tell."""
        wait = self.pending
        if wait is None:
            return ""
        assert wait.decision.target is not None
        heir = view.nodes[wait.decision.target]
        if heir.state is State.DOWN or heir.mode is not Mode.IN_SERVICE:
            self.pending = None
            return f"the change of role is given up: {heir.obstacle}"
        if now < wait.until:
            return ""
        late = f"it did not end within {wait.until - wait.since:g} s"
        return f"the change of role is given up: {self._fail(late, now)}"

    def busy(self, now: float) -> bool:
        """Something waits for a hook, or for the time at which one is tried again."""
        return self.pending is not None or bool(self.owed) or now < self.blocked_until

    def thresholds(self) -> list[float]:
        """When something here may change by time alone."""
        times = [self.blocked_until]
        if self.pending is not None:
            times.append(self.pending.until)
        times += [owed.until for owed in self.owed.values()]
        return times
