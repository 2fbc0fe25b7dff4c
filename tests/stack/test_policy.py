"""What a node may start, standing by standing."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.stack.flows import Flow
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_front import register
from tests.stack.world import CARRIER, FRONT, INSIDE, NODE_A, NODE_B, Sent, World, answer, request

ACTIVE, STANDBY = Standing.ACTIVE, Standing.STANDBY
DRAINING, FENCED = Standing.DRAINING, Standing.FENCED


def world_with(standing: Standing) -> tuple[World, Flow]:
    """Node 0 has the standing; a phone is registered."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    if standing != ACTIVE:
        world.route(1, standings=(standing, ACTIVE))
        world.out()
    return world, phone


def start(world: World, method: str, to: str, **more: str) -> Sent:
    (sent,) = world.hear(
        world.nodes[0],
        request(
            method,
            to,
            via=f"{NODE_A}:5060",
            branch=more.pop("branch", "n1"),
            sender=f"<sip:600@{NODE_A}>;tag=n",
            call_id=more.pop("call_id", "n1"),
            contact=f"<sip:600@{NODE_A}>",
            **more,  # type: ignore[arg-type]
        ),
    )
    return sent


PHONE, TRUNK = f"sip:1002@{INSIDE}:5062", f"sip:0123@{CARRIER}"


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "SUBSCRIBE"])
@pytest.mark.parametrize("to", [PHONE, TRUNK])
@pytest.mark.parametrize("standing", list(Standing))
def test_new_requests(standing: Standing, to: str, method: str) -> None:
    """Refused with 503 and Retry-After, never 403 or 404."""
    world, phone = world_with(standing)
    world.now += 40  # a phone that was heard just now need not be asked
    sent = start(world, method, to)
    qualify = standing in (STANDBY, DRAINING) and method == "OPTIONS" and to == PHONE
    if standing == ACTIVE or qualify:
        assert sent.flow is (phone if to == PHONE else world.carrier)
        return
    assert sent.flow is world.nodes[0]
    assert sent.message.status == 503
    after = int(sent.message.value(h.RETRY_AFTER) or b"0")
    assert 5 <= after <= 10


def test_a_draining_node_with_a_call_may_go_on() -> None:
    """A queue or a transfer on it makes new INVITEs; without a call it may not."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    world.route(1, standings=(DRAINING, ACTIVE))
    sent = start(world, "INVITE", TRUNK)
    assert sent.flow is world.carrier
    world.hear(sent.flow, answer(sent, 486, tag="t"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (bye,) = world.hear(
        phone, request("BYE", target, branch="b", cseq=2, to=f"<sip:600@{FRONT}>;tag=n")
    )
    world.hear(bye.flow, answer(bye, 200))
    sent = start(world, "INVITE", TRUNK, branch="n2", call_id="n2")
    assert sent.message.status == 503


def test_a_standby_starts_what_follows_from_a_hedge() -> None:
    """And never more at once than the calls that it was given."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    world.hear(world.phone(), request("INVITE", f"sip:1002@{FRONT}"))
    world.route(0, (NodeState.SUSPECT, NodeState.UP))
    world.engine.lost(world.nodes[0], world.now, "refused")
    (hedge,) = world.out()
    assert hedge.flow is world.nodes[1]

    def standby_calls(number: int) -> Sent:
        (sent,) = world.hear(
            world.nodes[1],
            request(
                "INVITE",
                PHONE,
                via="10.0.0.12:5060",
                branch=f"s{number}",
                call_id=f"s{number}",
                sender="<sip:600@10.0.0.12>;tag=s",
                contact="<sip:600@10.0.0.12>",
            ),
        )
        return sent

    assert standby_calls(1).flow is phone
    assert standby_calls(2).message.status == 503


