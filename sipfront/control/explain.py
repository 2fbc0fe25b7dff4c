"""Why it is so, why it is not otherwise, and what it would take: answers made by asking the decision.

Nothing here knows a rule: every sentence about what would happen is what :func:`decide` says of a
view with something changed in it.  So an explanation cannot differ from the decision.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from sipfront.control.decision import Action, Decision, Mode, NodeView, Standing, View, Wish, decide
from sipfront.control.verdict import State

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What each rule says, for readers.
RULES: Final = {
    "start": "the first ready node of the configuration becomes active",
    "failover": "a DOWN active is always left for a ready node that was heard since",
    "cannot serve": "an active that cannot serve is left for one that is known to be better",
    "no ready node": "nobody is left for a node that is not ready",
    "no better node": "an active that lives is not left for a worse standby",
    "hook failed": "a required hook that fails stops the change of role",
    "moving": "a change of role that has begun waits for its hooks",
    "cut off": "a front that hears nobody does nothing",
    "hold-down": "voluntary moves keep apart, and there are only so many in an hour",
    "switch-over": "the operator's wish",
    "refused": "the operator's wish cannot be had",
    "drain": "a node in drain or maintenance is left when another is ready",
    "fail-back": "in its window the preferred node gets the role back",
    "stay": "when nothing is wrong everything stays as it is",
}

#: words of ``--what-if`` about a node
STATES: Final = {state.name.lower(): state for state in State}
MODES: Final = {mode.value: mode for mode in Mode}
ANSWERS: Final = ("cannot-call", "can-call", "not-ready", "ready")
WORDS: Final = (*STATES, *MODES, *ANSWERS)


class Check(NamedTuple):
    """One thing that a node needs to become active."""

    good: bool
    text: str


def _state(node: NodeView, state: State) -> NodeView:
    if state is State.UP:
        # Up as it is when it has been for long.
        standing = Standing.STANDBY if node.standing is Standing.FENCED else node.standing
        node = replace(node, settling=0.0, fresh=True, standing=standing)
    return replace(node, state=state, why=f"{node.name} is {state.name} (assumed)")


def _node(node: NodeView, word: str) -> NodeView:
    if word in STATES:
        return _state(node, STATES[word])
    if word in MODES:
        return replace(node, mode=MODES[word])
    others = tuple(fault for fault in node.faults if not fault.startswith("call"))
    if word == "cannot-call":
        proven = tuple(question for question in node.proven if question != "call")
        faults = (*others, "call (assumed)")
        return replace(node, faults=faults, cannot=("call",), proven=proven)
    if word == "can-call":
        proven = (*node.proven, "call") if "call" not in node.proven else node.proven
        cannot = tuple(question for question in node.cannot if question != "call")
        return replace(node, faults=others, cannot=cannot, proven=proven)
    if word == "not-ready":
        return replace(node, faults=(*node.faults, "ready (assumed)"))
    return replace(_state(node, State.UP), faults=(), cannot=(), mode=Mode.IN_SERVICE)


def assume(view: View, changes: Mapping[str, str]) -> View:
    """The view with ``changes`` (node: word) in it, and ``front``: ``cut-off``; raises ValueError.

    The wish and the change of role that may be under way are left out.
    """
    nodes = {node.name: node for node in view.nodes}
    cut = view.cut_off
    for name, word in changes.items():
        if name == "front" and word == "cut-off":
            cut = True
        elif name not in nodes:
            raise ValueError(f"no such node: {name} ({', '.join(nodes)})")
        elif word not in WORDS:
            raise ValueError(f"{name} can be assumed {', '.join(WORDS)}, not {word!r}")
        else:
            nodes[name] = _node(nodes[name], word)
    return replace(view, nodes=tuple(nodes.values()), cut_off=cut, wish=None, moving="")


#: what is tried, one by one, when it is asked what would change an answer
_TRIED: Final = ("down", "up", "ready", "cannot-call", "maintenance", "in-service")


def would_change(view: View) -> list[str]:
    """What it would take to come to another answer: the smallest changes that do."""
    now = decide(view)
    plain = assume(view, {})
    names = [node.name for node in view.nodes]
    found: dict[tuple[str, int | None], str] = {}
    for limit, other in (
        ("hold_down", replace(view, hold_down=0.0)),
        ("max_per_hour", replace(view, max_per_hour=1_000_000)),
    ):
        then = decide(other)
        if _key(then) != _key(now):
            found.setdefault(_key(then), f"without {limit}: {then.sentence}")
    for name, word in product(names, _TRIED):
        _try(plain, {name: word}, now, found)
    if not any(action == Action.MOVE.value for action, _ in found):
        for (one, first), (two, second) in product(product(names, _TRIED), product(names, _TRIED)):
            if one < two:
                _try(plain, {one: first, two: second}, now, found)
    return list(found.values())


def _key(decision: Decision) -> tuple[str, int | None]:
    return decision.action.value, decision.target


def _try(
    view: View, changes: dict[str, str], now: Decision, found: dict[tuple[str, int | None], str]
) -> None:
    then = decide(assume(view, changes))
    if _key(then) != _key(now) and _key(then) not in found:
        said = " and ".join(f"{name} were {word}" for name, word in changes.items())
        found[_key(then)] = f"if {said}: {then.sentence}"


def why_not(view: View, name: str) -> tuple[list[Check], str]:
    """What the node needs to become active, point by point, and what the decision says; raises
    ValueError when there is no such node."""
    names = [node.name for node in view.nodes]
    if name not in names:
        raise ValueError(f"no such node: {name} ({', '.join(names)})")
    index = names.index(name)
    node = view.nodes[index]
    if index == view.active:
        return [Check(True, f"{name} is the active node")], decide(view).sentence
    checks = [
        Check(node.mode is Mode.IN_SERVICE, f"in service: it is in {node.mode.value}"),
        Check(node.state is State.UP, f"up: {node.why}"),
        Check(
            node.settling <= 0,
            "settled: " + (f"another {node.settling:.1f} s" if node.settling > 0 else "yes"),
        ),
        Check(
            node.standing is not Standing.FENCED,
            f"not fenced: what it may start is {node.standing.name.lower()}",
        ),
        Check(
            not node.faults,
            "no bad answer to a deeper question: " + ("; ".join(node.faults) or "none"),
        ),
        Check(node.fresh, "heard since the active's trouble began"),
        Check(not view.cut_off, "the front is not cut off"),
        Check(not view.blocked, f"no required hook has failed: {view.blocked or 'none'}"),
    ]
    wished = decide(replace(view, wish=Wish(index)))
    if wished.action is Action.MOVE:
        text = f"by hand it could be now; by itself not, because {decide(view).sentence}"
    else:
        text = wished.sentence
    checks.append(Check(wished.action is Action.MOVE, f"a switch-over by hand: {text}"))
    return checks, decide(view).sentence


def what_if(view: View, changes: Mapping[str, str]) -> Decision:
    """What would be decided; raises ValueError."""
    return decide(assume(view, changes))
