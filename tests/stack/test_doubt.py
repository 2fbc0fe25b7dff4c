"""Stories of a node that is silent, refuses, sleeps or drains."""

from __future__ import annotations

from sipfront.sip import headers as h
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_front import register
from tests.stack.world import INSIDE, NODE_A, NODE_B, World, answer, request


def test_a_silent_node_is_hedged_and_then_left() -> None:
    """An INVITE that the active node does not answer reaches the standby too."""
    world = World()
    phone = world.phone()
    for probe in range(5):
        for node in (0, 1):
            world.engine.probe(node, probe, world.now)
        for sent in world.out():
            world.now += 0.001
            world.hear(sent.flow, answer(sent, 200, tag="x"))
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    assert first.to == NODE_A
    sent = world.wait(0.2)
    hedged = [item for item in sent if item.to == NODE_B]
    assert len({item.message.value(h.VIA) for item in hedged}) == 1
    assert "X-Sipfront-Attempt: 2" in hedged[0].text
    (ok,) = [
        item
        for item in world.hear(
            hedged[0].flow, answer(hedged[0], 200, tag="b", contact=f"<sip:600@{NODE_B}:5060>")
        )
        if item.flow is phone
    ]
    assert ok.message.status == 200
    # The dead one wakes up: its 200 is acknowledged and ended, and never passed.
    late = world.hear(first.flow, answer(first, 200, tag="a2", contact=f"<sip:600@{NODE_A}:5060>"))
    assert [item.message.method for item in late] == [b"ACK", b"BYE"]


def test_a_refused_request_is_moved_at_the_decision() -> None:
    """REGISTER waits for the decision and is then sent to the new active node."""
    world = World()
    phone = world.phone()
    (sent,) = world.hear(
        phone,
        request(
            "REGISTER",
            "sip:example.com",
            to="<sip:1001@example.com>",
            contact="<sip:1001@198.51.100.7:5060>;expires=60",
        ),
    )
    assert sent.to == NODE_A
    world.engine.lost(world.nodes[0], world.now, "refused")
    world.now += 0.05
    world.route(1, (NodeState.DOWN, NodeState.UP))
    (moved,) = world.out()
    assert moved.to == NODE_B
    (ok,) = world.hear(
        moved.flow,
        answer(moved, 200, tag="x", contact=(moved.message.value(h.CONTACT) or b"").decode()),
    )
    assert ok.flow is phone
    assert ok.message.status == 200


def test_credentials_of_the_other_node_are_stale_not_wrong() -> None:
    """The phone answers the new challenge without asking its user."""
    world = World()
    phone = world.phone()
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    challenge = 'Digest realm="example.com",nonce="from-a",algorithm=MD5'
    world.hear(first.flow, answer(first, 401, tag="x", extra=f"WWW-Authenticate: {challenge}"))
    world.route(1, (NodeState.DOWN, NodeState.UP))
    credentials = 'Digest username="1001",realm="example.com",nonce="from-a",uri="x",response="y"'
    (second,) = world.hear(
        phone,
        request(
            "INVITE",
            "sip:600@example.com",
            branch="b2",
            cseq=2,
            extra=f"Authorization: {credentials}",
        ),
    )
    assert second.to == NODE_B
    fresh = challenge.replace("from-a", "from-b")
    out = world.hear(second.flow, answer(second, 401, tag="y", extra=f"WWW-Authenticate: {fresh}"))
    (back,) = [item for item in out if item.flow is phone]
    assert back.message.value(h.WWW_AUTHENTICATE) == f"{fresh}, stale=true".encode()
    assert not world.engine.shared.guard.banned(phone.host, world.now)


def test_a_call_that_got_only_100_is_hedged_too() -> None:
    """The node said Trying and froze: the caller does not wait for the decision."""
    world = World()
    phone = world.phone()
    for probe in range(5):
        world.engine.probe(0, probe, world.now)
        (sent,) = world.out()
        world.now += 0.001
        world.hear(sent.flow, answer(sent, 200, tag="x"))
    (first,) = world.hear(phone, request("INVITE", "sip:600@example.com"))
    world.hear(first.flow, answer(first, 100))
    assert world.wait(0.3) == [] or all(item.to == phone.host for item in world.out())
    world.hear(phone, request("INVITE", "sip:601@example.com", branch="b2", call_id="c2"))
    sent = world.wait(0.2)
    hedged = {item.message.call_id for item in sent if item.to == NODE_B}
    assert hedged == {b"c1", b"c2"}


def test_a_node_that_slept_does_not_ring_for_a_call_that_went_on() -> None:
    """Its INVITE names a call whose branch there was given up: the phone is in it already."""
    world = World()
    phone = world.phone()
    callee = world.phone("198.51.100.9", 40001)
    register(world, callee, "sip:1002@192.168.1.9:5060", user="1002")
    (first,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    (call,) = first.message.named(b"x-sipfront-call")
    world.engine.lost(world.nodes[0], world.now, "refused")
    (second,) = world.out()
    assert second.to == NODE_B
    assert second.message.named(b"x-sipfront-call") == [call]
    world.hear(second.flow, answer(second, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))

    def rings(node: int, host: str) -> str:
        return request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{host}:5060",
            branch=f"leg{node}",
            sender=f"<sip:1001@{host}>;tag=n{node}",
            contact=f"<sip:1001@{host}>",
            call_id=f"leg{node}",
            extra=f"X-Sipfront-Call: {call.decode()}",
        )

    (no,) = world.hear(world.nodes[0], rings(0, NODE_A))
    assert (no.to, no.message.status) == (NODE_A, 480)
    (ring,) = world.hear(world.nodes[1], rings(1, NODE_B))
    assert ring.flow is callee


def test_a_draining_node_finishes_what_it_is_setting_up() -> None:
    """The caller's INVITE went to the old node just before the switch-over: it may call the callee."""
    world = World()
    phone = world.phone()
    callee = world.phone("198.51.100.9", 40001)
    register(world, callee, "sip:1002@192.168.1.9:5060", user="1002")
    (first,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    world.hear(first.flow, answer(first, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
    world.route(1, standings=(Standing.DRAINING, Standing.ACTIVE))
    (ring,) = world.hear(
        world.nodes[0],
        request(
            "INVITE",
            f"sip:1002@{INSIDE}:5062",
            via=f"{NODE_A}:5060",
            branch="leg",
            sender=f"<sip:1001@{NODE_A}>;tag=n",
            contact=f"<sip:1001@{NODE_A}>",
            call_id="leg",
        ),
    )
    assert ring.flow is callee
