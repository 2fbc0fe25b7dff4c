"""Flows: found again by address, and by who came back."""

from __future__ import annotations

import pytest

from sipfront.stack import flows as module
from sipfront.stack.flows import OUTSIDE, Flows
from tests.stack.world import World


def test_udp_flows_are_their_address() -> None:
    world = World()
    one = world.phone("198.51.100.1", 5060)
    assert world.phone("198.51.100.1", 5060) is one
    assert world.phone("198.51.100.1", 5061) is not one
    assert (one.node, one.reliable, one.open) == (OUTSIDE, False, True)
    assert world.nodes[1].node == 1


def test_udp_flows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds a forgotten one goes on with it."""
    world = World()
    monkeypatch.setattr(module, "MAX_UDP", 3)
    flows = Flows([world.udp])
    first = flows.udp(world.udp, "198.51.100.1", 1)
    for port in range(2, 9):
        flows.udp(world.udp, "198.51.100.1", port)
    assert len(flows._udp) == 3
    assert first.open
    assert flows.udp(world.udp, "198.51.100.1", 1) is not first


def test_a_stream_that_ended_is_found_no_more() -> None:
    world = World()
    flow = world.flows.stream(world.tcp, "198.51.100.1", 40000, handle=object())
    assert flow.reliable
    assert world.flows.find(1, "198.51.100.1", 40000) is flow
    world.flows.dropped(flow)
    assert world.flows.find(1, "198.51.100.1", 40000) is None
    assert (flow.open, flow.handle) == (False, None)


def test_an_old_stream_does_not_take_the_new_one_with_it() -> None:
    world = World()
    old = world.flows.stream(world.tcp, "198.51.100.1", 40000)
    new = world.flows.stream(world.tcp, "198.51.100.1", 40000)
    world.flows.dropped(old)
    assert world.flows.find(1, "198.51.100.1", 40000) is new


@pytest.mark.parametrize("index", [-1, 3, 5, 99])
def test_tokens_name_no_inside_or_missing_listener(index: int) -> None:
    assert World().flows.find(index, "10.0.0.11", 5060) is None


def test_the_way_to_somebody_who_came_back() -> None:
    """From connection to connection; itself when there is none."""
    world = World()
    one, two, three = (
        world.flows.stream(world.tcp, "198.51.100.1", 40000 + number) for number in range(3)
    )
    assert world.flows.now(one) is one
    for old, new in ((one, two), (two, three)):
        world.flows.dropped(old)
        old.successor = new
    assert world.flows.now(one) is three
    world.flows.dropped(three)
    assert world.flows.now(one) is one
    same = world.flows.stream(world.tcp, "198.51.100.1", 40000)
    assert world.flows.now(one) is same


def test_who_follows_a_connection_of_several_phones() -> None:
    """One that moves while the connection stands takes only what is its own with it."""
    world = World()
    old, one, other = (
        world.flows.stream(world.tcp, "198.51.100.1", 40000 + number) for number in range(3)
    )
    old.used_by(b"1001@example.com")
    old.used_by(b"1001@example.com")
    assert old.phone == b"1001@example.com"
    old.used_by(b"1002@example.com")
    old.used_by(b"1001@example.com")
    assert not old.phone
    old.followed_by(one, b"1001@example.com")
    assert old.successor is None, "1002 may still be there"
    world.flows.dropped(old)
    old.followed_by(one, b"1001@example.com")
    old.followed_by(other, b"1002@example.com")
    assert world.flows.now(old) is one
    world.flows.dropped(one)
    old.followed_by(other, b"1002@example.com")
    assert world.flows.now(old) is other
