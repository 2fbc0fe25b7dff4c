"""The book of roles: epoch, active node, standings and modes, and how they follow the verdicts.

It does not decide; it writes down what was decided (:mod:`sipfront.control.decision`) and lets
standings follow: who may start what, and whose dialogs are given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.control.decision import HOUR, Mode, NodeView, Standing, View, Wish
from sipfront.control.questions import Answers
from sipfront.control.verdict import NEVER, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sipfront.control.pair import Pair
    from sipfront.control.settings import Settings
    from sipfront.control.watch import Watch


class Book:
    """Who is what, since when, and by whose wish."""

    __slots__ = (
        "_settling",
        "active",
        "answers",
        "drain_since",
        "epoch",
        "last_change",
        "modes",
        "pair",
        "s",
        "standings",
        "started",
        "unwell",
        "voluntary",
        "window",
    )

    def __init__(
        self,
        settings: Settings,
        pair: Pair,
        now: float,
        active: int | None,
        epoch: int,
        modes: Sequence[Mode],
    ) -> None:
        count = len(settings.nodes)
        self.s = settings
        self.pair = pair
        self.epoch = epoch
        self.active = active
        self.modes = list(modes) or [Mode.IN_SERVICE] * count
        if len(self.modes) != count or (active is not None and not 0 <= active < count):
            raise ValueError("modes and active must fit the nodes")
        self.standings = [Standing.STANDBY] * count
        if active is not None:
            self.standings[active] = Standing.ACTIVE
        self.drain_since = [NEVER] * count
        self.started = now
        self.last_change = NEVER
        self.voluntary: tuple[float, ...] = ()
        self.window = False
        #: the node was DOWN: it is not ready before it was UP for ``settle``
        self._settling = [False] * count
        self.answers = tuple(Answers(settings) for _ in range(count))
        self.unwell: tuple[float, ...] = ()

    # ------------------------------------------------------------------ following the verdicts

    def follow(self, now: float) -> list[tuple[int, str]]:
        """Let standings follow the states; returns what is worth telling: node, sentence."""
        told = []
        for watch in self.pair.watches:
            i = watch.index
            down = watch.reach is State.DOWN
            if down:
                self._settling[i] = True
            elif self._settling[i] and now >= watch.up_since + self.s.settle:
                self._settling[i] = False
            if i == self.active:
                continue
            name, standing = self.s.nodes[i], self.standings[i]
            if down and watch.certain and standing is not Standing.FENCED:
                self.standings[i] = Standing.FENCED
                told.append((i, f"{name} is fenced: what lived on it is given up"))
            elif standing is Standing.FENCED and not down and not self._settling[i]:
                self.standings[i] = Standing.STANDBY
                told.append((i, f"{name} is standby again: it has been UP for {self.s.settle:g} s"))
            elif standing is Standing.DRAINING and now >= self.drain_since[i] + self.s.drain_max:
                self.standings[i] = Standing.STANDBY
                told.append((i, f"{name} has drained for {self.s.drain_max:g} s: standby now"))
        return told

    def move(self, target: int, now: float, voluntary: bool, unwell: bool = False) -> None:
        """The role goes to ``target``: a new epoch.  ``unwell``: the old one lives, and cannot."""
        old = self.active
        self.active = target
        self.epoch += 1
        if old is not None:
            certain = self.pair.watches[old].certain
            self.standings[old] = Standing.FENCED if certain else Standing.DRAINING
            self.drain_since[old] = now
            self.last_change = now  # the first role of a front that just started is no change
        self.standings[target] = Standing.ACTIVE
        recent = tuple(at for at in self.voluntary if now - at < HOUR)
        self.voluntary = (*recent, now) if voluntary else recent
        recent = tuple(at for at in self.unwell if now - at < HOUR)
        self.unwell = (*recent, now) if unwell else recent

    def drained(self, node: int) -> bool:
        """The node owns no live dialog any more; true if it was draining."""
        if self.standings[node] is not Standing.DRAINING:
            return False
        if self.pair.watches[node].reach is State.DOWN:
            return False
        self.standings[node] = Standing.STANDBY
        return True

    # ------------------------------------------------------------------ views

    @property
    def settled(self) -> float:
        """From when on the first answers should be there: before that nothing is alarming."""
        return self.started + self.s.start_wait

    def settling(self, watch: Watch, now: float) -> float:
        """How long the node must still be UP before it counts again."""
        if not self._settling[watch.index] or watch.index == self.active:
            return 0.0
        return max(0.0, watch.up_since + self.s.settle - now)

    def node_view(self, watch: Watch, now: float) -> NodeView:
        """The node as the decision sees it."""
        i = watch.index
        trouble = NEVER
        if self.active is not None:
            active = self.pair.watches[self.active]
            trouble = active.trouble if active.reach is State.DOWN else NEVER
        answers = self.answers[i]
        faults = answers.faults
        if answers.hook_fault:
            faults = (*faults, answers.hook_fault)
        return NodeView(
            name=self.s.nodes[i],
            state=self.pair.state(watch, now),
            mode=self.modes[i],
            standing=self.standings[i],
            why=self.pair.why(watch, now),
            settling=self.settling(watch, now),
            fresh=watch.last > trouble and now - watch.last <= self.s.interval + self.s.timeout,
            faults=faults,
            cannot=answers.cannot,
            proven=answers.proven(now),
        )

    def key(self, now: float) -> tuple[object, ...]:
        """Changes whenever a view would lead to another decision for more than time alone."""
        pair = self.pair
        limit = self.s.interval + self.s.timeout
        trouble = NEVER
        if self.active is not None and pair.watches[self.active].reach is State.DOWN:
            trouble = pair.watches[self.active].trouble
        return (
            self.epoch,
            pair.cut,
            self.window,
            *self.modes,
            *self.standings,
            *self._settling,
            *[
                (
                    pair.state(watch, now),
                    watch.certain,
                    watch.last > trouble and now - watch.last <= limit,
                    answers.faults,
                    answers.cannot,
                    answers.hook_fault,
                    answers.proven(now) if answers.asked else (),
                )
                for watch, answers in zip(pair.watches, self.answers, strict=True)
            ],
        )

    def view(
        self, now: float, wish: Wish | None = None, moving: str = "", blocked: str = ""
    ) -> View:
        """All that a decision depends on."""
        s = self.s
        return View(
            now=now,
            epoch=self.epoch,
            active=self.active,
            nodes=tuple(self.node_view(watch, now) for watch in self.pair.watches),
            cut_off=self.pair.cut,
            started=self.started,
            last_change=self.last_change,
            voluntary=self.voluntary,
            wish=wish,
            unwell=self.unwell,
            moving=moving,
            blocked=blocked,
            failback=s.failback,
            window=self.window,
            hold_down=s.hold_down,
            max_per_hour=s.max_per_hour,
            start_wait=s.start_wait,
        )

    def thresholds(self) -> list[float]:
        """When something here may change by time alone."""
        s = self.s
        times = [
            watch.up_since + s.settle
            for watch in self.pair.watches
            if self._settling[watch.index] and watch.reach is State.UP
        ]
        for i, standing in enumerate(self.standings):
            if standing is Standing.DRAINING:
                times.append(self.drain_since[i] + s.drain_max)
        if self.active is None:
            times.append(self.started + s.start_wait)
        elif s.failback == "window" or self.modes[self.active] is not Mode.IN_SERVICE:
            times.append(self.last_change + s.hold_down)
            times += [at + HOUR for at in self.voluntary]
        if self.active is not None and self.answers[self.active].cannot:
            times += [at + s.hold_down for at in self.unwell] + [at + HOUR for at in self.unwell]
        return times

    # ------------------------------------------------------------------ redundancy

    def redundancy(self, view: View) -> tuple[bool, bool, str]:
        """Could a node take over?  Answer, whether "no" is an alarm, and a sentence.

        A suspicion does not count before it is confirmed: it comes and goes with lost packets.
        """
        if view.active is None:
            return False, True, "no: no node is active"
        active = view.nodes[view.active]
        others = [node for i, node in enumerate(view.nodes) if i != view.active]
        if not others:
            return False, False, "no: there is only one node"
        good = [n for n in others if n.ready or self._merely_suspect(n)]
        if active.state is State.DOWN:
            return False, True, f"no: the active node is DOWN: {active.why}"
        if good:
            return True, True, f"yes: {good[0].name} is ready to take over from {active.name}"
        alarm = any(node.mode is not Mode.MAINTENANCE for node in others)
        return False, alarm, "no: " + "; ".join(node.obstacle for node in others)

    @staticmethod
    def _merely_suspect(node: NodeView) -> bool:
        return (
            node.state is State.SUSPECT
            and node.mode is Mode.IN_SERVICE
            and node.standing is not Standing.FENCED
            and node.settling == 0.0
            and not node.faults
        )
