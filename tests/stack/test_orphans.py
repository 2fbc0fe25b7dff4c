"""Early dialogs whose call went on elsewhere: what their requests are answered."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.sip.message import KNOWN_METHODS, scan
from sipfront.sip.sdp import parse
from sipfront.stack.orphans import REPLIES, Reply, decide
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_tagmap import (
    BODY,
    DOWN,
    FENCED,
    RELIABLE,
    from_carrier,
    moved,
    one_dialog,
    sdp,
)
from tests.stack.world import NODE_A, NODE_B, Sent, World, answer, octets, request

BACK = (NodeState.UP, NodeState.UP)
OTHERS = ("INFO", "REFER", "MESSAGE", "NOTIFY", "SUBSCRIBE")


def rang(world: World, offer: str = "") -> tuple[Sent, Sent]:
    """A phone's call rang reliably at the first node, which died: what it heard, the new INVITE."""
    (invite,) = world.hear(
        world.phone(),
        request("INVITE", "sip:1002@example.com", extra=BODY if offer else "", body=offer),
    )
    (heard,) = world.hear(
        invite.flow,
        answer(invite, 183, tag="a", contact=f"<sip:x@{NODE_A}>", extra=RELIABLE.format(1)),
    )
    world.route(1, DOWN, FENCED)
    _, again = world.out()
    return heard, again


def late(method: str, heard: Sent, branch: str = "l", body: str = "") -> str:
    target = (heard.message.value(h.CONTACT) or b"").decode().strip("<>")
    extra = "\n".join(["RAck: 1 1 INVITE"] * (method == "PRACK") + [BODY] * bool(body))
    return request(
        method,
        target,
        to="<sip:1002@example.com>;tag=a",
        branch=branch,
        cseq=2,
        extra=extra,
        body=body,
    )


@pytest.mark.parametrize("with_body", [False, True])
@pytest.mark.parametrize("method", ["PRACK", "UPDATE", "INVITE", "OPTIONS", "BYE", *OTHERS])
@pytest.mark.parametrize("returned", [False, True])
def test_every_request_has_its_answer(method: str, with_body: bool, returned: bool) -> None:
    """Each row of the table, while the node is away and after it came back: it is not asked."""
    world = World()
    heard, _ = rang(world, sdp("198.51.100.7"))
    if returned:
        world.route(1, BACK, FENCED)
        world.out()
    out = world.hear(world.phone(), late(method, heard, body=sdp("198.51.100.7") * with_body))
    reply = REPLIES.get((method.encode(), with_body), Reply.HOLD)
    if reply is Reply.HOLD:
        assert out == []
        out = [item for item in world.wait(3.2) if item.message.cseq_method == method.encode()]
    (done,) = [item for item in out if item.flow is world.phone()]
    expected = {Reply.AGREE: 200, Reply.ANSWER: 200, Reply.END: 200}.get(reply, 500)
    assert done.message.status == expected
    assert (done.message.value(h.RETRY_AFTER) is not None) == (reply is Reply.LATER)
    assert bool(done.message.body) == (reply is Reply.ANSWER)
    if done.message.body:
        assert [media.port for media in parse(done.message.body).media] == [0]
    assert {item.to for item in out} == {world.phone().host}


def test_the_table_has_both_rows_of_each_method() -> None:
    methods = {method for method, _ in REPLIES}
    assert len(REPLIES) == 2 * len(methods)
    assert methods < KNOWN_METHODS
    for method in KNOWN_METHODS - methods - {b"ACK", b"CANCEL"}:
        head = f"{method.decode()} sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1"
        text = f"{head}\nFrom: <sip:a@b>;tag=b\nTo: <sip:a@b>;tag=o\nCall-ID: c\nCSeq: 1 "
        assert decide(scan(octets(text + method.decode()))) is Reply.HOLD


def test_a_description_in_a_prack_may_be_an_answer() -> None:
    """The INVITE made no offer, the 183 did: the PRACK answers it, and 200 says nothing more."""
    world = World()
    heard, _ = rang(world)
    (done,) = world.hear(world.phone(), late("PRACK", heard, body=sdp("198.51.100.7")))
    assert (done.message.status, done.message.body) == (200, b"")


