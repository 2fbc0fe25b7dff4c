"""Stories of what is written down of a call: who, when, by which node, how it ended, what was done."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sipfront.sip import headers as h
from sipfront.stack.notices import Note
from sipfront.stack.record import (
    CALLEE,
    CALLER,
    FRONT,
    HEDGED,
    KEPT,
    MOVED,
    NODE,
    PARKED,
    SILENCED,
    Record,
)
from sipfront.stack.record import ENDED as BY_FRONT
from sipfront.stack.records import SETTLED, Records
from sipfront.stack.route import NodeState, Standing
from tests.stack.test_failover import settled
from tests.stack.test_front import register
from tests.stack.world import INSIDE, NODE_A, NODE_B, Sent, World, answer, request

DOWN = (NodeState.DOWN, NodeState.UP)
FENCED = (Standing.FENCED, Standing.ACTIVE)
PHONE = "<sip:1001@198.51.100.7:5060>"


def tracked(world: World) -> Records:
    world.engine.shared.legs.track()
    records = world.engine.shared.records
    records.track()
    return records


def told(world: World) -> list[Record]:
    """What the runtime would write now."""
    shared = world.engine.shared
    shared.records.gone(shared.legs.removed(), world.now)
    changed, _ = shared.records.changes(world.now)
    return changed


def written_down(world: World) -> None:
    """Every call is over, or up in a dialog that there is."""
    shared = world.engine.shared
    shared.records.gone(shared.legs.removed(), world.now)
    shared.records.changes(world.now)
    known = {(leg.call_id, tag) for leg in shared.legs for tag in (leg.outside_tag, leg.inside_tag)}
    for record in shared.records.live:
        assert record.answered, "a call in set-up that nobody will end"
        assert (record.call_id, record.tag) in known, "a call without a dialog"
    assert len(shared.records._dialogs) == sum(len(one.keys) for one in shared.records.live)


def uri(sent: Sent) -> str:
    value = sent.message.value(h.CONTACT) or b""
    return value.decode().partition("<")[2].partition(">")[0]


@dataclass
class Talk:
    """A call of 1001 at a phone through a node to 1002 at another phone."""

    world: World
    invite: Sent  #: as the node got it
    ok: Sent  #: as the caller got it
    other: Sent  #: as the callee got it
    answered: Sent  #: as the node got the callee's answer

    @property
    def record(self) -> Record:
        (record,) = self.world.engine.shared.records.live
        return record

    def bye(self, who: str) -> None:
        """``caller``, ``node`` to the caller, ``callee``, or ``node2`` to the callee."""
        world = self.world
        node = world.nodes[0]
        if who == "caller":
            text = request(
                "BYE", uri(self.ok), branch="x1", to="<sip:1002@example.com>;tag=n", cseq=2
            )
            world.hear(world.phone(), text)
        elif who == "node":
            to = "<sip:1001@example.com>;tag=a"
            text = request(
                "BYE", uri(self.invite), via=f"{NODE_A}:5060", branch="x2",
                sender="<sip:1002@example.com>;tag=n", to=to, cseq=9,
            )  # fmt: skip
            world.hear(node, text)
        elif who == "callee":
            text = request(
                "BYE", uri(self.other), via="198.51.100.8:5060", branch="x3", call_id="c2",
                sender="<sip:1002@example.com>;tag=p", to="<sip:1001@example.com>;tag=m", cseq=2,
            )  # fmt: skip
            world.hear(world.phone("198.51.100.8"), text)
        else:
            text = request(
                "BYE", uri(self.answered), via=f"{NODE_A}:5060", branch="x4", call_id="c2",
                sender="<sip:1001@example.com>;tag=m", to="<sip:1002@example.com>;tag=p", cseq=3,
            )  # fmt: skip
            world.hear(node, text)


def bridge(world: World, invite: Sent, target: str, **more: str) -> Sent:
    """The node calls the other party."""
    correlation = invite.message.named(b"x-sipfront-call")[0].decode()
    text = request(
        "INVITE", target, via=f"{NODE_A}:5060", branch="n1", call_id="c2",
        sender="<sip:1001@example.com>;tag=m", contact=f"<sip:{NODE_A}>",
        extra=more.get("extra", f"X-Sipfront-Call: {correlation}"),
    )  # fmt: skip
    return world.hear(world.nodes[0], text)[0]


def ringing(world: World, **more: str) -> tuple[Sent, Sent]:
    """1002 rings: the INVITE at the node, and that at the phone."""
    phone2 = world.phone("198.51.100.8")
    registered, _ = register(world, phone2, "sip:1002@198.51.100.8:5060", user="1002")
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com", call_id="c1"))
    world.now += 0.1
    other = bridge(world, invite, uri(registered), **more)
    world.now += 0.1
    (back,) = world.hear(other.flow, answer(other, 180, tag="p", contact="<sip:1002@198.51.100.8>"))
    assert back.to == NODE_A
    world.hear(invite.flow, answer(invite, 180, tag="n", contact=f"<sip:1002@{NODE_A}>"))
    return invite, other


def talking(world: World, **more: str) -> Talk:
    invite, other = ringing(world, **more)
    world.now += 2
    (back,) = world.hear(other.flow, answer(other, 200, tag="p", contact="<sip:1002@198.51.100.8>"))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:1002@{NODE_A}>"))
    return Talk(world, invite, ok, other, back)


def test_a_call_is_one_record_and_has_everything() -> None:
    world = World()
    records = tracked(world)
    talk = talking(world)
    record = talk.record
    assert record.id == talk.invite.message.named(b"x-sipfront-call")[0]
    assert (record.call_id, record.other) == (b"c1", b"c2")
    assert b"1001@example.com" in record.caller
    assert record.callee == b"sip:1002@example.com"
    assert record.reached == b"1002@example.com"
    assert (record.first, record.node, record.epoch) == (0, 0, 1)
    assert record.rang - record.began == pytest.approx(0.2)
    assert record.answered - record.began == pytest.approx(2.2)
    assert told(world) == [record]
    world.now += 10
    talk.bye("caller")
    assert (record.ended, record.ender, record.status) == (world.now, CALLER, 200)
    assert told(world) == [record]
    assert (len(records), records.begun) == (0, 1)
    assert told(world) == []


def test_who_ended_it() -> None:
    for first, then, ender in (
        ("caller", "", CALLER),
        ("callee", "node", CALLEE),
        ("node", "node2", NODE),
    ):
        world = World()
        tracked(world)
        talk = talking(world)
        record = talk.record
        world.now += 5
        left = world.now
        talk.bye(first)
        world.now += 0.01
        if then:
            talk.bye(then)
        assert (record.ender, record.ended) == (ender, left)
        assert told(world) == [record]


def test_the_other_leg_ends_and_the_call_goes_on() -> None:
    """A transfer: the node ends the leg to the callee, the caller is put through elsewhere."""
    world = World()
    tracked(world)
    talk = talking(world)
    talk.bye("callee")
    assert talk.record.ended == 0.0
    world.now += 60
    record = talk.record
    talk.bye("node")
    assert (record.ender, record.ended) == (NODE, world.now)


def test_without_the_correlation_each_leg_is_a_call() -> None:
    world = World()
    records = tracked(world)
    talk = talking(world, extra="Subject: none")
    first, second = records.live
    assert (first.by_outside, second.by_outside) == (True, False)
    assert second.callee == b"1002@example.com"
    talk.bye("callee")
    assert second.ender == CALLEE
    talk.bye("node")
    assert first.ender == NODE
    assert records.begun == 2


def test_a_challenge_is_no_call() -> None:
    world = World()
    records = tracked(world)
    phone = world.phone()
    (invite,) = world.hear(phone, request("INVITE", "sip:9@example.com"))
    world.now += 2 * SETTLED
    (slow,) = told(world)  # a slow node: it was written already
    digest = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    world.hear(invite.flow, answer(invite, 401, tag="n", extra=digest))
    assert records.changes(world.now) == ([], [slow.id])
    assert records.begun == 0
    proof = 'Authorization: Digest username="1001", realm="r", nonce="n", uri="x", response="y"'
    text = request("INVITE", "sip:9@example.com", branch="b2", cseq=2, extra=proof)
    (again,) = world.hear(phone, text)
    world.hear(again.flow, answer(again, 200, tag="n", contact=f"<sip:9@{NODE_A}>"))
    (record,) = told(world)
    assert (record.status, records.begun) == (200, 1)


def test_what_is_discarded_after_it_was_written_is_removed() -> None:
    world = World()
    records = tracked(world)
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:9@example.com"))
    world.now += 2 * SETTLED
    (record,) = told(world)
    world.hear(invite.flow, answer(invite, 407, tag="n"))
    assert records.changes(world.now)[1] == [record.id]


def test_a_call_that_was_moved() -> None:
    world = World()
    tracked(world)
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    world.hear(invite.flow, answer(invite, 180, tag="a", contact=f"<sip:x@{NODE_A}>"))
    world.route(1, DOWN, FENCED)
    again = world.out()[-1]
    world.hear(again.flow, answer(again, 200, tag="b", contact=f"<sip:x@{NODE_B}>"))
    (record,) = told(world)
    assert (record.first, record.node, record.epoch, record.done) == (0, 1, 1, MOVED)


def test_a_call_that_was_hedged_goes_to_whoever_answers() -> None:
    world = settled(World())
    tracked(world)
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    world.engine.lost(world.nodes[0], world.now, "refused")
    (hedge,) = world.out()
    assert hedge.to == NODE_B
    (record,) = world.engine.shared.records.live
    assert (record.done, record.node) == (HEDGED, 1)
    world.hear(invite.flow, answer(invite, 200, tag="a", contact=f"<sip:x@{NODE_A}>"))
    assert record.node == 0


def test_a_call_that_is_parked_too_long() -> None:
    world = World()
    tracked(world)
    world.route(None, DOWN)
    world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    (record,) = world.engine.shared.records.live
    world.wait(10)
    assert (record.done, record.status, record.ender) == (PARKED, 503, FRONT)
    assert record.first == -1


def test_a_phone_that_is_silenced_and_rung_again_is_one_call() -> None:
    world = World()
    tracked(world)
    invite, _ = ringing(world)
    (record,) = world.engine.shared.records.live
    world.route(1, DOWN, FENCED)
    world.out()
    assert record.done == MOVED | SILENCED
    assert record.ended == 0.0
    assert invite.message.named(b"x-sipfront-call") == [record.id]


def test_what_is_done_is_told_with_both_call_ids() -> None:
    """So that the lines of a call are found by the Call-ID of either leg."""
    world = World()
    tracked(world)
    ringing(world)
    (record,) = world.engine.shared.records.live
    assert record.other not in (b"", record.call_id)
    both = {record.call_id.decode(), record.other.decode()}
    world.route(1, DOWN, FENCED)
    world.out()
    notes = [note for note in world.log if isinstance(note, Note)]
    assert {note.event for note in notes} == {"call moved", "call silenced"}
    assert all({note.call_id, note.other_call_id} == both for note in notes)


def test_a_call_of_a_node_that_dies_while_it_rings() -> None:
    world = World()
    tracked(world)
    register(world, world.phone("198.51.100.8"), "sip:1002@198.51.100.8:5060", user="1002")
    text = request(
        "INVITE", f"sip:1002@{INSIDE}:5062", via=f"{NODE_A}:5060", contact=f"<sip:{NODE_A}>"
    )
    (invite,) = world.hear(world.nodes[0], text)
    world.hear(invite.flow, answer(invite, 180, tag="p"))
    world.route(1, DOWN, FENCED)
    (record,) = told(world)
    assert (record.ender, record.status, record.done) == (FRONT, 0, SILENCED)


def test_calls_that_the_front_ends() -> None:
    world = World()
    tracked(world)
    talk = talking(world)
    record = talk.record
    world.route(1, DOWN, FENCED)
    for leg in [leg for leg in world.engine.care.live() if leg.owner == 0]:
        world.engine.care.end(leg, world.now, "Q.850;cause=41")
    assert (record.ender, record.done) == (FRONT, BY_FRONT)
    assert told(world) == [record]


def test_a_call_that_is_kept() -> None:
    world = World()
    tracked(world)
    talk = talking(world)
    record = talk.record
    world.route(1, DOWN, FENCED)
    world.engine.care.keep(*world.engine.care.live(), world.now)
    assert told(world) == [record]
    talk.bye("caller")
    assert (record.done, record.ender) == (KEPT, CALLER)


def test_a_call_that_is_kept_ends_as_any_other() -> None:
    world = World()
    tracked(world)
    talk = talking(world)
    record = talk.record
    world.route(1, DOWN, FENCED)
    world.engine.care.keep(*world.engine.care.live(), world.now)
    talk.bye("callee")
    assert (record.done, record.ender, record.ended) == (KEPT, CALLEE, world.now)


def test_a_leg_that_is_removed_without_a_word_ends_its_call() -> None:
    world = World()
    tracked(world)
    talk = talking(world)
    record = talk.record
    for leg in [leg for leg in world.engine.care.live() if leg.owner == 0]:
        world.engine.shared.legs.remove(leg)
    assert told(world) == [record]
    assert (record.ended, record.ender) == (world.now, NODE)


def second_leg(name: str) -> str:
    return request(
        "INVITE", "sip:1002@10.0.0.10:5062", via=f"{NODE_A}:5060", branch="n2", call_id="c2",
        sender="<sip:1001@example.com>;tag=m", contact=f"<sip:1001@{NODE_A}>",
        extra=f"X-Sipfront-Call: {name}",
    )  # fmt: skip


def test_the_other_leg_comes_before_its_caller_to_a_front_that_follows() -> None:
    """The front was killed before the caller heard anything: both say their INVITE again."""
    first = World()
    register(first, first.phone("198.51.100.8"), "sip:1002@198.51.100.8:5060", user="1002")
    (sent,) = first.hear(first.phone(), request("INVITE", "sip:1002@example.com"))
    name = sent.text.partition("X-Sipfront-Call: ")[2].partition("\r\n")[0]
    world = World()
    register(world, world.phone("198.51.100.8"), "sip:1002@198.51.100.8:5060", user="1002")
    records = tracked(world)
    records.follows_until = world.now + 40
    world.hear(world.nodes[0], second_leg(name))
    (record,) = records.live
    world.hear(world.phone(), request("INVITE", "sip:1002@example.com"))
    assert records.live == [record]
    assert (record.id, record.call_id, record.other) == (name.encode(), b"c1", b"c2")
    assert record.by_outside
    assert not record.half
    assert record.caller.startswith(b"<sip:1001@example.com>")
    # A front that follows nobody takes such a name for that of a call long over.
    other = World()
    register(other, other.phone("198.51.100.8"), "sip:1002@198.51.100.8:5060", user="1002")
    tracked(other)
    other.hear(other.nodes[0], second_leg(name))
    (alone,) = other.engine.shared.records.live
    assert not alone.half
    assert alone.id != name.encode()
