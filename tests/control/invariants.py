"""What must hold after every step of the monitor, checked against what is true in the simulation.

The monitor cannot see the truth; these checks can, and know nothing of how the monitor works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipfront.control.actions import Event, Roles
from sipfront.control.decision import HOUR, Mode, Standing
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

NEVER = float("-inf")
#: a dead active is left at most so long after the fault when the standby is fine: one interval
#: until somebody asks, 1 s until the verdict, and what loss may cost
PROMISE = 1.8
#: how long the truth must have been simple before the simulation holds the monitor to it
SIMPLE = 4.0

#: a node that answers may be silent for so long between two probes
SILENT_AT_REST = 1.2


@dataclass
class Node:
    """The truth about one node."""

    alive: bool = True
    frozen: bool = False
    mute: bool = False  # drops new requests, lives in its dialogs
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

    @property
    def reachable(self) -> bool:
        return self.alive and not self.frozen and self.loss_to < 1.0 and self.loss_from < 1.0

    @property
    def fine(self) -> bool:
        return (
            self.reachable
            and not self.mute
            and self.status == 200
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
        if event.kind == "failover":
            assert view.active is not None
            left, heir = self.nodes[view.active], self.nodes[active]
            require(target.fresh, "the heir was heard since the trouble began")
            # What was heard just before a cut is believed for as long as answers may take.
            cut = self.cut and self.now > self.cut_began + SILENT_AT_REST
            require(not cut, "nothing is moved while the front is cut off")
            weak = max(left.hurt, self.now if not left.fine else NEVER, self.last_cut, self.slept)
            require(weak >= self.now - 2 * PROMISE, "no failover without a fault")
            require(heir.spoke >= self.now - 1.0, "the heir was really heard")
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
        if left.bad_since is None or heir.fine_since == float("inf"):
            return
        if self.monitor.modes[1 - active] is not Mode.IN_SERVICE or self.cut:
            return
        simple = max(heir.fine_since, self.cut_ended, self.slept) + SIMPLE
        begun = max(left.bad_since, simple)
        # A node that still speaks but hears nothing is told from an overloaded one by patience.
        speaks = left.spoke > left.bad_since + 0.1
        promise = 2 * PROMISE + self.settings.rescue_after if speaks else PROMISE
        self._require(
            self.now <= begun + promise,
            f"{self.settings.nodes[active]} is dead since {left.bad_since - 1000:.3f} and still active",
        )