def test_a_prack_that_was_pending_at_the_dead_node() -> None:
    world = World()
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:1002@example.com"))
    (heard,) = world.hear(
        invite.flow,
        answer(invite, 183, tag="a", contact=f"<sip:x@{NODE_A}>", extra=RELIABLE.format(1)),
    )
    (prack,) = world.hear(phone, late("PRACK", heard))
    (update,) = world.hear(phone, late("UPDATE", heard, "u", sdp("198.51.100.7")))
    assert prack.to == update.to == NODE_A
    world.route(1, DOWN, FENCED)
    answers = {
        item.message.cseq_method: item.message.status for item in world.out() if item.flow is phone
    }
    assert answers == {b"PRACK": 200, b"UPDATE": 500}


def test_after_the_call_was_answered_the_other_early_dialog_is_over() -> None:
    """RFC 3261 13.2.2.4: nobody asks the dead node, which is back, about it."""
    world = World()
    heard, again = rang(world)
    world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    world.route(1, BACK, FENCED)
    world.out()
    answers = []
    for number, method in enumerate(("PRACK", "BYE", "UPDATE")):
        (done,) = world.hear(world.phone(), late(method, heard, f"n{number}"))
        answers.append(done.message.status)
    assert answers == [200, 200, 481]


def test_who_knows_one_dialog_and_says_bye_means_the_call() -> None:
    """RFC 3261 15: the INVITE gets its 487, the second node a CANCEL."""
    world = one_dialog()
    heard, again = moved(world)
    world.hear(again.flow, answer(again, 100))
    out = world.hear(world.carrier, from_carrier("BYE", heard, "y", 2))
    assert [(item.to, item.message.status or item.message.method) for item in out] == [
        (world.carrier.host, 200),
        (NODE_B, b"CANCEL"),
    ]
    out = world.hear(again.flow, answer(again, 487, tag="b"))
    assert [item.message.status for item in out if item.flow is world.carrier] == [487]


def test_it_waits_and_finds_the_node_that_the_call_went_to() -> None:
    """An INFO under the only tag waits until somebody answers under it."""
    world = one_dialog()
    heard, again = moved(world)
    assert world.hear(world.carrier, from_carrier("INFO", heard, "i", 2)) == []
    world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
    world.route(1, DOWN, FENCED)
    (info,) = [item for item in world.out() if item.message.method == b"INFO"]
    assert (info.to, info.message.to_tag) == (NODE_B, b"b")


def test_a_second_move_keeps_the_first_tag() -> None:
    """The second node dies too; the first is back and takes the call."""
    world = one_dialog()
    _, again = moved(world, rseq=3, body=sdp(NODE_A))
    world.hear(
        again.flow,
        answer(again, 183, tag="b", contact=f"<sip:x@{NODE_B}>", extra=RELIABLE.format(70)),
    )
    world.route(0, (NodeState.UP, NodeState.DOWN), (Standing.ACTIVE, Standing.FENCED))
    (third,) = [item for item in world.out() if item.message.method == b"INVITE"]
    assert third.to == NODE_A
    (out,) = world.hear(
        third.flow,
        answer(third, 183, tag="z", contact=f"<sip:x@{NODE_A}>", extra=RELIABLE.format(1)),
    )
    assert (out.message.to_tag, out.message.value(h.RSEQ)) == (b"a", b"5")
    (ok,) = world.hear(third.flow, answer(third, 200, tag="z", contact=f"<sip:x@{NODE_A}>"))
    (ack,) = world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    assert (ack.to, ack.message.to_tag) == (NODE_A, b"z")


def test_nothing_is_left_when_nobody_answers() -> None:
    world = one_dialog()
    _, again = moved(world)
    world.hear(again.flow, answer(again, 180, tag="b", contact=f"<sip:x@{NODE_B}>"))
    world.hear(again.flow, answer(again, 486, tag="b"))
    assert len(world.engine.shared.legs) == 0
    assert not world.engine.shared.legs.renamed
