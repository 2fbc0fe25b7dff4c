"""A caller that holds the description of a dead node is told the new one: stories and the table."""

from __future__ import annotations

import itertools

import pytest

from sipfront.sip import headers as h
from sipfront.stack.notices import Note
from sipfront.stack.reinvite import MAX_TRIES, TABLE, Action, Event, Round, State
from tests.stack.test_tagmap import (
    BODY,
    carrier_calls,
    from_carrier,
    moved,
    one_dialog,
    sdp,
)
from tests.stack.world import CARRIER, NODE_A, NODE_B, Sent, World, answer, request

OF_NODE = sdp(NODE_B, 5000, session=5)


def up(world: World, extra: str = "") -> tuple[Sent, Sent, list[Sent]]:
    """The moved call is answered and acknowledged: INVITE at the node, 200 outside, what follows."""
    _, again = moved(world, body=sdp(NODE_A, session=99, version=9))
    (ok,) = world.hear(
        again.flow,
        answer(
            again,
            200,
            tag="b",
            contact=f"<sip:x@{NODE_B}>",
            extra=f"{BODY}\n{extra}".strip(),
            body=OF_NODE,
        ),
    )
    out = world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    assert (out[0].to, out[0].message.method) == (NODE_B, b"ACK")
    return again, ok, out[1:]


def taken(invite: Sent, port: int = 4000) -> str:
    """The carrier's answer to our re-INVITE."""
    return answer(
        invite, 200, contact=f"<sip:{CARRIER}:5060>", extra=BODY, body=sdp(CARRIER, port, version=2)
    )


def counters(world: World) -> dict[str, int]:
    return world.engine.counters


def test_right_after_the_ack() -> None:
    """RFC 3264 8: the dead node's session, a higher version, the new node's media."""
    world = one_dialog()
    _, ok, out = up(world)
    (invite,) = out
    message = invite.message
    assert (invite.flow, message.method) == (world.carrier, b"INVITE")
    assert (message.from_tag, message.to_tag, message.cseq) == (b"a", b"c", 1)
    assert message.value(h.CONTACT) == ok.message.value(h.CONTACT)
    assert f"o=- 99 10 IN IP4 {NODE_A}".encode() in message.body
    assert f"c=IN IP4 {NODE_B}".encode() in message.body
    assert b"m=audio 5000 " in message.body
    (ack,) = world.hear(world.carrier, taken(invite))
    assert (ack.flow, ack.message.method, ack.message.cseq) == (world.carrier, b"ACK", 1)
    assert counters(world)["moved calls told the new description"] == 1
    (ack,) = world.hear(world.carrier, taken(invite))  # it was lost
    assert ack.message.method == b"ACK"
    (leg,) = world.engine.legs_of(1)
    assert leg.session is not None
    assert b"m=audio 5000 " in leg.session.inside_sdp
    # And the call goes on in order: the node's first request is above ours.
    (bye,) = world.hear(world.carrier, from_carrier("BYE", ok, "y", 2))
    assert bye.to == NODE_B


def test_nothing_was_told_nothing_is_to_be_told() -> None:
    world = one_dialog()
    _, again = moved(world)
    (ok,) = world.hear(
        again.flow,
        answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>", extra=BODY, body=OF_NODE),
    )
    assert len(world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))) == 1


def test_a_call_that_was_not_moved_is_left_alone() -> None:
    world = one_dialog()
    invite = carrier_calls(world, sdp(CARRIER))
    for status in (183, 200):
        (ok,) = world.hear(
            invite.flow,
            answer(
                invite, status, tag="a", contact=f"<sip:x@{NODE_A}>", extra=BODY, body=sdp(NODE_A)
            ),
        )
    assert len(world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))) == 1


def test_the_node_is_told_where_the_caller_answers_otherwise() -> None:
    """Another port: the node is re-INVITEd in the caller's place; the CSeqs go on."""
    world = one_dialog()
    _, ok, (invite,) = up(world)
    ack, inward = world.hear(world.carrier, taken(invite, 4010))
    assert ack.message.method == b"ACK"
    message = inward.message
    assert (inward.to, message.method) == (NODE_B, b"INVITE")
    assert (message.from_tag, message.to_tag, message.cseq) == (b"c", b"b", 2)
    assert b"m=audio 4010 " in message.body
    (ack,) = world.hear(
        inward.flow,
        answer(inward, 200, contact=f"<sip:x@{NODE_B}>", extra=BODY, body=OF_NODE),
    )
    assert (ack.to, ack.message.method, ack.message.cseq) == (NODE_B, b"ACK", 2)
    assert "moved calls of two minds" not in counters(world)
    # The carrier's own next request has a number that the node has already seen.
    (info,) = world.hear(world.carrier, from_carrier("INFO", ok, "i", 2))
    assert info.message.cseq == 3
    (done,) = world.hear(info.flow, answer(info, 200))
    assert done.message.value(h.CSEQ) == b"2 INFO"


