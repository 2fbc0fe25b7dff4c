"""The driver: batches, the one timer, rounds, and bugs that must not take it down."""

from __future__ import annotations

import asyncio
from typing import Any

from sipfront.runtime import clock
from sipfront.runtime.loop import ROUNDS, Driver
from sipfront.stack.flows import Flow, Flows, Listener, Transport
from sipfront.stack.notices import Note, Notice
from tests.runtime.support import EchoEngine, until

HERE = Listener(0, Transport.UDP, b"127.0.0.1", 5060, inside=False, bound=("127.0.0.1", 5060))
THERE = Listener(1, Transport.TCP, b"127.0.0.1", 5060, inside=False, bound=("127.0.0.1", 5060))


class Wire:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send_to(self, data: bytes, flow: Flow) -> None:
        self.sent.append(data)

    def send(self, data: bytes) -> None:
        self.sent.append(data)


class Boss:
    """A supervisor that answers a notice with an action, and has a deadline."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.waiting: list[Any] = []
        self.deadline: float | None = None
        self.expired: list[float] = []
        self.restless = False

    def tell(self, notices: list[Notice]) -> None:
        self.told += notices
        self.waiting += notices

    def next_deadline(self) -> float | None:
        return self.deadline

    def expire(self, now: float) -> None:
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            self.expired.append(now)

    def act(self, now: float) -> bool:
        had = bool(self.waiting) or self.restless
        self.waiting.clear()
        return had


def driver(engine: EchoEngine, boss: Boss | None = None) -> tuple[Driver, Wire, Flow]:
    made = Driver(engine, boss)
    wire = Wire()
    made.datagrams = {0: wire}
    return made, wire, Flows([HERE, THERE]).udp(HERE, "127.0.0.2", 5060)


async def test_a_batch_is_sent_in_order_at_the_end_of_the_turn() -> None:
    made, wire, flow = driver(EchoEngine())
    made.receive(b"one", flow)
    made.receive(b"two", flow)
    assert wire.sent == []
    await until(lambda: wire.sent)
    assert wire.sent == [b"one", b"two"]


async def test_notices_are_told_and_actions_carried_in_the_same_turn() -> None:
    engine, boss = EchoEngine(), Boss()
    made, wire, flow = driver(engine, boss)
    engine.news.append(Note(1.0, "word", "", ""))
    made.receive(b"one", flow)
    await until(lambda: wire.sent)
    assert boss.told == [Note(1.0, "word", "", "")]
    assert boss.waiting == []


async def test_the_timer_follows_the_earliest_deadline() -> None:
    engine, boss = EchoEngine(), Boss()
    made, _, _ = driver(engine, boss)
    start = clock.now()
    engine.deadline = start + 30.0
    made.flush()
    boss.deadline = start + 0.02
    made.flush()
    await until(lambda: boss.expired)
    assert boss.expired[0] >= start + 0.02
    assert engine.expired == []
    engine.deadline = clock.now() + 0.01
    made.flush()
    await until(lambda: engine.expired)


async def test_a_deadline_that_moved_back_costs_one_look_and_no_more() -> None:
    engine = EchoEngine()
    made, _, _ = driver(engine)
    engine.deadline = clock.now() + 0.01
    made.flush()
    later = engine.deadline = clock.now() + 0.04
    made.flush()
    await until(lambda: engine.expired)
    assert engine.expired[0] >= later


async def test_a_bug_in_the_engine_is_counted_and_the_next_message_is_served() -> None:
    made, wire, flow = driver(EchoEngine())
    made.receive(b"BUG", flow)
    made.receive(b"one", flow)
    await until(lambda: wire.sent)
    assert wire.sent == [b"one"]
    assert made.counters == {"bug.receive": 1}


async def test_a_circle_of_our_own_lets_others_in() -> None:
    engine, boss = EchoEngine(), Boss()
    made, _, _ = driver(engine, boss)
    boss.restless = True
    made.flush()
    assert made.counters["loop.rounds"] == 1
    await asyncio.sleep(0)
    await until(lambda: made.counters["loop.rounds"] > 1)
    assert ROUNDS < 100
    boss.restless = False
    made.close()


async def test_a_stream_flow_without_a_connection_is_dialled() -> None:
    engine = EchoEngine()
    made, _, _ = driver(engine)
    flows = Flows([HERE, THERE])
    flow = flows.stream(THERE, "127.0.0.2", 5060)
    wire = Wire()
    dialled: list[Flow] = []

    def dial(wanted: Flow) -> Wire:
        dialled.append(wanted)
        wanted.handle = wire
        return wire

    made.dial = dial
    engine.out += [(flow, b"one"), (flow, b"two")]
    made.wake()
    await until(lambda: len(wire.sent) == 2)
    assert dialled == [flow]
    flows.dropped(flow)
    engine.out.append((flow, b"three"))
    made.wake()
    await until(lambda: made.counters.get("stream.gone"))
    assert dialled == [flow]


async def test_nothing_is_carried_after_the_end() -> None:
    engine = EchoEngine()
    made, wire, flow = driver(engine)
    made.close()
    made.receive(b"one", flow)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert wire.sent == []
