"""The decision: a pure function of a frozen view, so that it can be replayed and explained.

Rules, the first that applies decides:

1. The operator's wish: to a ready node that is in service; bound by hold-down and hourly limit.
   ``force`` overrides all of these but the mode, and DOWN (it would be left again at once).
2. A change of role is under way (its hooks run): it is waited for.
3. The front is cut off: nothing is moved (unless forced by hand).
4. No active yet (first start): the first ready node in the order of configuration.
5. The active is DOWN: it is always left for a ready node that was heard since the trouble began.
   Nothing binds this move but readiness.
6. The active lives and cannot serve (a required probe says so): it is left only for a node that is
   ready and *known* to do better in every question that the active fails.  A worse or an unproven
   standby is no reason to move.  Two such moves keep ``hold_down`` apart, and there are at most
   ``max_per_hour``, because two nodes that are bad in turns would make the roles swing.
7. The active is in drain or maintenance: as 5, but a voluntary move.
8. Fail-back in its window, if configured: a voluntary move to the preferred node.
9. Otherwise everything stays as it is.

Busy is not dead: OVERLOADED (503, a session cap, new requests dropped) is never left by 6.
A required hook that has failed holds back 5 to 8 until it is tried again; nothing else does.
Voluntary moves keep ``hold_down`` from any earlier change of role, and there are at most
``max_per_hour`` of them in any 3600 s.  The answer always carries a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final

from sipfront.control.verdict import State

if TYPE_CHECKING:
    from sipfront.control.settings import FailBack

HOUR: Final = 3600.0
#: the end of a refusal that is not the last word
FORCE: Final = "; force overrides this"


class Mode(Enum):
    """What the operator wishes for a node; the second axis beside its state."""

    IN_SERVICE = "in-service"
    DRAIN = "drain"
    MAINTENANCE = "maintenance"


class Standing(IntEnum):
    """What a node may start."""

    FENCED = 0  # its dialogs are lost, it may start nothing
    STANDBY = 1
    DRAINING = 2  # left by a switch-over, or silent and not yet given up: it keeps its dialogs
    ACTIVE = 3


class Action(Enum):
    """What is to be done about the roles."""

    STAY = "stay"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as the decision sees it."""

    name: str
    state: State
    mode: Mode
    standing: Standing
    #: one sentence about its state
    why: str
    #: how long it must still be UP before it counts again (0: it counts)
    settling: float = 0.0
    #: it was heard since the active's trouble began, and lately
    fresh: bool = True
    #: deeper questions that it answers badly, in words
    faults: tuple[str, ...] = ()
    #: the questions among them without which it cannot serve
    cannot: tuple[str, ...] = ()
    #: questions that it is known to answer well
    proven: tuple[str, ...] = ()

    @property
    def obstacle(self) -> str:
        """Why it may not take over; empty when it is ready."""
        if self.mode is not Mode.IN_SERVICE:
            return f"{self.name} is in {self.mode.value}"
        if self.state is not State.UP:
            return self.why
        if self.settling > 0:
            return f"{self.name} has just come back and settles for another {self.settling:.1f} s"
        if self.standing is Standing.FENCED:
            return f"{self.name} is fenced"
        if self.faults:
            return f"{self.name}: {', '.join(self.faults)}"
        return ""

    @property
    def ready(self) -> bool:
        """It may take over now."""
        return not self.obstacle


