"""A pair in doubt: what is hedged, parked, moved, and what is answered for a dead owner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipfront.sip import headers as h
from sipfront.stack.notices import Note
from sipfront.stack.route import NodeState, Standing
from tests.stack.world import FRONT, NODE_A, NODE_B, Sent, World, answer, request

DOWN = (NodeState.DOWN, NodeState.UP)
BACK = (NodeState.UP, NodeState.UP)
LEFT = (Standing.DRAINING, Standing.ACTIVE)


def uri_of(value: bytes | None) -> str:
    return (value or b"").decode().partition("<")[2].partition(">")[0]


def settled(world: World) -> World:
    """Both nodes have always answered quickly."""
    for probe in range(5):
        for node in (0, 1):
            world.engine.probe(node, probe, world.now)
        for sent in world.out():
            world.now += 0.001
            world.hear(sent.flow, answer(sent, 200, tag="x"))
    return world


def talk(world: World) -> str:
    """A call of a phone on the first node; the Contact that the phone sees."""
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    target = uri_of(ok.message.value(h.CONTACT))
    world.hear(world.phone(), inside("ACK", target, "ack"))
    return target


def inside(method: str, uri: str, branch: str = "d1", **more: str) -> str:
    """A request of the phone in its dialog."""
    return request(method, uri, branch=branch, to=f"<sip:600@{FRONT}>;tag=n", cseq=2, **more)


# -- a dead owner ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status", "again"),
    [
        ("BYE", 200, False),
        ("PRACK", 200, False),
        ("OPTIONS", 200, False),
        ("INVITE", 500, True),
        ("UPDATE", 500, True),
    ],
)
def test_what_is_answered_for_a_dead_owner(method: str, status: int, again: bool) -> None:
    world = World()
    target = talk(world)
    world.route(1, DOWN, LEFT)
    (done,) = world.hear(world.phone(), inside(method, target))
    assert done.message.status == status
    assert (done.message.value(h.RETRY_AFTER) is not None) == again


@pytest.mark.parametrize("method", ["INFO", "REFER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "FANCY"])
def test_other_requests_wait_for_a_dead_owner(method: str) -> None:
    """It may come back. If not: 500; a 481 would make many phones drop the call."""
    world = World()
    target = talk(world)
    world.route(1, DOWN, LEFT)
    assert world.hear(world.phone(), inside(method, target)) == []
    world.route(1, DOWN, LEFT)  # another decision about somebody else moves nothing
    assert world.out() == []
    world.now += 1
    world.route(1, BACK, LEFT)
    (sent,) = world.out()
    assert (sent.to, sent.message.method) == (NODE_A, method.encode())
    world.hear(sent.flow, answer(sent, 200))

    world.route(1, DOWN, LEFT)
    world.out()
    world.hear(world.phone(), inside(method, target, "d2"))
    (no,) = world.wait(3.1)
    assert no.message.status == 500
    assert no.message.value(h.RETRY_AFTER) is None


def test_a_dialog_that_was_given_up_meanwhile() -> None:
    world = World()
    target = talk(world)
    world.route(1, DOWN, LEFT)
    world.hear(world.phone(), inside("REFER", target))
    (leg,) = world.engine.legs_of(0)
    world.engine.care.end(leg, world.now, "Q.850;cause=41")
    world.out()
    final = [item.message.status for item in world.wait(3.1) if item.message.status]
    assert final == [481]


def test_in_flight_in_dialog_requests_when_the_owner_dies() -> None:
    world = World()
    target = talk(world)
    (sent,) = world.hear(world.phone(), inside("BYE", target))
    assert sent.to == NODE_A
    world.route(1, DOWN, LEFT)
    (done,) = world.out()
    assert (done.flow, done.message.status) == (world.phone(), 200)


def test_an_ack_for_a_dead_owner_goes_nowhere() -> None:
    world = World()
    target = talk(world)
    world.route(1, DOWN, LEFT)
    assert world.hear(world.phone(), inside("ACK", target)) == []
    assert world.engine.counters["ack for a dead owner"] == 1


# -- suspicion -------------------------------------------------------------------------------------


def test_one_lost_packet_is_no_suspicion() -> None:
    """Two sends and nothing at all since the first; whatever the node says ends it."""
    world = settled(World())
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    sent = world.wait(0.06)
    assert {item.to for item in sent} == {NODE_A}
    other = "SIP/2.0 100 Trying\nVia: SIP/2.0/UDP 10.0.0.10:5062;branch=z9hG4bKno\n"
    world.hear(world.nodes[0], other + "From: <sip:a@b>\nTo: <sip:a@b>\nCall-ID: x\nCSeq: 1 INVITE")
    sent = world.wait(0.09)
    assert {item.to for item in sent} == {NODE_A, phone.host}, "100 Trying, and no hedge"
    assert "hedged" not in world.engine.counters


def test_a_node_that_is_slow_by_habit_is_given_its_time() -> None:
    world = World()
    for probe in range(8):
        world.engine.probe(0, probe, world.now)
        (sent,) = world.out()
        world.now += 0.18
        world.hear(sent.flow, answer(sent, 200, tag="x"))
    assert world.engine.shared.pair.links[0].interval >= 0.2
    world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    assert [item.to for item in world.wait(0.19) if item.to == NODE_B] == []


def test_what_is_never_hedged() -> None:
    """It already rang; or somebody switched it off: but never for an emergency."""
    world = settled(World())
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(invite.flow, answer(invite, 180, tag="n", contact=f"<sip:600@{NODE_A}>"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    assert world.out() == []

    plain = World()
    world = World(settings=replace(plain.settings, hedge=False))  # type: ignore[type-var]
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(phone, request("INVITE", "sip:112@example.com", branch="b2", call_id="c2"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    (hedged,) = world.out()
    assert (hedged.to, hedged.message.call_id) == (NODE_B, b"c2")


def test_a_parked_emergency_call_is_told() -> None:
    world = World()
    world.route(None)
    world.hear(world.phone(), request("INVITE", "sip:112@example.com"))
    world.out()
    assert any(isinstance(note, Note) and "emergency" in note.event for note in world.log)


def test_an_emergency_call_is_parked_when_all_places_are_taken() -> None:
    plain = World()
    assert plain.settings is not None
    limits = replace(plain.settings.limits, parked=1)
    world = World(settings=replace(plain.settings, limits=limits))
    world.route(None)

    def call(number: str) -> list[Sent]:
        return world.hear(
            world.phone(),
            request("INVITE", f"sip:{number}@example.com", branch=number, call_id=number),
        )

    assert call("600") == []
    (no,) = call("601")
    assert no.message.status == 503
    assert 5 <= int(no.message.value(h.RETRY_AFTER) or b"0") <= 10
    assert call("112") == []


def test_nothing_is_sent_again_to_a_node_that_was_left() -> None:
    """An INVITE whose call went on elsewhere must not ring there when the node wakes up."""
    world = settled(World())
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    (register,) = world.hear(
        phone, request("REGISTER", "sip:example.com", branch="b2", to="<sip:1001@example.com>")
    )
    world.route(1, DOWN, (Standing.FENCED, Standing.ACTIVE))
    assert {item.to for item in world.out()} == {NODE_B}
    assert [item for item in world.wait(20) if item.to == NODE_A] == []
    (cancel,) = world.hear(invite.flow, answer(invite, 100))
    assert (cancel.to, cancel.message.method) == (NODE_A, b"CANCEL")
    assert world.hear(register.flow, answer(register, 200, tag="z")) == []


def test_a_moved_call_that_was_cancelled_is_over() -> None:
    world = World()
    phone = world.phone()
    world.hear(phone, request("INVITE", "sip:600@example.com"))
    (ok,) = world.hear(phone, request("CANCEL", "sip:600@example.com", contact=""))
    assert ok.message.status == 200
    world.route(1, DOWN)
    (over,) = world.out()
    assert (over.flow, over.message.status) == (phone, 487)


def test_nothing_is_owed_for_a_branch_without_an_answer() -> None:
    """Timer B: the node's account is clean, and the hedged call does not count for ever."""
    world = World()
    world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    world.wait(100)
    for link in world.engine.shared.pair.links:
        assert not link.pending
        assert not link.ringing
        assert not link.hedged


