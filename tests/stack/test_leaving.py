"""A phone that is busy with calls of a dead node: the new call waits until all of them are over."""

from __future__ import annotations

import pytest

from sipfront.stack.leaving import WAIT_487
from tests.stack.test_front import register
from tests.stack.test_tagmap import DOWN, FENCED
from tests.stack.world import INSIDE, NODE_A, NODE_B, Sent, World, answer, request


def of_node(node: int, number: int) -> str:
    host = (NODE_A, NODE_B)[node]
    return request(
        "INVITE",
        f"sip:1002@{INSIDE}:5062",
        via=f"{host}:5060",
        branch=f"n{node}{number}",
        call_id=f"n{node}{number}",
        sender=f"<sip:1001@{host}>;tag=n{node}{number}",
        contact=f"<sip:1001@{host}:5060>",
    )


def two_rang(world: World) -> tuple[list[Sent], list[Sent]]:
    """A phone rings for two calls of the first node, which dies: the INVITEs and our CANCELs."""
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    invites = []
    for number in range(2):
        (invite,) = world.hear(world.nodes[0], of_node(0, number))
        world.hear(phone, answer(invite, 180, tag=f"p{number}", contact="<sip:1002@192.168.1.9>"))
        invites.append(invite)
    world.route(1, DOWN, FENCED)
    cancels = world.out()
    assert [item.message.method for item in cancels] == [b"CANCEL"] * 2
    return invites, cancels


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_it_waits_for_the_last_of_them(order: tuple[int, int]) -> None:
    world = World()
    invites, cancels = two_rang(world)
    assert world.hear(world.nodes[1], of_node(1, 0)) == []
    assert world.hear(world.nodes[1], of_node(1, 1)) == []
    flow = invites[0].flow
    first, second = order
    world.hear(flow, answer(cancels[first], 200, tag="p"))
    out = world.hear(flow, answer(invites[first], 487, tag="p"))
    assert [item.message.method for item in out] == [b"ACK"]
    out = world.hear(flow, answer(invites[second], 487, tag="p"))
    assert [item.message.method for item in out] == [b"ACK", b"INVITE", b"INVITE"]
    assert world.hear(world.nodes[1], of_node(1, 2))[0].message.method == b"INVITE"
    assert len(world.engine.shared.legs) == 0, "no early dialog of the dead node is left"


def test_it_waits_half_a_second_at_most() -> None:
    world = World()
    two_rang(world)
    assert world.hear(world.nodes[1], of_node(1, 0)) == []
    found = [item.message.method for item in world.wait(WAIT_487 - 0.01)]
    assert b"INVITE" not in found
    found = [item.message.method for item in world.wait(0.02)]
    assert found.count(b"INVITE") == 1
    (sent,) = world.hear(world.nodes[1], of_node(1, 1))
    assert sent.message.method == b"INVITE", "and the next one does not wait again"


def test_the_half_second_is_counted_from_the_cancel() -> None:
    """A phone that never answers the INVITE that we cancelled holds up nobody for longer."""
    world = World()
    two_rang(world)
    world.wait(WAIT_487 - 0.1)
    assert world.hear(world.nodes[1], of_node(1, 0)) == []
    found = [item.message.method for item in world.wait(0.11)]
    assert found.count(b"INVITE") == 1
    (sent,) = world.hear(world.nodes[1], of_node(1, 1))
    assert sent.message.method == b"INVITE"


def test_who_gave_up_meanwhile_is_not_called() -> None:
    world = World()
    invites, _ = two_rang(world)
    world.hear(world.nodes[1], of_node(1, 0))
    cancel = of_node(1, 0).replace("INVITE", "CANCEL")
    out = world.hear(world.nodes[1], cancel)
    assert [item.message.status for item in out] == [200, 487]
    out = [
        *world.hear(invites[0].flow, answer(invites[0], 487, tag="p")),
        *world.hear(invites[0].flow, answer(invites[1], 487, tag="p")),
        *world.wait(1),
    ]
    assert b"INVITE" not in [item.message.method for item in out]


def test_another_phone_does_not_wait() -> None:
    world = World()
    two_rang(world)
    other = world.phone("198.51.100.10", 40001)
    register(world, other, "sip:1003@192.168.1.10:5060", user="1003")
    text = of_node(1, 0).replace("1002", "1003")
    (sent,) = world.hear(world.nodes[1], text)
    assert (sent.flow, sent.message.method) == (other, b"INVITE")


def test_what_the_phone_still_says_there_is_answered_here() -> None:
    """A BYE in the early dialog (RFC 3261 15 allows none of the called party, some send one)."""
    world = World()
    invites, _ = two_rang(world)
    target = invites[0].message.data.split(b"Contact: <")[1].split(b">")[0].decode()
    (done,) = world.hear(
        invites[0].flow,
        request(
            "BYE",
            target,
            via="198.51.100.9:40001",
            call_id="n00",
            sender=f"<sip:1002@{INSIDE}:5062>;tag=p0",
            to=f"<sip:1001@{NODE_A}>;tag=n00",
        ),
    )
    assert done.message.status == 200
