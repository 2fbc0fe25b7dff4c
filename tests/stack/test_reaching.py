"""Several flows of one phone: one at a time, the next when one is broken; and who is told 430."""

from __future__ import annotations

import pytest

from sipfront.stack.flows import Flow
from tests.stack.test_outbound import CONTACT, registered, tcp
from tests.stack.world import INSIDE, NODE_A, Sent, World, answer, request

SECOND = CONTACT.replace("40000", "40001").replace("reg-id=1", "reg-id=2")


def two(world: World) -> tuple[Flow, Flow]:
    """A phone with two flows; the second was there last."""
    one, other = tcp(world), tcp(world, 40001)
    registered(world, one)
    world.now += 1
    # The node lists both now, as a registrar does.
    keep = next(iter(world.engine.shared.bindings))
    keep.held[0] = 0.0
    registered(world, other, SECOND)
    assert len(world.engine.shared.bindings) == 2
    return one, other


def invite(world: World, uri: str = f"sip:1001@{INSIDE}:5062", *, vias: int = 1) -> list[Sent]:
    text = request(
        "INVITE", uri, via=f"{NODE_A}:5060", sender="<sip:1002@example.com>;tag=n", call_id="c9"
    )
    for number in range(vias - 1):
        text = text.replace("Max-F", f"Via: SIP/2.0/UDP 10.1.1.{number};branch=z9hG4bKv\nMax-F", 1)
    return world.hear(world.nodes[0], text)


def test_one_phone_rings_once() -> None:
    world = World()
    _, other = two(world)
    (sent,) = invite(world)
    assert sent.flow is other, "the one that was seen last"


def test_a_binding_is_reached_by_its_own_flow_while_that_stands() -> None:
    world = World()
    one, other = two(world)
    for binding in world.engine.shared.bindings:
        uri = f"sip:1001@{INSIDE}:5062;sf={binding.name.decode()}"
        world.now += 40
        (sent,) = invite(world, uri.replace("1001@", f"{binding.seen:.0f}@"))[:1]
        assert sent.flow is binding.flow
        break
    assert one is not other


def test_a_flow_that_is_gone_is_replaced_by_the_other() -> None:
    world = World()
    one, other = two(world)
    world.flows.dropped(one)
    world.engine.lost(one, world.now, "closed")
    first = next(b for b in world.engine.shared.bindings if b.flow is one)
    (sent,) = invite(world, f"sip:1001@{INSIDE}:5062;sf={first.name.decode()}")
    assert sent.flow is other


def test_a_flow_that_breaks_under_a_call_is_followed_by_the_next() -> None:
    world = World()
    one, other = two(world)
    (sent,) = invite(world)
    assert sent.flow is other
    world.flows.dropped(other)
    world.engine.lost(other, world.now, "reset")
    (again,) = world.out()
    assert again.flow is one
    assert world.engine.counters["next flow of a phone"] == 1


def test_a_proxy_outside_that_lost_its_flow_says_430() -> None:
    world = World()
    one, _ = two(world)
    (sent,) = invite(world)
    *acked, again = world.hear(sent.flow, answer(sent, 430, tag="e"))
    assert [its.message.method for its in acked] == [b"ACK"]
    assert again.flow is one
    # A 503 is the phone's own word.
    *_, back = world.hear(again.flow, answer(again, 503, tag="e"))
    assert (back.flow, back.message.status) == (world.nodes[0], 503)


def test_two_phones_of_one_extension_both_ring() -> None:
    world = World()
    two(world)
    for binding in world.engine.shared.bindings:
        binding.held[0] = 0.0
    other = world.phone("198.51.100.8")
    registered(world, other, "<sip:1001@198.51.100.8>", extra="")
    assert len(invite(world)) == 2


@pytest.mark.parametrize(("vias", "status"), [(1, 480), (2, 430)])
def test_proxies_are_told_that_it_was_the_flow(vias: int, status: int) -> None:
    world = World()
    for flow in two(world):
        world.flows.dropped(flow)
    (no,) = invite(world, vias=vias)
    assert no.message.status == status


def test_a_430_of_a_node_is_480_for_a_phone() -> None:
    world = World()
    phone = world.phone()
    (sent,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    *_, back = world.hear(sent.flow, answer(sent, 430, tag="n"))
    assert (back.flow, back.message.status) == (phone, 480)


def by_token(world: World, flow: Flow, call: str, extra: str = "", sender: str = "1002") -> Sent:
    """The node calls the Contact that stands for one flow."""
    binding = next(b for b in world.engine.shared.bindings if b.flow is flow)
    text = request(
        "INVITE",
        f"sip:1001@{INSIDE}:5062;sf={binding.name.decode()}",
        via=f"{NODE_A}:5060",
        branch=call,
        sender=f"<sip:{sender}@example.com>;tag={call}",
        call_id=call,
        extra=extra,
    )
    (sent,) = [one for one in world.hear(world.nodes[0], text) if one.message.status != 100]
    return sent


@pytest.mark.parametrize("header", ["", "X-Sipfront-Call: one"])
def test_a_node_that_rings_both_flows_of_a_phone_rings_it_once(header: str) -> None:
    world = World()
    one, other = two(world)
    assert by_token(world, one, "a", header).flow is one
    twin = by_token(world, other, "b", header)
    assert (twin.flow, twin.message.status) == (world.nodes[0], 430)
    assert world.engine.counters["refused: the phone rings by another flow"] == 1


def test_another_call_rings_it_too() -> None:
    """Call waiting: who is another caller, or calls later, or says that it is another call."""
    world = World()
    one, other = two(world)
    assert by_token(world, one, "a", "X-Sipfront-Call: one").flow is one
    assert by_token(world, other, "b", "X-Sipfront-Call: two").flow is other
    assert by_token(world, other, "c", sender="1003").flow is other
    world.now += 2
    assert by_token(world, other, "d").flow is other


def test_the_same_flow_twice_is_the_node_s_own_wish() -> None:
    world = World()
    one, _ = two(world)
    assert by_token(world, one, "a").flow is one
    assert by_token(world, one, "b").flow is one


def test_a_call_that_ended_is_in_nobodys_way() -> None:
    world = World()
    one, other = two(world)
    sent = by_token(world, one, "a")
    world.hear(one, answer(sent, 486, tag="p"))
    assert by_token(world, other, "b").flow is other
