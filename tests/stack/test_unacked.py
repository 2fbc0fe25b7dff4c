"""Calls that were answered when their node died, before the ACK had passed."""

from __future__ import annotations

import itertools

import pytest

from sipfront.sip import headers as h
from sipfront.sip.sdp import parse
from sipfront.stack.route import NodeState, Standing
from sipfront.stack.unacked import OWED, Owed, Side
from tests.stack.test_front import register
from tests.stack.test_tagmap import BODY, DOWN, FENCED, sdp
from tests.stack.world import INSIDE, NODE_A, NODE_B, Sent, World, answer, request

BACK = (NodeState.UP, NodeState.UP)


def test_every_case_has_its_row() -> None:
    assert set(OWED) == set(itertools.product(Side, (False, True)))
    assert set(OWED.values()) == set(Owed)


def caller_has_it(world: World) -> tuple[Sent, str]:
    """The node's 200 has reached the phone, the phone's ACK has not come."""
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:x@{NODE_A}>"))
    return ok, (ok.message.value(h.CONTACT) or b"").decode().strip("<>")


def said(method: str, target: str, branch: str = "k", cseq: int = 1) -> str:
    return request(method, target, to="<sip:1002@example.com>;tag=n", branch=branch, cseq=cseq)


def test_a_200_is_repeated_until_its_ack() -> None:
    """The packet may have been lost, and the node cannot send it again."""
    world = World()
    ok, target = caller_has_it(world)
    world.route(1, DOWN, FENCED)
    world.route(1, DOWN, FENCED)
    assert world.out() == []
    again = world.wait(1.6)
    assert [item.message.data for item in again] == [ok.message.data] * 2
    assert world.hear(world.phone(), said("ACK", target)) == []
    assert world.wait(40) == []
    assert len(world.engine.legs_of(0)) == 1


def test_without_any_ack_it_ends() -> None:
    """RFC 3261 13.3.1.4: BYE after 64*T1."""
    world = World()
    caller_has_it(world)
    world.route(1, DOWN, FENCED)
    out = world.wait(31)
    assert [item.message.status for item in out] == [200] * 9
    bye = world.wait(5)[-1]
    assert (bye.flow, bye.message.method) == (world.phone(), b"BYE")
    assert b"No ACK" in (bye.message.value(h.REASON) or b"")
    assert len(world.engine.legs_of(0)) == 0


def test_a_call_that_ended_meanwhile_is_not_answered_again() -> None:
    world = World()
    _, target = caller_has_it(world)
    world.route(1, DOWN, FENCED)
    world.hear(world.phone(), said("BYE", target, "y", 2))
    assert world.wait(40) == []


def called(world: World, correlation: str = "", body: str = "") -> tuple[Sent, Sent]:
    """A node has called a phone, which answered; the node has not acknowledged it yet."""
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (invite,) = world.hear(world.nodes[0], call(0, correlation, body))
    (ok,) = world.hear(phone, phone_answers(invite, body))
    assert (ok.to, ok.message.status) == (NODE_A, 200)
    return invite, ok


def phone_answers(invite: Sent, body: str = "") -> str:
    extra = BODY if body else ""
    contact = "<sip:1002@192.168.1.9:5060>"
    return answer(invite, 200, tag="p", contact=contact, extra=extra, body=body)


def call(node: int, correlation: str = "", body: str = "") -> str:
    host = (NODE_A, NODE_B)[node]
    extra = "\n".join([f"X-Sipfront-Call: {correlation}"] * bool(correlation))
    return request(
        "INVITE",
        f"sip:1002@{INSIDE}:5062",
        via=f"{host}:5060",
        branch=f"n{node}",
        call_id=f"n{node}",
        sender=f"<sip:1001@{host}>;tag=n{node}",
        contact=f"<sip:1001@{host}:5060>",
        extra=extra,
    )


