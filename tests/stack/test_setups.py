"""What the next front is told of an INVITE under way, and how it goes on."""

from __future__ import annotations

import pytest

from sipfront.sip import headers as h
from sipfront.sip.errors import Malformed, SipError
from sipfront.stack.refusal import Refusal
from sipfront.stack.setups import ANSWERED, FAILED, TOLD, Held, News
from tests.stack.world import CARRIER, NODE_A, NODE_B, Sent, World, answer, octets, request

INVITE = request("INVITE", "sip:600@example.com")


def asked(world: World, text: str = INVITE) -> Sent:
    world.engine.shared.setups.news = []
    (sent,) = world.hear(world.phone(), text)
    return sent


def news(world: World) -> list[News]:
    found, world.engine.shared.setups.news = world.engine.shared.setups.news, []
    assert found is not None
    return found


def test_nothing_is_told_before_the_caller_was() -> None:
    world = World()
    sent = asked(world)
    assert news(world) == []
    world.hear(sent.flow, answer(sent, 180, tag="n"))
    (told,) = news(world)
    assert (told.kind, told.node, told.flow) == (TOLD, 0, world.phone())
    assert told.octets.startswith(b"INVITE sip:600@example.com SIP/2.0")
    world.hear(sent.flow, answer(sent, 183, tag="n"))
    assert news(world) == []


def test_our_own_100_is_something() -> None:
    world = World()
    asked(world)
    world.wait(0.3)
    assert [one.kind for one in news(world)] == [TOLD]


@pytest.mark.parametrize(("status", "kinds"), [(200, [ANSWERED]), (486, [FAILED])])
def test_how_it_ends_is_told(status: int, kinds: list[int]) -> None:
    world = World()
    sent = asked(world)
    world.hear(sent.flow, answer(sent, 180, tag="n"))
    news(world)
    text = answer(sent, status, tag="n", contact=f"<sip:600@{NODE_A}>")
    world.hear(sent.flow, text)
    found = news(world)
    assert [one.kind for one in found] == kinds
    world.hear(sent.flow, text)  # again
    assert news(world) == []


def test_who_was_told_nothing_but_the_end() -> None:
    world = World()
    sent = asked(world)
    world.hear(sent.flow, answer(sent, 486, tag="n"))
    assert news(world) == []
    sent = asked(world, request("INVITE", "sip:600@example.com", branch="b2", call_id="c2"))
    world.hear(sent.flow, answer(sent, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    assert [one.kind for one in news(world)] == [TOLD, ANSWERED]


def test_a_reinvite_is_none_of_it() -> None:
    world = World()
    sent = asked(world)
    (ok,) = world.hear(sent.flow, answer(sent, 200, tag="n", contact=f"<sip:600@{NODE_A}>"))
    news(world)
    at = (ok.message.value(h.CONTACT) or b"").decode().strip("<>")
    (again,) = world.hear(
        world.phone(), request("INVITE", at, branch="b2", cseq=2, to="<sip:600@x>;tag=n")
    )
    world.hear(again.flow, answer(again, 180, tag="n"))
    assert news(world) == []


def held(world: World, data: bytes, *, answered: bytes = b"", node: int = 0) -> Held:
    return Held(data, world.phone(), node, b"call", answered)


def test_the_next_front_sends_the_same_invite_and_the_answer_goes_back() -> None:
    first = World()
    sent = asked(first)
    (ringing,) = first.hear(sent.flow, answer(sent, 180, tag="n"))
    (told,) = news(first)
    world = World()
    world.engine.care.resume_setup(held(world, told.octets), world.now)
    (again,) = world.out()
    assert again.message.value(h.VIA) == sent.message.value(h.VIA)
    (back,) = world.hear(sent.flow, answer(sent, 180, tag="n"))
    assert back.message.value(h.VIA) == ringing.message.value(h.VIA)
    assert world.wait(0.3) == []  # no 100 Trying after a 180
    sent_now = world.hear(world.phone(), request("CANCEL", "sip:600@example.com"))
    assert [one.message.method for one in sent_now if not one.message.status] == [b"CANCEL"]


def test_it_goes_to_the_node_that_has_it() -> None:
    world = World()
    world.engine.care.resume_setup(held(world, asked(World()).message.data, node=1), world.now)
    (again,) = world.out()
    assert again.to == NODE_B


def test_what_was_answered_is_learnt_and_not_sent() -> None:
    first = World()
    sent = asked(first)
    text = answer(sent, 200, tag="n", contact=f"<sip:600@{NODE_A}>")
    first.hear(sent.flow, text)
    told, answered = news(first)
    world = World()
    one = held(world, told.octets, answered=answered.octets)
    world.engine.care.resume_setup(one, world.now)
    assert world.out() == []
    (leg,) = world.engine.legs_of(0)
    assert (leg.outside_tag, leg.inside_tag) == (b"a", b"n")
    assert not world.engine.shared.legs.unacked
    world.engine.care.resume_setup(one, world.now)  # the store had it already
    assert len(world.engine.legs_of(0)) == 1
    (back,) = world.hear(sent.flow, text)  # the node says it again: its ACK was lost
    assert back.message.status == 200


def test_a_call_to_a_trunk_that_is_not_looked_up_yet() -> None:
    first = World()
    first.engine.shared.setups.news = []
    out = request(
        "INVITE", f"sip:0049@{CARRIER}", via=f"{NODE_A}:5060", sender="<sip:1001@x>;tag=n",
        contact=f"<sip:1001@{NODE_A}>",
    )  # fmt: skip
    (sent,) = first.hear(first.nodes[0], out)
    first.hear(sent.flow, answer(sent, 183, tag="c"))
    (told,) = news(first)
    assert (told.to, told.trunk) == (first.carrier, "carrier")
    world = World()
    world.engine.trunk_resolved("carrier", (), world.now)
    to = Held(told.octets, world.nodes[0], -1, b"", b"", world.carrier, told.uri, told.trunk)
    world.engine.care.resume_setup(to, world.now)
    (again,) = world.out()
    assert (again.flow, again.message.uri) == (world.carrier, sent.message.uri)
    assert again.message.value(h.VIA) == sent.message.value(h.VIA)
    with pytest.raises(Refusal):
        World().engine.care.resume_setup(
            to._replace(to=None, request=octets(out.replace(f"0049@{CARRIER}", "1@192.0.2.77"))),
            0.0,
        )


@pytest.mark.parametrize("junk", [b"", b"INVITE", b"SIP/2.0 200 OK\r\n\r\n"])
def test_what_is_no_invite_is_refused(junk: bytes) -> None:
    world = World()
    with pytest.raises(SipError):
        world.engine.care.resume_setup(held(world, junk), world.now)
    with pytest.raises(Malformed):
        world.engine.care.resume_setup(held(world, asked(World()).message.data, node=7), world.now)
