"""What outlives the front comes back whole; what does not fit any more is dropped, and counted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.runtime import leg_rows
from sipfront.runtime.errors import StartupError
from sipfront.runtime.leg_rows import CSEQ_JUMP
from sipfront.runtime.persist import (
    Persist,
    Unreadable,
    open_store,
    pack,
    unpack,
)
from sipfront.stack.bindings import Binding
from sipfront.stack.dialog import CONFIRMED, Leg
from sipfront.stack.flows import Flows, Listener, Transport
from sipfront.stack.front import Engine
from sipfront.stack.tagmap import Kept as TagMap
from sipfront.store.memory import MemoryStore
from sipfront.store.port import Row
from tests.runtime.lives import OFFSET, Kept, again, begun, call_up, leg
from tests.stack.test_front import register
from tests.stack.test_trunking import registered as enrolled
from tests.stack.world import FRONT, NODE_A, World


def fields(leg: Leg) -> dict[str, object]:
    """All that a leg holds, flows by what they are."""
    held = {name: getattr(leg, name) for name in Leg.__slots__}
    for name in ("outside_flow", "inside_flow"):
        flow = held[name]
        held[name] = flow and (flow.listener.index, flow.host, flow.port, flow.node)
    return held


FULL = {
    "epoch": 7,
    "kind": b"SUBSCRIBE",
    "by_outside": False,
    "outside_target": b"sip:1001@[2001:db8::7]:5070;transport=tcp",
    "outside_routes": b"<sip:edge.example.net;lr>",
    "outside_token": b"s" + b"0" * 40,
    "outside_cseq": 41,
    "outside_party": b'"J\xc3\xbcrgen" <sip:1001@example.com>;tag=out',
    "inside_target": b"sip:asterisk@10.0.0.11:5060",
    "inside_routes": b"<sip:10.0.0.13;lr>, <sip:10.0.0.14;lr>",
    "inside_token": b"n" + b"1" * 30,
    "inside_cseq": 2_147_483_640,
    "inside_uri": b"<sip:600@10.0.0.11>;tag=in",
    "inside_party": b"<sip:600@example.com>;tag=in",
    "trunk": "carrier",
    "correlation": b"0123456789abcdef",
    "event": b"dialog;id=3",
}


def test_every_field_of_a_leg_is_named_here() -> None:
    assert set(FULL) == set(Leg.__slots__) - {
        "call_id", "outside_tag", "inside_tag", "owner", "state", "outside_flow", "inside_flow",
        "kept", "alias", "lost", "session", "seen", "until", "joined", "key",
    }  # fmt: skip
    assert set(leg_rows.FIELDS) == set(Leg.__slots__) - {
        "state", "outside_flow", "inside_flow",
        "kept", "alias",  # a row of their own, see below
        "lost",  # early dialogs are not saved
        "session", "seen", "until", "joined",  # behind them, see below
        "key",  # of the first three
    }  # fmt: skip


def test_legs_of_every_kind_come_back() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    legs = world.engine.shared.legs
    places = [world.phone(), world.phone("2001:db8::7", 5070), None]
    for number, flow in enumerate(places):
        legs.add(made := leg(number, flow, number % 2, **FULL))
        legs.confirm(made)
    early = leg(9, world.phone())
    legs.add(early)
    expected = {known.key: fields(known) for known in legs if known is not early}
    assert saving.save()
    assert not saving.save()
    new, loaded = again(world, store)
    found = {known.key: fields(known) for known in new.engine.shared.legs}
    assert (loaded.legs, loaded.dropped) == (3, 0)
    for key, values in expected.items():
        values["state"] = CONFIRMED
        values["outside_cseq"] = 41 + CSEQ_JUMP
        values["inside_cseq"] = 2_147_483_640 + CSEQ_JUMP
        host = NODE_A if values["owner"] == 0 else "10.0.0.12"
        values["inside_flow"] = (3, host, 5060, values["owner"])
        assert found[key] == values
    assert new.engine.shared.legs.owned == [2, 1]
    assert not loaded.save()


def test_a_leg_with_two_names_comes_back() -> None:
    """It is found by both tags; its row goes when the call ends, and rows alone are removed."""
    world, store = World(), Kept()
    saving = begun(world, store)
    legs = world.engine.shared.legs
    made = leg(1, world.phone(), 0, **FULL)
    made.kept = TagMap(made.inside_tag, b"own")
    made.kept.out_shift, made.kept.in_shift = 3, 4
    made.kept.origin, made.kept.version, made.kept.last = (b"- 7 ", b" IN IP4 a"), 8, b"- 1 1"
    legs.add(made)
    legs.alias(made)
    legs.confirm(made)
    saving.save()
    new, loaded = again(world, store)
    found = new.engine.shared.legs.find(made.call_id, made.outside_tag, b"own")
    assert found is not None
    assert found.kept is not None
    assert found.kept.stored() == made.kept.stored()
    assert loaded.dropped == 0
    new.engine.shared.legs.remove(found)
    loaded.save()
    assert [row.kind for row in store.load()] == []
    store.put([Row("kept", made.key, pack(made.kept.stored()))])
    _, loaded = again(new, store)
    assert [row.kind for row in store.load()] == []


def test_connections_are_one_flow_and_closed() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    shared = world.engine.shared
    stream = world.flows.stream(world.tls, "198.51.100.9", 40_000)
    for number in range(2):
        shared.legs.add(made := leg(number, stream))
        shared.legs.confirm(made)
    binding = Binding(b"b1", b"1001@example.com", b"sip:1001@198.51.100.9", stream)
    binding.expires = world.now + 100
    shared.bindings.put(binding)
    saving.save()
    new, _ = again(world, store)
    shared = new.engine.shared
    held = {made.outside_flow for made in shared.legs} | {shared.bindings.get(b"b1").flow}  # type: ignore[union-attr]
    (flow,) = held
    assert flow is not None
    assert (flow.listener, flow.host, flow.port) == (new.tls, "198.51.100.9", 40_000)
    assert flow.reliable
    assert not flow.open
    # The phone is back with a REGISTER: whoever asks for the old flow gets the new one.
    back = new.flows.stream(new.tls, "198.51.100.9", 40_001)
    assert new.flows.now(flow) is flow
    flow.successor = back
    assert new.flows.now(flow) is back


def test_bindings_come_back_and_expired_ones_do_not() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    bindings = world.engine.shared.bindings
    for name, left in ((b"short", 4.0), (b"long", 60.0)):
        binding = Binding(name, b"1001@example.com", b"sip:1001@[2001:db8::1]", world.phone())
        binding.expires = world.now + left
        binding.cseq = 77
        binding.user_agent = b"phone/1"
        bindings.put(binding)
    saving.save()
    new, loaded = again(world, store)
    (found,) = new.engine.shared.bindings
    assert (found.name, found.aor, found.contact, found.cseq, found.user_agent) == (
        b"long", b"1001@example.com", b"sip:1001@[2001:db8::1]", 77, b"phone/1",
    )  # fmt: skip
    assert found.expires == pytest.approx(new.now + 55)
    assert found.flow is new.phone()
    assert (loaded.bindings, loaded.dropped) == (1, 0)
    assert [key for kind, key in store.rows if kind == "binding"] == [b"long"]
    new.engine.shared.bindings.remove(found)
    loaded.save()
    assert not store.rows


def test_named_targets_come_back() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    shared = world.engine.shared
    outside = shared.name(0, 1, world.phone("2001:db8::5"), b"sip:1@pc.example.org")
    inside = shared.name(1, 0, None, b"sip:600@pbx.local")
    saving.save()
    new, _ = again(world, store)
    shared = new.engine.shared
    named = shared.named.get(outside)
    assert named is not None
    assert named.flow is new.phone("2001:db8::5")
    assert (named.node, named.target) == (1, b"sip:1@pc.example.org")
    named = shared.named.get(inside)
    assert named is not None
    assert (named.flow, named.node, named.target) == (None, 0, b"sip:600@pbx.local")
    # The same far side has the same name in every life of the front.
    assert shared.name(0, 1, new.phone("2001:db8::5"), b"sip:1@pc.example.org") == outside
    assert shared.name(0, 1, new.phone("2001:db8::6"), b"sip:1@pc.example.org") != outside


def listeners(*places: tuple[Transport, str, int, bool]) -> list[Listener]:
    return [
        Listener(index, kind, host.encode(), port, inside=inside, bound=(host, port))
        for index, (kind, host, port, inside) in enumerate(places)
    ]


def test_what_nodes_registered_at_a_trunk_comes_back() -> None:
    world, store = registering(), Kept()
    saving = begun(world, store)
    enrolled(world)
    saving.save()
    new = registering(world.now + 5)
    begun(new, store)
    (one,) = new.engine.shared.enrolments
    assert (one.trunk, one.user, one.granted) == ("carrier", b"4930", 3600)
    assert one.contacts[0] == b"sip:s@10.0.0.11:5060;line=abc"
    assert one.expires == pytest.approx(world.now + 3600)
    # Its trunk does not register any more: forgotten, in the store as well.
    other = World(now=world.now + 5)
    begun(other, store)
    assert len(other.engine.shared.enrolments) == 0
    assert not [kind for kind, _ in store.rows if kind == "enrolment"]


def registering(now: float = 1000.0) -> World:
    made = World(now=now)
    settings = made.engine.shared.settings
    made.engine.trunks_changed((replace(settings.trunks[0], register="node"),), made.now)
    return made


def test_listeners_numbered_anew() -> None:
    """Another configuration: a listener came before the others, another is gone."""
    world, store = World(), Kept()
    saving = begun(world, store)
    shared = world.engine.shared
    gone = world.flows.stream(world.tls, "198.51.100.9", 4)
    for number, flow in enumerate((world.phone(), gone)):
        shared.legs.add(made := leg(number, flow))
        shared.legs.confirm(made)
        binding = Binding(b"b%d" % number, b"%d@example.com" % number, b"sip:x@y", flow)
        binding.expires = world.now + 100
        shared.bindings.put(binding)
    shared.name(0, 0, gone, b"sip:x@y")
    saving.save()
    flows = Flows(
        listeners(
            (Transport.UDP, "192.0.2.99", 5060, False),
            (Transport.TCP, FRONT, 5060, False),
            (Transport.UDP, FRONT, 5060, True),  # the same socket, as the nodes see it
            (Transport.UDP, FRONT, 5060, False),
        )
    )
    assert world.settings is not None
    engine = Engine(world.settings, flows, bytes)
    loaded = Persist(engine, store, flows, lambda _: None, OFFSET)
    loaded.restore(store.load(), world.now)
    first, second = sorted(engine.shared.legs, key=lambda known: known.call_id)
    assert first.outside_flow is flows.udp(flows.listeners[3], "198.51.100.7", 5060)
    assert second.outside_flow is None
    assert [known.name for known in engine.shared.bindings] == [b"b0"]
    assert len(engine.shared.named) == 0
    assert loaded.dropped == 0


def broken(store: Kept, change: Callable[[bytes], bytes]) -> None:
    store.rows = {key: change(value) for key, value in store.rows.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1],
        lambda value: b"",
        lambda value: random.Random(1).randbytes(len(value)),
        lambda value: value[:20] + bytes([value[20] ^ 4]) + value[21:],
        lambda value: pack(None),
        lambda value: pack((1, 2)),
        lambda value: pack(unpack(value)[:-1]),
        lambda value: pack((*unpack(value), 1)),
        lambda value: pack((5,) * len(unpack(value))),
        lambda value: pack((b"x" * 3, *unpack(value)[1:])),
    ],
    ids=["short", "empty", "noise", "bit", "none", "few", "fewer", "more", "types", "name"],
)
def test_rows_that_cannot_be_read_are_dropped(change: Callable[[bytes], bytes]) -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    call_up(world)
    register(world, world.phone(), "sip:1001@198.51.100.7:5060")
    saving.save()
    named = {key for key in store.rows if key[0] == "named"}
    for key in named:
        del store.rows[key]
    assert len(store.rows) == 2
    broken(store, change)
    new, loaded = again(world, store)
    assert (loaded.legs, loaded.bindings, loaded.dropped) == (0, 0, 2)
    assert not store.rows
    assert len(new.engine.shared.legs) == len(new.engine.shared.bindings) == 0
    assert new.engine.shared.legs.owned == [0, 0]


def test_a_node_that_there_is_no_more() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    shared = world.engine.shared
    shared.legs.add(made := leg(1, world.phone(), 0))
    shared.legs.confirm(made)
    made.owner = 2
    saving.save()
    made.owner = 0
    _, loaded = again(world, store)
    assert (loaded.legs, loaded.dropped) == (0, 1)


def test_what_cannot_be_packed_is_counted() -> None:
    world, store = World(), Kept()
    saving = begun(world, store)
    world.engine.shared.legs.add(bad := leg(1, world.phone(), epoch=object()))
    world.engine.shared.legs.confirm(bad)
    world.engine.shared.legs.add(good := leg(2, world.phone()))
    world.engine.shared.legs.confirm(good)
    saving.save()
    assert saving.unpacked == 1
    assert [key for _, key in store.rows] == [good.key]


def test_which_store(tmp_path: Path) -> None:
    assert isinstance(open_store("memory"), MemoryStore)
    store = open_store(f"sqlite://{tmp_path / 'state.db'}")
    assert store.health()[0]
    store.close()
    with pytest.raises(StartupError, match="store: "):
        open_store(f"sqlite://{tmp_path}")


@given(st.binary(max_size=200))
def test_octets_end_in_a_value_or_in_unreadable(octets: bytes) -> None:
    for value in (octets, pack(0)[:4] + octets):
        try:
            assert unpack(pack(unpack(value))) is not None
        except Unreadable:
            pass


@given(st.tuples(st.binary(), st.text(), st.integers(), st.floats(allow_nan=False), st.booleans()))
def test_values_round_trip(value: tuple[object, ...]) -> None:
    assert unpack(pack(value)) == value