@pytest.mark.parametrize(
    ("standing", "passes"), [(DRAINING, True), (STANDBY, True), (FENCED, False)]
)
def test_requests_in_a_dialog(standing: Standing, passes: bool) -> None:
    """They go on, but for a fenced node: 481."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", f"sip:600@{FRONT}"))
    inside = (invite.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    world.route(1, standings=(standing, ACTIVE))
    (sent,) = world.hear(
        world.nodes[0],
        request(
            "INFO",
            inside,
            via=f"{NODE_A}:5060",
            branch="i",
            sender=f"<sip:600@{FRONT}>;tag=n",
            to="<sip:1001@example.com>;tag=a",
            contact="",
        ),
    )
    if passes:
        assert sent.flow is phone
    else:
        assert (sent.flow, sent.message.status) == (world.nodes[0], 481)


def test_options_to_a_phone_that_is_gone_is_not_answered() -> None:
    """Asterisk takes any answer as reachable."""
    world = World()
    assert (
        world.hear(
            world.nodes[0],
            request("OPTIONS", f"sip:1999@{INSIDE}:5062", via=f"{NODE_A}:5060", contact=""),
        )
        == []
    )
    (no,) = world.hear(
        world.nodes[0],
        request("INVITE", f"sip:1999@{INSIDE}:5062", via=f"{NODE_A}:5060", branch="i", call_id="i"),
    )
    assert no.message.status == 480


def calls_out(world: World, node: int, number: str = "0123", **more: str | int) -> Sent:
    """A node calls somebody at the trunk."""
    host = (NODE_A, NODE_B)[node]
    given: dict[str, str | int] = {
        "via": f"{host}:5060",
        "branch": f"o{node}{number}",
        "call_id": f"o{node}{number}",
        "sender": f"<sip:1002@{host}>;tag=o{node}",
        "contact": f"<sip:1002@{host}>",
    }
    (sent,) = world.hear(
        world.nodes[node],
        request("INVITE", f"sip:{number}@{CARRIER}", **(given | more)),  # type: ignore[arg-type]
    )
    return sent


def hedged() -> tuple[World, Sent]:
    """A call that the standby was given as well."""
    world = World()
    world.hear(world.phone(), request("INVITE", "sip:600@example.com"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    (sent,) = world.out()
    assert sent.to == NODE_B
    return world, sent


def test_a_standby_answers_the_challenge_of_its_trunk() -> None:
    """The same call again is not one more."""
    world, _ = hedged()
    first = calls_out(world, 1)
    assert first.flow is world.carrier
    assert calls_out(world, 1, "0124").message.status == 503
    challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n"'
    world.hear(world.carrier, answer(first, 407, tag="t", extra=challenge))
    assert calls_out(world, 1, branch="again", cseq=2).flow is world.carrier


def test_a_failed_call_of_a_standby_makes_room_for_another() -> None:
    world, _ = hedged()
    world.hear(world.carrier, answer(calls_out(world, 1), 486, tag="t"))
    assert calls_out(world, 1, "0124").flow is world.carrier


def test_an_emergency_call_is_not_refused() -> None:
    """Neither to a draining node nor to a standby; a fenced one starts nothing."""
    world = World()
    world.route(1, standings=(DRAINING, ACTIVE))
    assert calls_out(world, 0, "0123").message.status == 503
    assert calls_out(world, 0, "112").flow is world.carrier
    world.route(0, standings=(ACTIVE, STANDBY))
    assert calls_out(world, 1, "112").flow is world.carrier
    world.route(0, standings=(ACTIVE, FENCED))
    assert calls_out(world, 1, "112", branch="f", call_id="f").message.status == 503


def test_a_node_that_slept_does_not_ring_for_a_call_that_went_on() -> None:
    """It goes on with what it read when it wakes up; the phone is in that very call already."""
    world, second = hedged()
    (call,) = second.message.named(b"x-sipfront-call")
    world.hear(second.flow, answer(second, 200, tag="b", contact=f"<sip:600@{NODE_B}>"))
    late = calls_out(world, 0, extra=f"X-Sipfront-Call: {call.decode()}")
    assert late.message.status == 480
    assert calls_out(world, 0, "0124").flow is world.carrier


@pytest.mark.parametrize("standing", [ACTIVE, STANDBY, DRAINING])
def test_a_phone_heard_lately_is_not_asked_for_the_standby(standing: Standing) -> None:
    """The active node always asks the phone itself: it measures how far away that is."""
    world, phone = world_with(standing)
    sent = start(world, "OPTIONS", PHONE)
    if standing == ACTIVE:
        assert sent.flow is phone
        return
    assert (sent.flow, sent.message.status) == (world.nodes[0], 200)
    world.now += 31
    assert start(world, "OPTIONS", PHONE, branch="n2", call_id="n2").flow is phone


@pytest.mark.parametrize("standing", [ACTIVE, STANDBY])
def test_a_phone_whose_connection_is_gone_answers_no_qualify(standing: Standing) -> None:
    """Any answer would say that it is there: to Asterisk a 480 too."""
    world = World()
    flow = world.flows.stream(world.tcp, "198.51.100.9", 40001, handle=object())
    register(world, flow, "sip:1002@198.51.100.9:40001;transport=tcp", user="1002")
    world.route(1, standings=(standing, Standing.STANDBY if standing == ACTIVE else ACTIVE))
    world.out()
    world.flows.dropped(flow)
    world.engine.lost(flow, world.now, "closed")
    world.out()
    text = request(
        "OPTIONS", PHONE, via=f"{NODE_A}:5060", sender=f"<sip:600@{NODE_A}>;tag=n", contact=""
    )
    assert world.hear(world.nodes[0], text) == []