def hedged(world: World) -> tuple[Sent, Sent]:
    """An INVITE at both nodes."""
    (first,) = world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    (second,) = world.out()
    return first, second


def test_a_hedge_is_no_second_opinion() -> None:
    """The active node says busy: nobody waits for the standby."""
    world = World()
    first, _ = hedged(world)
    out = world.hear(first.flow, answer(first, 486, tag="a"))
    assert [item.message.status for item in out if item.flow is world.phone()] == [486]


def test_the_active_node_has_failed_and_the_standby_dies() -> None:
    """What the other said is the answer; the caller is not forgotten."""
    world = World()
    first, _ = hedged(world)
    out = world.hear(first.flow, answer(first, 500, tag="a"))
    assert [item for item in out if item.flow is world.phone()] == []
    world.route(0, (NodeState.UP, NodeState.DOWN))
    assert [item.message.status for item in world.out() if item.flow is world.phone()] == [500]


def test_a_dialog_of_which_too_little_is_known_is_not_spoken_for() -> None:
    """The front restarted with an empty store: a BYE finds its way, but ends nothing at a node
    that is away."""
    before = World()
    target = talk(before)
    world = World()
    world.hear(world.phone(), inside("INFO", target))
    world.route(1, DOWN, LEFT)
    (done, *_) = world.hear(world.phone(), inside("BYE", target, "d2"))
    world.out()
    world.route(1, BACK, LEFT)
    assert [item.message.method for item in world.out() if item.to == NODE_A] == []
    assert done.message.status == 200
