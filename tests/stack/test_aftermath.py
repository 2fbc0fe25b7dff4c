"""Stories of a node that was given up: who rang goes on ringing, who talked is told."""

from __future__ import annotations

from sipfront.rescue.calls import Fate, Verdict, given_up
from sipfront.sip import headers as h
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_front import register
from tests.stack.world import INSIDE, NODE_A, NODE_B, World, answer, request

DOWN = (NodeState.DOWN, NodeState.UP)
FENCED = (Standing.FENCED, Standing.ACTIVE)


def verdicts(world: World) -> list[Verdict]:
    """What becomes of the dialogs of the first node."""
    found = given_up(0, world.engine.care.live(), (), (NODE_A.encode(),))
    return [verdict for verdict in found if verdict is not None]


def test_a_caller_who_heard_it_ring_is_moved() -> None:
    """The second node rings in a second early dialog; the caller does not redial."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    (ringing,) = world.hear(invite.flow, answer(invite, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
    assert ringing.message.to_tag == b"a"
    world.route(1, DOWN, FENCED)
    cancel, again = world.out()
    assert (cancel.to, cancel.message.method) == (NODE_A, b"CANCEL")  # for when it wakes up
    assert again.to == NODE_B
    assert again.message.named(b"x-sipfront-attempt") == [b"2"]
    (ringing,) = world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
    assert ringing.flow is phone
    assert ringing.message.to_tag == b"b"
    (ok,) = world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    assert ok.message.status == 200


def test_a_stale_prack_is_answered_here() -> None:
    """The early dialog of the dead node still gets an answer, from us."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    (ringing,) = world.hear(
        invite.flow,
        answer(invite, 183, tag="a", contact=f"<sip:x@{NODE_A}>", extra="RSeq: 1\nRequire: 100rel"),
    )
    target = (ringing.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.route(1, DOWN, FENCED)
    world.out()
    (ok,) = world.hear(
        phone,
        request(
            "PRACK",
            target,
            branch="p",
            to="<sip:1002@example.com>;tag=a",
            cseq=2,
            extra="RAck: 1 1 INVITE",
        ),
    )
    assert ok.message.status == 200


def test_a_phone_that_the_dead_node_rang_is_rung_by_the_other() -> None:
    """CANCEL with a Reason; the new INVITE waits for the 487 of the old one."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    uri = f"sip:1002@{INSIDE}:5062"

    def node_calls(node: int, host: str, branch: str) -> str:
        return request(
            "INVITE",
            uri,
            via=f"{host}:5060",
            branch=branch,
            call_id=f"n{node}",
            sender=f"<sip:1001@{host}>;tag=n{node}",
            contact=f"<sip:1001@{host}:5060>",
        )

    (first,) = world.hear(world.nodes[0], node_calls(0, NODE_A, "na"))
    world.hear(phone, answer(first, 180, tag="p", contact="<sip:1002@192.168.1.9:5060>"))
    world.route(1, DOWN, FENCED)
    (cancel,) = world.out()
    assert cancel.message.method == b"CANCEL"
    assert b"Call completed elsewhere" in (cancel.message.value(h.REASON) or b"")
    assert world.hear(world.nodes[1], node_calls(1, NODE_B, "nb")) == []
    world.hear(phone, answer(cancel, 200, tag="p"))
    out = world.hear(phone, answer(first, 487, tag="p"))
    assert [item.message.method for item in out] == [b"ACK", b"INVITE"]
    assert out[1].message.call_id == b"n1"


def test_a_phone_that_does_not_answer_the_cancel_is_rung_after_half_a_second() -> None:
    """0.5 s at most."""
    world = World()
    phone = world.phone("198.51.100.9", 40001)
    register(world, phone, "sip:1002@192.168.1.9:5060", user="1002")
    text = request(
        "INVITE",
        f"sip:1002@{INSIDE}:5062",
        via=f"{NODE_A}:5060",
        sender=f"<sip:1001@{NODE_A}>;tag=n",
        contact=f"<sip:1001@{NODE_A}>",
    )
    (first,) = world.hear(world.nodes[0], text)
    world.hear(phone, answer(first, 180, tag="p", contact="<sip:1002@192.168.1.9>"))
    world.route(1, DOWN, FENCED)
    world.out()
    world.hear(world.nodes[1], text.replace(NODE_A, NODE_B).replace("c1", "c2"))
    assert [s.message.method for s in world.wait(0.45)].count(b"INVITE") == 0
    assert [s.message.method for s in world.wait(0.1)].count(b"INVITE") == 1


def test_calls_of_a_lost_node_end_with_a_bye() -> None:
    """Correct tags, a CSeq that goes up, the phone's real Contact; and later a BYE for the node."""
    world = World()
    phone = world.phone("198.51.100.7", 40001)
    (invite,) = world.hear(
        phone,
        request(
            "INVITE",
            "sip:600@example.com",
            contact="<sip:1001@192.168.1.7:5060>",
            extra="Record-Route: <sip:p1.example.org;lr>\nRecord-Route: <sip:p2.example.org;lr>",
        ),
    )
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    assert NODE_A not in ok.text
    world.route(1, DOWN, FENCED)
    (verdict,) = verdicts(world)
    assert verdict.fate is Fate.END
    world.engine.care.end(verdict.leg, world.now, verdict.reason)
    (bye,) = world.out()
    assert bye.flow is phone
    assert bye.text.startswith("BYE sip:1001@192.168.1.7:5060 SIP/2.0")
    assert bye.message.from_tag == b"n"
    assert bye.message.to_tag == b"a"
    assert bye.message.cseq >= 1
    assert bye.message.value(h.ROUTE) == b"<sip:p1.example.org;lr>, <sip:p2.example.org;lr>"
    assert b"Q.850;cause=41" in (bye.message.value(h.REASON) or b"")
    # The phone hangs up at the same moment: 200, not 481.
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (done,) = world.hear(
        phone, request("BYE", target, branch="x", to="<sip:600@example.com>;tag=n", cseq=2)
    )
    assert done.message.status == 200
    # The node comes back and is told that this call is over.
    world.route(1, (NodeState.UP, NodeState.UP), FENCED, (False, True))
    (told,) = world.out()
    assert told.to == NODE_A
    assert told.text.startswith(f"BYE sip:600@{NODE_A} SIP/2.0")
    assert told.message.from_tag == b"a"
    assert told.message.cseq == 2


def test_a_subscription_is_renewed() -> None:
    """NOTIFY terminated;reason=deactivated (RFC 6665 4.4.1)."""
    world = World()
    phone = world.phone()
    (sub,) = world.hear(
        phone, request("SUBSCRIBE", "sip:1002@example.com", extra="Event: dialog\nExpires: 300")
    )
    world.hear(sub.flow, answer(sub, 200, tag="n", contact=f"<sip:1002@{NODE_A}>"))
    world.route(1, DOWN, FENCED)
    (verdict,) = verdicts(world)
    assert verdict.fate is Fate.RENEW
    world.engine.care.end(verdict.leg, world.now, verdict.reason)
    (notify,) = world.out()
    assert notify.message.method == b"NOTIFY"
    assert notify.message.value(h.SUBSCRIPTION_STATE) == b"terminated;reason=deactivated"
    assert notify.message.value(h.EVENT) == b"dialog"
    assert NODE_A not in notify.text


def test_a_hang_up_while_the_node_is_frozen_reaches_it_later() -> None:
    """The phone has its 200 at once; the node hears of it when it wakes up."""
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:x@{NODE_A}>"))
    target = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    world.route(1, DOWN, (Standing.DRAINING, Standing.ACTIVE))
    (done,) = world.hear(
        phone, request("BYE", target, branch="y", to="<sip:1002@example.com>;tag=n", cseq=2)
    )
    assert (done.flow, done.message.status) == (phone, 200)
    world.route(1, (NodeState.UP, NodeState.UP), (Standing.DRAINING, Standing.ACTIVE))
    (told,) = world.out()
    assert (told.to, told.message.method, told.message.cseq) == (NODE_A, b"BYE", 3)
