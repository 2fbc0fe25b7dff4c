"""Several lives of one front: an engine of the stack's tests, a store, and the engine after it."""

from __future__ import annotations

from sipfront.runtime.persist import Persist
from sipfront.sip import headers as h
from sipfront.stack.dialog import Leg
from sipfront.stack.flows import Flow
from sipfront.store.port import Row
from tests.stack.world import FRONT, World, answer, request

OFFSET = 1_700_000_000.0


class Kept:
    """A store of the test's own: the newest value of every key."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, bytes], bytes] = {}
        self.puts = 0

    def load(self) -> list[Row]:
        return [Row(kind, key, value) for (kind, key), value in self.rows.items()]

    def put(self, rows: list[Row]) -> None:
        self.puts += 1
        for kind, key, value in rows:
            if value is None:
                self.rows.pop((kind, key), None)
            else:
                self.rows[(kind, key)] = value

    def health(self) -> tuple[bool, str]:
        return True, ""

    def close(self) -> None:
        pass


def begun(world: World, store: Kept, at: float | None = None) -> Persist:
    """A front that restores what the store has, and saves from now on."""
    now = world.now if at is None else at
    made = Persist(world.engine, store, world.flows, lambda node: world.nodes[node], OFFSET)
    made.restore(store.load(), now)
    return made


def again(world: World, store: Kept, later: float = 5.0) -> tuple[World, Persist]:
    """Another front, later, with the same store."""
    new = World(now=world.now + later)
    return new, begun(new, store)


def leg(number: int, flow: Flow | None, owner: int = 0, **more: object) -> Leg:
    made = Leg(b"call-%d" % number, b"out-%d" % number, b"in-%d" % number, owner)
    made.outside_flow = flow
    for name, value in more.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    return made


def call_up(world: World, contact: str = "") -> tuple[str, str]:
    """A call from a phone to 600 on node A: what each knows the other by."""
    contact = contact or "<sip:1001@198.51.100.7:5060>"
    (invite,) = world.hear(world.phone(), request("INVITE", f"sip:600@{FRONT}", contact=contact))
    (ok,) = world.hear(invite.flow, answer(invite, 200, tag="n", contact="<sip:600@pbx.local>"))
    for_phone, for_node = ok.message.value(h.CONTACT), invite.message.value(h.CONTACT)
    assert for_phone is not None
    assert for_node is not None
    return for_phone.decode().strip("<>"), for_node.decode().split(">")[0].strip("<>")
