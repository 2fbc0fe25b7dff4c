"""A node that is drained: what is left, and the end of it, over a restart of the front as well."""

from __future__ import annotations

from typing import Any

from sipfront.runtime.draining import Draining
from sipfront.sip import headers as h
from sipfront.stack.record import ENDED, FRONT
from sipfront.stack.route import NodeState, Standing
from tests.runtime.lives import Kept
from tests.stack.test_records import talking, told, tracked
from tests.stack.world import NODE_A, World

NAMES = ("pbx-a", "pbx-b")


def draining(world: World, kept: Kept, *modes: str) -> tuple[Draining, list[tuple[str, str]]]:
    happened: list[tuple[str, str]] = []

    def record(kind: str, text: str, **_: Any) -> None:
        happened.append((kind, text))

    owned = world.engine.shared.legs.owned
    made = Draining(world.engine, kept, NAMES, owned.__getitem__, record)
    made.restore(kept.load(), modes or ("in-service", "in-service"))
    return made, happened


def test_how_far_it_is() -> None:
    world = World()
    talking(world)
    drain, _ = draining(world, Kept())
    assert drain.status(0, 100.0) is None
    drain.wished("pbx-a", "drain", None, 100.0)
    assert drain.status(0, 112.5) == {"for": 12.5, "left": 2, "force_in": None}
    assert drain.status(1, 112.5) is None
    assert not drain.turn(world.now, 1e9)
    drain.wished("pbx-a", "maintenance", 60.0, 110.0)
    assert drain.status(0, 120.0) == {"for": 20.0, "left": 2, "force_in": 50.0}
    drain.wished("pbx-a", "in-service", None, 121.0)
    assert drain.status(0, 122.0) is None


def test_what_is_left_is_ended_towards_both_sides() -> None:
    world = World()
    tracked(world)
    record = talking(world).record
    drain, happened = draining(world, Kept())
    drain.wished("pbx-a", "drain", 60.0, 100.0)
    assert not drain.turn(world.now, 159.0)
    assert drain.turn(world.now, 160.0)
    byes = world.out()
    assert [bye.message.method for bye in byes] == [b"BYE"] * 4
    to = sorted(bye.to for bye in byes)
    assert to == [NODE_A, NODE_A, "198.51.100.7", "198.51.100.8"]
    assert all(b"out of service" in (bye.message.value(h.REASON) or b"") for bye in byes)
    assert happened == [("drain_forced", "pbx-a: time is up, 2 dialogs are ended")]
    assert (drain.status(0, 161.0) or {})["left"] == 0
    assert not drain.turn(world.now, 170.0)
    assert told(world) == [record]
    assert (record.ender, record.done) == (FRONT, ENDED)


def test_it_outlives_the_front() -> None:
    world, kept = World(), Kept()
    drain, _ = draining(world, kept)
    drain.wished("pbx-a", "drain", 60.0, 100.0)
    again, _ = draining(world, kept, "drain", "in-service")
    assert again.status(0, 130.0) == {"for": 30.0, "left": 0, "force_in": 30.0}
    resumed, _ = draining(world, kept, "in-service", "drain")
    assert resumed.status(0, 130.0) is None
    kept.rows["draining", b""] = b"damaged"
    lost, _ = draining(world, kept, "drain", "in-service")
    assert lost.status(0, 130.0) is None


def test_a_node_that_is_down_is_told_when_it_is_back() -> None:
    world = World()
    talking(world)
    drain, _ = draining(world, Kept())
    drain.wished("pbx-a", "drain", 0.0, 100.0)
    world.route(1, (NodeState.DOWN, NodeState.UP), (Standing.DRAINING, Standing.ACTIVE))
    world.out()
    assert drain.turn(world.now, 101.0)
    assert {bye.to for bye in world.out()} == {"198.51.100.7", "198.51.100.8"}
    assert world.engine._proxy.owed.waits(0) == 2
