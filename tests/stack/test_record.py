"""Who ended a call, and the bounds and restarts of the book of calls."""

from __future__ import annotations

from sipfront.stack.dialog import Leg
from sipfront.stack.record import CALLEE, CALLER, NOBODY, NODE, Record
from sipfront.stack.records import MAX_LEGS, MAX_SET_UP, RESUMED, Records
from tests.stack.test_records import ringing, talking, told, tracked
from tests.stack.world import INSIDE, NODE_A, World, answer, request


def test_how_a_call_that_is_not_answered_ends() -> None:
    world = World()
    tracked(world)
    invite, other = ringing(world)
    (record,) = world.engine.shared.records.live
    world.hear(other.flow, answer(other, 486, tag="p"))
    world.hear(invite.flow, answer(invite, 486, tag="n"))
    assert (record.status, record.ender, record.answered) == (486, CALLEE, 0.0)
    world = World()
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:9@example.com"))
    (record,) = world.engine.shared.records.live
    world.hear(invite.flow, answer(invite, 404, tag="n"))
    assert (record.status, record.ender) == (404, NODE)


def test_a_caller_who_gives_up() -> None:
    world = World()
    tracked(world)
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:9@example.com"))
    (record,) = world.engine.shared.records.live
    world.hear(invite.flow, answer(invite, 180, tag="n"))
    world.hear(world.phone(), request("CANCEL", "sip:9@example.com"))
    world.hear(invite.flow, answer(invite, 487, tag="n"))
    assert (record.status, record.ender) == (487, CALLER)


def test_an_invite_of_before_the_restart_goes_on_with_its_record() -> None:
    """UDP: the INVITE is sent again, and the front that gets it is a new one."""
    world = World()
    records = tracked(world)
    old = Record(b"name", b"c1", b"a", world.now - 60)
    old.keys.append((b"c1", b"a"))
    records.restore(old, world.now)
    (invite,) = world.hear(world.phone(), request("INVITE", "sip:9@example.com"))
    assert invite.message.named(b"x-sipfront-call") == [b"name"]
    assert (records.live, records.begun) == ([old], 0)
    world.hear(invite.flow, answer(invite, 200, tag="n", contact=f"<sip:9@{NODE_A}>"))
    assert told(world) == [old]
    assert old.status == 200


def test_a_set_up_that_nobody_takes_up_again_is_over() -> None:
    world = World()
    records = tracked(world)
    old = Record(b"name", b"c1", b"a", world.now - 60)
    records.restore(old, world.now)
    assert records.changes(world.now) == ([], [])
    world.now += RESUMED + 20
    assert records.changes(world.now) == ([old], [])
    assert (old.ender, old.status) == (NOBODY, 0)
    forgotten = Record(b"other", b"c2", b"b", world.now)
    forgotten.restored = 0.0
    records.restore(forgotten, world.now)
    forgotten.restored = 0.0
    world.now += MAX_SET_UP + 20
    assert records.changes(world.now)[0] == [forgotten]


def test_it_is_bounded() -> None:
    world = World()
    shared = world.engine.shared
    shared.records = Records(3, shared.fresh)
    tracked(world)
    for number in range(10):
        text = request("INVITE", "sip:9@example.com", call_id=f"c{number}", branch=f"b{number}")
        world.hear(world.phone(), text)
    assert len(shared.records) == 3
    assert len(shared.records._dialogs) == 3
    assert {record.ender for record in told(world) if record.ended} == {NOBODY}


def test_a_group_of_many_phones_is_bounded() -> None:
    world = World()
    records = tracked(world)
    invite, _ = ringing(world)
    correlation = invite.message.named(b"x-sipfront-call")[0].decode()
    for number in range(2 * MAX_LEGS):
        text = request(
            "INVITE", f"sip:1002@{INSIDE}:5062", via=f"{NODE_A}:5060", branch=f"g{number}",
            call_id=f"g{number}", contact=f"<sip:{NODE_A}>",
            extra=f"X-Sipfront-Call: {correlation}",
        )  # fmt: skip
        world.hear(world.nodes[0], text)
    (record,) = records.live
    assert len(record.keys) == MAX_LEGS


def test_what_nobody_asks_for_is_not_kept() -> None:
    """An engine without a table (a test, a benchmark) collects nothing."""
    world = World()
    talk = talking(world)
    talk.bye("caller")
    assert world.engine.shared.records.changes(world.now) == ([], [])
    assert world.engine.shared.legs.removed() == []


def test_a_dialog_of_nobody() -> None:
    records = Records(10, lambda: b"x")
    records.ended(Leg(b"c", b"a", b"b", 0), 1.0)
    records.kept(Leg(b"c", b"a", b"b", 0))
    records.gone([Leg(b"c", b"a", b"b", 0)], 1.0)
    assert len(records) == 0