def test_the_called_phone_gets_its_ack_when_the_caller_is_up() -> None:
    """It is an established call; what comes of it says rescue."""
    world = World()
    invite, _ = called(world)
    world.route(1, DOWN, FENCED)
    (ack,) = world.out()
    assert (ack.to, ack.message.method, ack.message.cseq) == ("198.51.100.9", b"ACK", 1)
    assert ack.text.startswith("ACK sip:1002@192.168.1.9:5060 SIP/2.0")
    assert ack.message.to_tag == b"p"
    (ack,) = world.hear(ack.flow, phone_answers(invite))  # it came again: it had been lost
    assert ack.message.method == b"ACK"
    assert len(world.engine.legs_of(0)) == 1


def test_an_offer_in_the_200_is_refused() -> None:
    """RFC 3261 13.2.1: the ACK must answer it; port 0, because nobody here has media."""
    world = World()
    called(world, body=sdp("192.168.1.9"))
    world.route(1, DOWN, FENCED)
    (ack,) = world.out()
    assert [media.port for media in parse(ack.message.body).media] == [0]
    assert ack.message.value(h.CONTENT_TYPE) == b"application/sdp"


@pytest.mark.parametrize("answers", [True, False])
def test_the_called_phone_is_called_anew_when_the_caller_went_on(answers: bool) -> None:
    """ACK and BYE; the other node's INVITE waits until the phone has hung up, 0.5 s at most."""
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    world.hear(invite.flow, answer(invite, 180, tag="n", contact=f"<sip:x@{NODE_A}>"))
    (mark,) = invite.message.named(b"x-sipfront-call")
    called(world, mark.decode())
    world.route(1, DOWN, FENCED)
    out = world.out()
    found = [(item.to, item.message.method) for item in out]
    assert found == [
        (NODE_A, b"CANCEL"),
        (NODE_B, b"INVITE"),
        ("198.51.100.9", b"ACK"),
        ("198.51.100.9", b"BYE"),
    ]
    bye = out[3]
    assert bye.message.cseq == 2
    assert world.hear(world.nodes[1], call(1, mark.decode())) == []
    if answers:
        (again,) = world.hear(bye.flow, answer(bye, 200))
    else:
        again = next(
            item for item in world.wait(0.6) if item.text.startswith("INVITE sip:1002@192")
        )
    assert (again.to, again.message.call_id) == ("198.51.100.9", b"n1")
    # The old node wakes up and says what it has to say: nobody is called back.
    world.route(1, BACK, (Standing.DRAINING, Standing.ACTIVE))
    told = [item.message.method for item in world.out() if item.to == NODE_A]
    assert told == [b"BYE"]


def test_an_acknowledged_call_is_left_alone() -> None:
    world = World()
    _, ok = called(world)
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (ack,) = world.hear(
        world.nodes[0],
        request(
            "ACK",
            target,
            via=f"{NODE_A}:5060",
            call_id="n0",
            sender=f"<sip:1001@{NODE_A}>;tag=n0",
            to=f"<sip:1002@{INSIDE}:5062>;tag=p",
        ),
    )
    assert ack.message.method == b"ACK"
    assert not world.engine.shared.legs.unacked
    world.route(1, DOWN, FENCED)
    assert world.out() == []


def test_a_late_200_with_an_offer() -> None:
    """A phone that was told to stop ringing answers all the same: ACK with port 0, then BYE."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    (invite,) = world.hear(world.nodes[0], call(0))
    world.hear(phone, answer(invite, 180, tag="p", contact="<sip:1002@192.168.1.9:5060>"))
    world.route(1, DOWN, FENCED)
    world.out()
    ack, bye = world.hear(phone, phone_answers(invite, sdp("192.168.1.9")))
    assert (ack.message.method, bye.message.method) == (b"ACK", b"BYE")
    assert [media.port for media in parse(ack.message.body).media] == [0]
    assert bye.message.body == b""
    again = world.hear(phone, phone_answers(invite, sdp("192.168.1.9")))
    assert [item.message.method for item in again] == [b"ACK"]
