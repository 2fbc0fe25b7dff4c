"""Connections to a node that break in the middle of a dialog, and BYEs that cross."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow, Listener, Transport
from sipfront.stack.route import NodeState, Standing
from tests.stack.world import INSIDE, NODE_A, Sent, World, answer, request

DOWN = (NodeState.DOWN, NodeState.UP)
LEFT = (Standing.DRAINING, Standing.ACTIVE)


def over_tcp() -> tuple[World, Flow]:
    """A world whose nodes are reached by TCP, and the connection to the first."""
    world = World()
    listener = Listener(9, Transport.TCP, INSIDE.encode(), 5062, inside=True, bound=(INSIDE, 5062))
    flow = connected(world, listener)
    world.tcp_inside = listener  # type: ignore[attr-defined]
    return world, flow


def connected(world: World, listener: Listener) -> Flow:
    flow = world.flows.stream(listener, NODE_A, 5060, 0)
    world.engine.node_flows(0, (flow,))
    return flow


def broken(world: World, flow: Flow) -> Flow:
    """As the shell tells it: lost, and then a new flow to be dialled."""
    world.flows.dropped(flow)
    world.engine.lost(flow, world.now, "closed")
    return connected(world, world.tcp_inside)  # type: ignore[attr-defined]


def talk(world: World) -> str:
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:x@{NODE_A}>"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(world.phone(), inside("ACK", target, "k", 1))
    return target


def inside(method: str, target: str, branch: str = "d", cseq: int = 2) -> str:
    return request(method, target, branch=branch, to="<sip:600@example.com>;tag=n", cseq=cseq)


def statuses(sent: list[Sent], flow: Flow) -> list[int]:
    return [item.message.status for item in sent if item.flow is flow and item.message.status]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "REFER"])
def test_once_more_over_a_new_connection(method: str) -> None:
    """With the branch that it had: a node that has it already knows it."""
    world, flow = over_tcp()
    target = talk(world)
    (first,) = world.hear(world.phone(), inside(method, target))
    new = broken(world, flow)
    assert world.out() == []
    (second,) = [item for item in world.wait(0.06) if item.message.method]
    assert second.flow is new
    assert second.message.data == first.message.data
    out = world.hear(new, answer(second, 200, contact=f"<sip:x@{NODE_A}>"))
    assert statuses(out, world.phone()) == [200]


def test_a_second_break_waits_for_the_decision() -> None:
    """480 would tell the phone what nobody knows yet."""
    world, flow = over_tcp()
    target = talk(world)
    world.hear(world.phone(), inside("INFO", target))
    new = broken(world, flow)
    world.wait(0.06)
    broken(world, new)
    assert statuses(world.wait(2.9), world.phone()) == []
    assert statuses(world.wait(0.2), world.phone()) == [500]


@pytest.mark.parametrize(("method", "status"), [("BYE", 200), ("INVITE", 500), ("OPTIONS", 200)])
def test_what_waits_is_answered_when_the_node_is_given_up(method: str, status: int) -> None:
    world, flow = over_tcp()
    target = talk(world)
    world.hear(world.phone(), inside(method, target))
    new = broken(world, flow)
    world.wait(0.06)
    broken(world, new)
    assert statuses(world.out(), world.phone()) == []
    world.route(1, DOWN, LEFT)
    assert statuses(world.out(), world.phone()) == [status]


def test_the_node_is_given_up_before_the_second_try() -> None:
    world, flow = over_tcp()
    target = talk(world)
    world.hear(world.phone(), inside("BYE", target))
    broken(world, flow)
    world.route(1, DOWN, LEFT)
    world.out()
    assert statuses(world.wait(0.1), world.phone()) == [200]


def test_there_is_no_new_connection_yet() -> None:
    world, flow = over_tcp()
    target = talk(world)
    world.hear(world.phone(), inside("INFO", target))
    world.flows.dropped(flow)
    world.engine.lost(flow, world.now, "closed")
    assert statuses(world.wait(2.9), world.phone()) == []
    connected(world, world.tcp_inside)  # type: ignore[attr-defined]
    assert statuses(world.wait(0.3), world.phone()) == [500]


def test_two_byes_cross() -> None:
    """The node no longer knows the call that both have ended: 200, not 481."""
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:x@{NODE_A}>"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    contact = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(world.phone(), inside("ACK", target, "k", 1))
    of_node = request(
        "BYE",
        contact,
        via=f"{NODE_A}:5060",
        branch="n",
        sender="<sip:600@example.com>;tag=n",
        to="<sip:1001@example.com>;tag=a",
        cseq=9,
    )
    (mine,) = world.hear(world.phone(), inside("BYE", target))
    (theirs,) = world.hear(world.nodes[0], of_node)
    world.hear(world.phone(), answer(theirs, 200))
    (done,) = world.hear(mine.flow, answer(mine, 481))
    assert (done.flow, done.message.status) == (world.phone(), 200)
    # One that comes later still, in a new transaction, from either side.
    (done,) = world.hear(world.phone(), inside("BYE", target, "late", 3))
    assert (done.flow, done.message.status) == (world.phone(), 200)
    (done,) = world.hear(world.nodes[0], of_node.replace("z9hG4bKn", "z9hG4bKm"))
    assert (done.to, done.message.status) == (NODE_A, 200)
    # But the answer to a BYE that crossed none is passed as it is.
    world = World()
    target = talk(world)
    (mine,) = world.hear(world.phone(), inside("BYE", target))
    (done,) = world.hear(mine.flow, answer(mine, 481))
    assert done.message.status == 481