@dataclass(frozen=True, slots=True)
class Wish:
    """The operator wants a change of role: to ``to``, or to any ready node."""

    to: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision depends on."""

    now: float
    epoch: int
    active: int | None
    nodes: tuple[NodeView, ...]
    cut_off: bool = False
    started: float = 0.0
    last_change: float = float("-inf")
    #: when voluntary moves were made
    voluntary: tuple[float, ...] = ()
    wish: Wish | None = None
    #: when an active that lived and could not serve was left
    unwell: tuple[float, ...] = ()
    #: a change of role that waits for its hooks, in a sentence
    moving: str = ""
    #: a required hook has failed and is not tried again yet, in a sentence
    blocked: str = ""
    failback: FailBack = "manual"
    window: bool = False
    hold_down: float = 120.0
    max_per_hour: int = 4
    start_wait: float = 1.0


@dataclass(frozen=True, slots=True)
class Decision:
    """``rule`` names what decided; ``target`` is set when ``action`` is MOVE."""

    action: Action
    rule: str
    sentence: str
    target: int | None = None
    voluntary: bool = False


def _stay(rule: str, sentence: str) -> Decision:
    return Decision(Action.STAY, rule, sentence)


def decide(view: View) -> Decision:
    """Who is to carry traffic, and why."""
    if view.wish is not None:
        return _wished(view, view.wish)
    if view.moving:
        return _stay("moving", view.moving)
    if view.cut_off:
        return _stay("cut off", "everything inside is silent: the front may be cut off, all stays")
    if view.active is None:
        return _start(view)
    active = view.nodes[view.active]
    decision = _about(view, active)
    if decision.action is Action.MOVE and view.blocked:
        return _stay("hook failed", f"{decision.sentence}: not yet, {view.blocked}")
    return decision


def _about(view: View, active: NodeView) -> Decision:
    """Rules 5 to 9: what is to become of the active node."""
    if active.state is State.DOWN:
        return _failover(view, active)
    if active.cannot and active.state is State.UP:
        return _unwell(view, active)
    if active.mode is not Mode.IN_SERVICE:
        return _leave(view, active)
    if view.failback == "window" and view.active != 0 and view.window:
        return _fail_back(view)
    return _stay("stay", f"{active.name} stays active: {active.why}")


def _start(view: View) -> Decision:
    waited = view.now - view.started
    for index, node in enumerate(view.nodes):
        if node.ready:
            text = f"{node.name} becomes active: the first ready node after {waited * 1000:.0f} ms"
            return Decision(Action.MOVE, "start", text, index)
        hopeless = node.mode is not Mode.IN_SERVICE or node.state is State.DOWN
        if not hopeless and waited < view.start_wait:
            return _stay("start", f"waiting for {node.name}, which is preferred: {node.obstacle}")
    return _stay("start", f"no node is ready: {_obstacles(view, None)}")


def _failover(view: View, active: NodeView) -> Decision:
    for index, node in enumerate(view.nodes):
        if index != view.active and node.ready and node.fresh:
            text = f"{active.name} is left for {node.name}: {active.why}; {node.why}"
            return Decision(Action.MOVE, "failover", text, index)
    return _stay("no ready node", f"{active.why}, but {_obstacles(view, view.active)}")


def _unwell(view: View, active: NodeView) -> Decision:
    said = "; ".join(fault for fault in active.faults if fault.startswith(active.cannot))
    what = f"{active.name} is up and cannot {_verbs(active.cannot)} ({said})"
    lacks = []
    for index, node in enumerate(view.nodes):
        if index == view.active:
            continue
        unproven = [question for question in active.cannot if question not in node.proven]
        if node.obstacle:
            lacks.append(f"{node.obstacle}")
        elif unproven:
            lacks.append(f"{node.name} is not known to do better ({', '.join(unproven)})")
        elif reason := _swinging(view):
            return _stay("hold-down", f"{what}, but {reason}")
        else:
            text = f"{active.name} is left for {node.name}, which can: {what}; {node.why}"
            return Decision(Action.MOVE, "cannot serve", text, index)
    return _stay("no better node", f"{what}, but {'; '.join(lacks) or 'there is no other node'}")


def _verbs(questions: tuple[str, ...]) -> str:
    return " and ".join("be reached" if q == "reachable" else q for q in questions)


def _swinging(view: View) -> str:
    """Why a node that lives is not left again so soon; empty when it may be."""
    recent = [at for at in view.unwell if view.now - at < HOUR]
    if recent and (left := max(recent) + view.hold_down - view.now) > 0:
        return f"the other node was left for the same reason (hold-down: another {left:.0f} s)"
    if len(recent) >= view.max_per_hour:
        return f"nodes that could not serve were left {len(recent)} times in the last hour"
    return ""


def _obstacles(view: View, without: int | None) -> str:
    said = [
        node.obstacle or f"{node.name} has not been heard since then"
        for index, node in enumerate(view.nodes)
        if index != without
    ]
    return "; ".join(said) or "there is no other node"


def bound(view: View) -> str:
    """Why no voluntary move is allowed now; empty when it is."""
    left = view.last_change + view.hold_down - view.now
    if left > 0:
        return f"the last change of role is too young (hold-down: another {left:.0f} s)"
    recent = [at for at in view.voluntary if view.now - at < HOUR]
    if len(recent) >= view.max_per_hour:
        free = HOUR - (view.now - min(recent))
        return f"{len(recent)} voluntary moves in the last hour are the limit ({free:.0f} s left)"
    return ""


def _any_ready(view: View) -> int | None:
    for index, node in enumerate(view.nodes):
        if index != view.active and node.ready:
            return index
    return None


def _leave(view: View, active: NodeView) -> Decision:
    target = _any_ready(view)
    what = f"{active.name} is in {active.mode.value}"
    if target is None:
        return _stay("no ready node", f"{what}, but {_obstacles(view, view.active)}")
    if reason := bound(view):
        return _stay("hold-down", f"{what}, but {reason}")
    text = f"{what} and is left for {view.nodes[target].name}"
    return Decision(Action.MOVE, "drain", text, target, voluntary=True)


def _fail_back(view: View) -> Decision:
    assert view.active is not None
    preferred, active = view.nodes[0], view.nodes[view.active]
    if preferred.obstacle:
        return _stay("stay", f"no fail-back: {preferred.obstacle}")
    if reason := bound(view):
        return _stay("hold-down", f"no fail-back yet: {reason}")
    text = f"{active.name} is left for {preferred.name}, which is preferred and ready: the window for fail-back is open"
    return Decision(Action.MOVE, "fail-back", text, 0, voluntary=True)


def _wished(view: View, wish: Wish) -> Decision:
    """Answer an operator: MOVE, or STAY with the reason of the refusal."""
    if view.moving:
        return _stay("refused", view.moving)
    target = wish.to if wish.to is not None else _any_ready(view)
    if target is None:
        return _stay("refused", f"nowhere to go: {_obstacles(view, view.active)}")
    node = view.nodes[target]
    if target == view.active:
        return _stay("refused", f"{node.name} is the active node already")
    if node.mode is not Mode.IN_SERVICE:
        return _stay("refused", f"{node.obstacle}: put it in service first")
    if node.state is State.DOWN:
        return _stay("refused", f"{node.why}: it would be left again at once, forced or not")
    reason = "the front may be cut off" if view.cut_off else node.obstacle
    if view.active is not None and not reason:
        reason = bound(view)
    if reason and not wish.force:
        return _stay("refused", reason + FORCE)
    text = f"by hand to {node.name}" + (f", forced although {reason}" if reason else "")
    if view.active is not None:
        text = f"{text}; {view.nodes[view.active].name} keeps its dialogs and drains"
    voluntary = view.active is not None and not reason
    return Decision(Action.MOVE, "switch-over", text, target, voluntary)
