"""A node that returns is told what ended, or goes on, without it; also by the next front."""

from __future__ import annotations

from sipfront.stack.route import NodeState, Standing
from tests.runtime.lives import Kept, begun
from tests.stack.kept import FENCED, up
from tests.stack.test_care import restarted
from tests.stack.world import NODE_A, Sent, answer

BOTH_UP = (NodeState.UP, NodeState.UP)


def told(sent: list[Sent]) -> list[bytes]:
    """The Call-IDs of the BYEs to the node."""
    return sorted(
        {s.message.call_id for s in sent if s.to == NODE_A and s.message.method == b"BYE"}
    )


def test_who_does_not_answer_is_told_again() -> None:
    """It had only seemed to be back."""
    call = up(direct=False)
    call.die()
    world, owed = call.world, call.world.engine.care.owed
    assert owed.waits(0) == 2
    world.route(1, BOTH_UP, FENCED, (False, True))
    assert told(world.out()) == [b"call-a", b"call-b"]
    assert owed.waits(0) == 0
    world.wait(40)
    assert owed.waits(0) == 2
    world.route(1, (NodeState.DOWN, NodeState.UP), FENCED)
    world.route(1, BOTH_UP, FENCED, (False, True))
    sent = world.out()
    assert told(sent) == [b"call-a", b"call-b"]
    for bye in sent:
        world.hear(world.nodes[0], answer(bye, 481))
    world.wait(40)
    assert owed.waits(0) == 0


def test_the_next_front_tells_it() -> None:
    """kill -9 of the front while the node is away: what is owed stands in the store."""
    for direct in (True, False):
        call, store = up(direct=direct), Kept()
        saving = begun(call.world, store)
        for leg in call.world.engine.shared.legs:
            call.world.engine.shared.legs.refreshed(leg)
        call.die()
        saving.save()
        assert sum(kind == "owed" for kind, _ in store.rows) == 2
        new = restarted(call, store).world
        new.route(1, BOTH_UP, (Standing.STANDBY, Standing.ACTIVE))  # for all that is known
        assert told(new.out()) == [b"call-a", b"call-b"]
        new.wait(40)
        assert new.engine.care.owed.waits(0) == 2  # it was not there: later, then


def test_the_store_forgets_what_was_told() -> None:
    call, store = up(direct=False), Kept()
    saving = begun(call.world, store)
    call.die()
    saving.save()
    call.world.route(1, BOTH_UP, FENCED, (False, True))
    for bye in call.world.out():
        call.world.hear(call.world.nodes[0], answer(bye, 200))
    saving.save()
    assert [kind for kind, _ in store.rows if kind == "owed"] == []
