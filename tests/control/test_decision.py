"""The decision: a pure function, rule by rule, and what holds for every view."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sipfront.control.decision import (
    Action,
    Decision,
    Mode,
    NodeView,
    Standing,
    View,
    Wish,
    decide,
)
from sipfront.control.verdict import State


def node(name: str, standing: Standing, state: State = State.UP, **what: object) -> NodeView:
    values = {"mode": Mode.IN_SERVICE, "why": f"{name} is {state.name}", **what}
    return NodeView(name=name, state=state, standing=standing, **values)  # type: ignore[arg-type]


A = node("pbx-a", Standing.ACTIVE)
B = node("pbx-b", Standing.STANDBY)
DEAD = node("pbx-a", Standing.ACTIVE, State.DOWN, why="pbx-a refused 4 times within 36 ms")
CALM = View(now=5000.0, epoch=7, active=0, nodes=(A, B), started=4000.0)


def stays(decision: Decision, *words: str) -> None:
    assert decision.action is Action.STAY
    assert all(word in decision.sentence for word in words), decision.sentence


def moves(decision: Decision, target: int, *words: str) -> None:
    assert decision.action is Action.MOVE
    assert decision.target == target
    assert all(word in decision.sentence for word in words), decision.sentence


def test_when_all_is_well_everything_stays() -> None:
    stays(decide(CALM), "pbx-a stays active")


def test_a_down_active_is_left_whatever_hold_down_and_limit_say() -> None:
    view = replace(CALM, nodes=(DEAD, B), last_change=4999.0, voluntary=(4990.0,) * 9)
    moves(decide(view), 1, "pbx-a is left for pbx-b", "refused 4 times within 36 ms")
    assert not decide(view).voluntary


def test_never_for_a_node_that_is_not_ready() -> None:
    for bad, word in [
        (replace(B, state=State.DOWN, why="pbx-b is DOWN"), "DOWN"),
        (replace(B, state=State.SUSPECT, why="pbx-b is SUSPECT"), "SUSPECT"),
        (replace(B, state=State.OVERLOADED, why="pbx-b is OVERLOADED"), "OVERLOADED"),
        (replace(B, mode=Mode.DRAIN), "drain"),
        (replace(B, mode=Mode.MAINTENANCE), "maintenance"),
        (replace(B, settling=1.2), "another 1.2 s"),
        (replace(B, standing=Standing.FENCED), "fenced"),
        (replace(B, faults=("takeover: 40 s behind",)), "40 s behind"),
        (replace(B, fresh=False), "not been heard"),
    ]:
        decision = decide(replace(CALM, nodes=(DEAD, bad)))
        assert decision.rule == "no ready node"
        stays(decision, "pbx-a refused", word)


def test_nothing_is_moved_while_the_front_is_cut_off() -> None:
    stays(decide(replace(CALM, nodes=(DEAD, B), cut_off=True)), "cut off")


def test_a_suspect_or_overloaded_active_is_not_left() -> None:
    for state in (State.SUSPECT, State.OVERLOADED, State.UNKNOWN):
        stays(decide(replace(CALM, nodes=(replace(A, state=state), B))))


def test_the_first_start_waits_a_moment_for_the_preferred_node() -> None:
    late = replace(A, state=State.UNKNOWN, standing=Standing.STANDBY, why="pbx-a: no answer yet")
    view = replace(CALM, active=None, epoch=0, nodes=(late, B), started=5000.0, now=5000.4)
    stays(decide(view), "waiting for pbx-a")
    moves(decide(replace(view, now=5001.0)), 1, "pbx-b becomes active", "1000 ms")
    down = replace(late, state=State.DOWN)
    moves(decide(replace(view, nodes=(down, B))), 1)
    ready = replace(A, standing=Standing.STANDBY)
    moves(decide(replace(view, nodes=(ready, B))), 0, "pbx-a becomes active")


def test_a_wish_is_granted_and_said() -> None:
    moves(decide(replace(CALM, wish=Wish(1))), 1, "by hand to pbx-b", "pbx-a keeps its dialogs")
    assert decide(replace(CALM, wish=Wish(None))).voluntary


def test_a_wish_is_bound_by_hold_down_and_limit_unless_forced() -> None:
    young = replace(CALM, last_change=4970.0, wish=Wish(1))
    stays(decide(young), "another 90 s", "force overrides")
    moves(decide(replace(young, wish=Wish(1, force=True))), 1, "forced although")
    many = replace(CALM, voluntary=(2000.0, 4000.0, 4200.0, 4400.0), wish=Wish(1))
    stays(decide(many), "4 voluntary moves", "600 s left")
    moves(decide(replace(many, voluntary=(1000.0, 4000.0, 4200.0, 4400.0))), 1)


def test_what_a_wish_cannot_have() -> None:
    stays(decide(replace(CALM, wish=Wish(0))), "active node already")
    drained = replace(CALM, nodes=(A, replace(B, mode=Mode.DRAIN)))
    stays(decide(replace(drained, wish=Wish(1, force=True))), "put it in service first")
    stays(decide(replace(drained, wish=Wish(None))), "nowhere to go", "pbx-b is in drain")
    down = replace(CALM, nodes=(A, replace(B, state=State.DOWN, why="pbx-b is DOWN")))
    stays(decide(replace(down, wish=Wish(1, force=True))), "forced or not")


def test_force_takes_a_node_that_is_not_ready() -> None:
    view = replace(CALM, nodes=(A, replace(B, settling=1.0)))
    stays(decide(replace(view, wish=Wish(1))), "settles")
    moves(decide(replace(view, wish=Wish(1, force=True))), 1, "forced although pbx-b has just")


def test_a_drained_active_is_left_when_it_can_be() -> None:
    view = replace(CALM, nodes=(replace(A, mode=Mode.DRAIN), B))
    moves(decide(view), 1, "pbx-a is in drain")
    stays(decide(replace(view, last_change=4999.0)), "hold-down")


def test_fail_back_only_as_configured() -> None:
    view = replace(
        CALM,
        active=1,
        nodes=(replace(A, standing=Standing.STANDBY), replace(B, standing=Standing.ACTIVE)),
    )
    stays(decide(view))
    stays(decide(replace(view, failback="never", window=True)))
    stays(decide(replace(view, failback="window")))
    open_ = replace(view, failback="window", window=True)
    moves(decide(open_), 0, "pbx-b is left for pbx-a", "window")
    stays(decide(replace(open_, last_change=4950.0)), "no fail-back yet")


NODES = st.builds(
    node,
    st.sampled_from(["pbx-a", "pbx-b"]),
    st.sampled_from(Standing),
    st.sampled_from(State),
    mode=st.sampled_from(Mode),
    settling=st.sampled_from([0.0, 1.5]),
    fresh=st.booleans(),
    faults=st.sampled_from([(), ("call: no audio",)]),
)
VIEWS = st.builds(
    View,
    now=st.floats(1000.0, 9000.0),
    epoch=st.integers(0, 9),
    active=st.sampled_from([None, 0, 1]),
    nodes=st.tuples(NODES, NODES),
    cut_off=st.booleans(),
    started=st.floats(0.0, 1000.0),
    last_change=st.floats(0.0, 9000.0),
    voluntary=st.lists(st.floats(0.0, 9000.0), max_size=6).map(tuple),
    wish=st.none() | st.builds(Wish, st.sampled_from([None, 0, 1]), st.booleans()),
    failback=st.sampled_from(["never", "manual", "window"]),
    window=st.booleans(),
)


@given(VIEWS)
def test_what_holds_for_every_view(view: View) -> None:
    decision = decide(view)
    assert decision.sentence
    assert decision == decide(view)
    if decision.action is Action.STAY:
        assert decision.target is None
        if view.active is not None and view.wish is None and not view.cut_off:
            other = view.nodes[1 - view.active]
            left = view.nodes[view.active].state is not State.DOWN
            assert left or not (other.ready and other.fresh), "a DOWN active is always left"
        return
    assert decision.target is not None
    target = view.nodes[decision.target]
    assert decision.target != view.active
    assert target.mode is Mode.IN_SERVICE
    forced = view.wish is not None and view.wish.force
    assert target.ready or forced
    assert not view.cut_off or forced
    if decision.voluntary and not forced:
        assert view.now - view.last_change >= view.hold_down