def test_a_node_that_then_says_something_else() -> None:
    world = one_dialog()
    _, _, (invite,) = up(world)
    _, inward = world.hear(world.carrier, taken(invite, 4010))
    body = sdp(NODE_B, 5002, session=5, version=2)
    world.hear(inward.flow, answer(inward, 200, contact=f"<sip:x@{NODE_B}>", extra=BODY, body=body))
    assert counters(world)["moved calls of two minds"] == 1


def test_the_caller_is_in_the_middle_of_its_own() -> None:
    """491: again after a while that was not chosen by both (RFC 3261 14.1)."""
    world = one_dialog()
    _, _, (invite,) = up(world)
    (ack,) = world.hear(world.carrier, answer(invite, 491))
    assert ack.message.method == b"ACK"
    again = [item for item in world.wait(2.2) if item.message.method == b"INVITE"]
    assert [item.message.cseq for item in again][:1] == [2]
    (ack,) = world.hear(world.carrier, taken(again[0]))
    assert (ack.message.method, ack.message.cseq) == (b"ACK", 2)
    assert counters(world)["moved calls told the new description"] == 1


def test_later_is_later() -> None:
    world = one_dialog()
    _, _, (invite,) = up(world)
    world.hear(world.carrier, answer(invite, 500, extra="Retry-After: 3"))
    assert [item for item in world.wait(2.9) if item.message.method == b"INVITE"] == []
    assert [item.message.cseq for item in world.wait(0.2)] == [2]


@pytest.mark.parametrize(
    ("status", "extra"), [(488, ""), (500, ""), (503, "Retry-After: 3600"), (481, ""), (401, "")]
)
def test_a_refusal_ends_nothing(status: int, extra: str) -> None:
    """The call goes on; it is counted and told."""
    world = one_dialog()
    _, ok, (invite,) = up(world)
    (ack,) = world.hear(world.carrier, answer(invite, status, extra=extra))
    assert ack.message.method == b"ACK"
    assert counters(world)["re-INVITEs for a moved call that failed"] == 1
    told = [note for note in world.log if isinstance(note, Note) and "description" in note.event]
    assert [note.detail for note in told] == [f"caller: status {status}"]
    (info,) = world.hear(world.carrier, from_carrier("INFO", ok, "i", 2))
    assert info.to == NODE_B


@pytest.mark.parametrize("rings", [False, True])
def test_no_answer_at_all(rings: bool) -> None:
    """64*T1, and as long again for the CANCEL when it rings."""
    world = one_dialog()
    _, ok, (invite,) = up(world)
    if rings:
        world.hear(world.carrier, answer(invite, 100))
    out = world.wait(70)
    cancels = [item for item in out if item.message.method == b"CANCEL"]
    assert any(item.flow is world.carrier for item in cancels) is rings
    assert counters(world)["re-INVITEs for a moved call that failed"] == 1
    (info,) = world.hear(world.carrier, from_carrier("INFO", ok, "i", 2))
    assert info.to == NODE_B


def test_a_200_without_an_answer() -> None:
    world = one_dialog()
    _, _, (invite,) = up(world)
    (ack,) = world.hear(world.carrier, answer(invite, 200, contact=f"<sip:{CARRIER}>"))
    assert ack.message.method == b"ACK"
    assert counters(world)["re-INVITEs for a moved call that failed"] == 1


def test_what_crosses_ours_is_pending() -> None:
    """RFC 3261 14.2, RFC 3311 5.2: 491 to both ends while ours is under way; all else passes."""
    world = one_dialog()
    again, ok, (invite,) = up(world)
    contact = (again.message.value(h.CONTACT) or b"").decode().strip("<>")

    def of_node(method: str, branch: str, body: str = "") -> list[Sent]:
        return world.hear(
            world.nodes[1],
            request(
                method,
                contact,
                via=f"{NODE_B}:5060",
                branch=branch,
                contact=f"<sip:x@{NODE_B}>",
                sender="<sip:1001@example.com>;tag=b",
                to="<sip:49@example.org>;tag=c",
                cseq=7,
                extra=BODY if body else "",
                body=body,
            ),
        )

    (no,) = world.hear(world.carrier, from_carrier("INVITE", ok, "r", 2))
    assert (no.flow, no.message.status) == (world.carrier, 491)
    (no,) = of_node("INVITE", "n1", OF_NODE)
    assert (no.to, no.message.status) == (NODE_B, 491)
    (no,) = of_node("UPDATE", "n2", OF_NODE)
    assert no.message.status == 491
    (passed,) = of_node("UPDATE", "n3")
    assert passed.flow is world.carrier
    world.hear(world.carrier, taken(invite))
    (passed,) = of_node("INVITE", "n4", OF_NODE)
    assert passed.flow is world.carrier


