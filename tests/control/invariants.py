"""What must hold after every step of the monitor, checked against what is true in the simulation.

The monitor cannot see the truth; these checks can, and know nothing of how the monitor works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipfront.control.actions import Event, Roles
from sipfront.control.decision import HOUR, Mode, Standing, View
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

NEVER = float("-inf")
#: a dead active is left at most so long after the fault when the standby is fine: one interval
#: until somebody asks, 1 s until the verdict, and what loss may cost
PROMISE = 1.8
#: how long the truth must have been simple before the simulation holds the monitor to it
SIMPLE = 4.0

#: the same for a node that answers OPTIONS and cannot call: two questions 2 s apart, 1 s each
CANNOT = 7.0
#: deeper questions are asked 2 s apart, and two good answers are wanted
DEEP = 4.0
#: a hook that has failed is tried again after so long
RETRY = 10.5

#: a node that answers may be silent for so long between two probes
SILENT_AT_REST = 1.2


@dataclass
class Node:
    """The truth about one node."""

    alive: bool = True
    frozen: bool = False
    mute: bool = False  # drops new requests, lives in its dialogs
    broken: bool = False  # OPTIONS is answered, calls are impossible
    lagging: bool = False  # its database is behind
    lie: bool | None = None  # what the call probe says whatever is true
    status: int = 200
    delay: float = 0.002  # there and back
    jitter: float = 0.001
    loss_to: float = 0.0
    loss_from: float = 0.0
    icmp: str = "all"  # all, limited, none
    tokens: float = 6.0
    tokens_at: float = 0.0
    buffer: list[Callable[[], None]] = field(default_factory=list)
    spoke: float = NEVER
    asked_since: float | None = None  # first real request that nothing followed
    asked_sends: int = 0
    bad_since: float | None = None  # unreachable since, in truth
    fine_since: float = 0.0  # perfectly fine since, in truth
    hurt: float = NEVER  # when anything at all was last wrong with it
    silenced: float = NEVER  # when it was last anything that may look like death
    broken_since: float | None = None  # nothing else is wrong with it, and the prober is honest

    @property
    def reachable(self) -> bool:
        return self.alive and not self.frozen and self.loss_to < 1.0 and self.loss_from < 1.0

    @property
    def fine(self) -> bool:
        return self.quick and not self.broken and not self.lagging and self.lie is None

    @property
    def quick(self) -> bool:
        """As far as OPTIONS can tell, all is well."""
        return self.loud and self.status == 200

    @property
    def loud(self) -> bool:
        """It answers everything, whatever it says."""
        return (
            self.reachable
            and not self.mute
            and self.delay + self.jitter <= 0.05
            and max(self.loss_to, self.loss_from) == 0.0
        )


class Broken(AssertionError):
    """An invariant does not hold."""


class Invariants:
    """The checks; :class:`sim.Sim` is the world that they look at."""

    now: float
    nodes: list[Node]
    monitor: Monitor
    settings: Settings
    roles: Roles | None
    owners: dict[int, int]
    changes: list[tuple[float, Event]]
    cut: bool
    cut_began: float
    cut_ended: float
    last_cut: float
    slept: float
    put_back: float
    #: the outcomes of the call probe that the monitor was told, newest last: good, when
    outcomes: list[list[tuple[bool, float]]]
    #: hooks that ended well: name, node, when
    hooked: list[tuple[str, int, float]]
    behaviour: dict[str, str]
    behaved: float

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise Broken(f"at {self.now - 1000:.3f}: {what}")

    def _check_roles(self, new: Roles, last: bool) -> None:
        require, old = self._require, self.roles
        if new.active is not None:
            owner = self.owners.setdefault(new.epoch, new.active)
            require(owner == new.active, f"two actives in epoch {new.epoch}")
        actives = [i for i, s in enumerate(new.standings) if s is Standing.ACTIVE]
        require(actives == ([] if new.active is None else [new.active]), "one ACTIVE standing")
        if old is not None:
            require(new.epoch - old.epoch == (new.active != old.active), "epochs grow one by one")
        for i in range(len(self.nodes)):
            if new.ready[i]:
                require(new.states[i] is State.UP, "ready means UP")
                require(new.standings[i] is not Standing.FENCED, "ready means not fenced")
                mode = self.monitor.modes[i]
                require(not last or mode is Mode.IN_SERVICE, "ready means in service")
            if new.lost[i] and i != new.active:
                require(new.standings[i] is Standing.FENCED, "who lost its calls is fenced")
        require(bool(new.why), "a sentence for everything")

    def _check_change(self, event: Event) -> None:
        require, view = self._require, event.view
        assert view is not None
        active = self.monitor.active
        assert active is not None
        require(bool(event.sentence), "a sentence for everything")
        target = view.nodes[active]
        if "forced" not in event.sentence:
            require(target.ready, f"never to a node that is not ready: {target.obstacle}")
        require(target.state is not State.DOWN, "never to a DOWN node")
        self._check_hooks(event, view, active)
        if event.rule == "cannot serve":
            self._check_unwell(event, view, active)
        if event.kind == "failover":
            assert view.active is not None
            left, heir = self.nodes[view.active], self.nodes[active]
            require(target.fresh, "the heir was heard since the trouble began")
            # What was heard just before a cut is believed for as long as answers may take.
            cut = self.cut and view.now > self.cut_began + SILENT_AT_REST
            require(not cut, "nothing is moved while the front is cut off")
            hurt = left.silenced
            if event.rule == "cannot serve":
                hurt = left.hurt if left.fine else self.now
            weak = max(hurt, self.last_cut, self.slept)
            require(weak >= view.now - 2 * PROMISE, "no failover without a fault")
            wait = sum(hook.timeout for hook in self.settings.hooks)
            require(heir.spoke >= self.now - 1.0 - wait, "the heir was really heard")
        elif event.kind in ("switch-over", "fail-back", "drain"):
            voluntary = [at for at, e in self.changes if self._voluntary(e)]
            recent = [at for at in voluntary if self.now - at < HOUR]
            require(len(recent) <= self.settings.max_per_hour, "too many voluntary moves an hour")
            # The role that a front gives when it starts is no change.
            if (
                self._voluntary(event)
                and len(self.changes) > 1
                and (self.changes[-2][1].kind != "start")
            ):
                apart = self.now - self.changes[-2][0]
                require(apart >= self.settings.hold_down - 1e-6, "hold-down binds voluntary moves")

    def _check_hooks(self, event: Event, view: View, active: int) -> None:
        """What is required has ended well before the roles change, unless somebody forced it."""
        if view.active is None or (view.wish is not None and view.wish.force):
            return
        wait = sum(hook.timeout for hook in self.settings.hooks) + 0.1
        needed = [("promote", active)]
        if event.kind == "failover" and view.nodes[view.active].mode is not Mode.MAINTENANCE:
            needed.append(("fence", view.active))
        for name, node in needed:
            hook = self.settings.hook(name)
            if hook is not None and hook.required:
                done = any(
                    (name, node) == (was, of) and at >= self.now - wait
                    for was, of, at in self.hooked
                )
                self._require(done, f"no change without the {name} hook that is required")

    def _check_unwell(self, event: Event, view: View, active: int) -> None:
        """A node that lives is left only on proof, for one that is known to do better, seldom."""
        assert view.active is not None
        # When the change was decided; its hooks may have taken a while since.
        left, heir = (
            [good for good, at in self.outcomes[node] if at <= view.now]
            for node in (view.active, active)
        )
        self._require(bool(left) and not left[-1], "the active was found unable")
        # One bad outcome may have been taken back, because the front was deaf meanwhile.
        self._require(any(heir[-2:]), "the heir was found able")
        self._require(not self.cut or self.now <= self.cut_began + 2.5, "not while cut off")
        moves = [at for at, e in self.changes if e.rule == "cannot serve"]
        recent = [at for at in moves if self.now - at < HOUR]
        self._require(len(recent) <= self.settings.max_per_hour, "the roles swing")
        apart = moves[-1] - moves[-2] if len(moves) > 1 else HOUR
        self._require(apart >= self.settings.hold_down - 1e-6, "the roles swing too soon")
        state = view.nodes[view.active].state
        self._require(state is State.UP, f"busy is not dead: {event.sentence}")

    @staticmethod
    def _voluntary(event: Event) -> bool:
        return event.kind in ("switch-over", "fail-back", "drain") and (
            "forced" not in event.sentence
        )

    def _check_promise(self) -> None:
        """A dead active is left in time when the other node is, in truth, perfectly fine."""
        active = self.monitor.active
        if active is None or len(self.nodes) != 2:
            return
        left, heir = self.nodes[active], self.nodes[1 - active]
        if heir.fine_since == float("inf"):
            return
        if self.monitor.modes[1 - active] is not Mode.IN_SERVICE or self.cut:
            return
        # A node that was just put back is free to take over from now on.
        simple = max(heir.fine_since, self.cut_ended, self.slept, self.put_back - SIMPLE) + SIMPLE
        if self.settings.probes:
            simple += DEEP
        hooks = [hook for hook in self.settings.hooks if hook.required]
        if hooks:
            if any(what != "good" for what in self.behaviour.values()):
                return
            simple = max(simple, self.behaved + RETRY)
        if left.broken_since is not None and self.settings.probes:
            self._check_cannot(active, max(left.broken_since, simple))
        if left.bad_since is None:
            return
        begun = max(left.bad_since, simple)
        # A node that still speaks but hears nothing is told from an overloaded one by patience.
        speaks = left.spoke > left.bad_since + 0.1
        promise = 2 * PROMISE + self.settings.rescue_after if speaks else PROMISE
        promise += sum(hook.timeout for hook in hooks)
        self._require(
            self.now <= begun + promise,
            f"{self.settings.nodes[active]} is dead since {left.bad_since - 1000:.3f} and still active",
        )

    def _check_cannot(self, active: int, begun: float) -> None:
        """An active that cannot call is left in time, too, unless that happened just before."""
        last = max((at for at, e in self.changes if e.rule == "cannot serve"), default=NEVER)
        recent = [at for at, e in self.changes if e.rule == "cannot serve" and self.now - at < HOUR]
        if len(recent) >= self.settings.max_per_hour:
            return
        begun = max(begun, last + self.settings.hold_down, self.slept, self.last_cut)
        promise = CANNOT + sum(hook.timeout for hook in self.settings.hooks)
        name = self.settings.nodes[active]
        self._require(self.now <= begun + promise, f"{name} cannot call and is still active")