def test_a_node_that_tells_it_itself() -> None:
    """Its own re-INVITE is under way when the ACK comes again: ours is not needed any more."""
    world = one_dialog()
    again, _, (invite,) = up(world)
    world.hear(world.carrier, answer(invite, 491))
    contact = (again.message.value(h.CONTACT) or b"").decode().strip("<>")
    (theirs,) = world.hear(
        world.nodes[1],
        request(
            "INVITE",
            contact,
            via=f"{NODE_B}:5060",
            branch="n",
            contact=f"<sip:x@{NODE_B}>",
            sender="<sip:1001@example.com>;tag=b",
            to="<sip:49@example.org>;tag=c",
            cseq=7,
            extra=BODY,
            body=OF_NODE,
        ),
    )
    assert theirs.flow is world.carrier
    assert [item for item in world.wait(2.1) if item.message.cseq == 2] == []
    world.hear(world.carrier, taken(theirs))
    later = [item for item in world.wait(10) if item.message.method == b"INVITE"]
    assert later == []
    assert "re-INVITEs for a moved call that failed" not in counters(world)


def test_the_call_ends_meanwhile() -> None:
    world = one_dialog()
    _, ok, (invite,) = up(world)
    (bye,) = world.hear(world.carrier, from_carrier("BYE", ok, "y", 2))
    world.hear(bye.flow, answer(bye, 200))
    (ack,) = world.hear(world.carrier, taken(invite))
    assert ack.message.method == b"ACK"
    assert "moved calls told the new description" not in counters(world)
    assert [item for item in world.wait(40) if item.flow is world.carrier] == []


def test_it_does_not_try_for_ever() -> None:
    world = one_dialog()
    _, _, (invite,) = up(world)
    tries = [invite]
    while tries[-1] is not None and len(tries) < 20:
        world.hear(world.carrier, answer(tries[-1], 491))
        found = [item for item in world.wait(2.2) if item.message.method == b"INVITE"]
        if not found:
            break
        tries.append(found[0])
    assert len(tries) == MAX_TRIES
    assert counters(world)["re-INVITEs for a moved call that failed"] == 1


def test_the_session_timer_goes_on() -> None:
    """RFC 4028: the caller refreshes; in our re-INVITE it is the one that is asked."""
    world = one_dialog()
    _, _, (invite,) = up(world, "Session-Expires: 1800;refresher=uac")
    assert invite.message.value(h.SESSION_EXPIRES) == b"1800;refresher=uas"
    assert invite.message.value(h.SUPPORTED) == b"timer"


def test_every_pair_of_the_table() -> None:
    """A pair that is absent changes nothing and is counted; the others do what they say."""
    for state, event in itertools.product(State, Event):
        world = one_dialog()
        up(world)
        owner = world.engine._proxy.reinvites
        (one,) = owner._rounds.values()
        one.state = state
        one.wanted = 1
        before = dict(counters(world))
        final = world.engine._layer.clients  # our INVITE among them
        assert any(client.task is one for client in final.values())
        owner.step(one, event, None, world.now)
        row = TABLE.get((state, event))
        if row is None:
            assert one.state == state
            assert counters(world)["absorbed: re-INVITE"] == 1
            continue
        assert one.state == row[0]
        changed = {name for name, n in counters(world).items() if before.get(name) != n}
        assert ("re-INVITEs for a moved call" in changed) == (row[1] is Action.SEND)
        assert ("re-INVITEs for a moved call that failed" in changed) == (
            row[1] in (Action.GIVE_UP, Action.END)
        )
        waits = row[1] in (Action.WAIT, Action.RETRY, Action.RETRY_LATER)
        assert (one.until > 0) == waits
        assert (one.leg in owner._rounds) == (row[0] is not State.OVER)
        assert isinstance(one, Round)


def test_a_reliable_183_was_the_answer_for_good() -> None:
    """RFC 3262: acknowledged by PRACK; the session knows it, and learns the new one."""
    world = one_dialog()
    _, again = moved(world, rseq=4, body=sdp(NODE_A, session=99))
    (ok,) = world.hear(
        again.flow,
        answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>", extra=BODY, body=OF_NODE),
    )
    _, invite = world.hear(world.carrier, from_carrier("ACK", ok, "k", 1))
    (leg,) = world.engine.legs_of(1)
    assert leg.session is not None
    assert NODE_A.encode() in leg.session.inside_sdp
    world.hear(world.carrier, taken(invite))
    assert b"m=audio 5000 " in leg.session.inside_sdp
