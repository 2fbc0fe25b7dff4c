"""The pace at which the dialogs of a dead node are ended."""

from __future__ import annotations

from sipfront.rescue.calls import Fate
from sipfront.runtime.rescuer import CALLS, PACE, Rescuer
from sipfront.stack.dialog import CONFIRMED, ENDED, Gone, Leg
from tests.rescue.build import NODE, leg, sdp


class Ender:
    """Knows legs, and ends them."""

    def __init__(self, calls: int, subscriptions: int) -> None:
        self.legs = [self.leg(b"INVITE", n) for n in range(calls)]
        self.legs += [self.leg(b"SUBSCRIBE", n) for n in range(subscriptions)]
        self.ended: list[Leg] = []
        self.kept: list[tuple[Leg, Leg]] = []

    @staticmethod
    def leg(kind: bytes, number: int) -> Leg:
        leg = Leg(b"%b-%d" % (kind, number), b"a", b"b", 0)
        leg.kind = kind
        leg.state = CONFIRMED
        return leg

    def live(self) -> list[Leg]:
        return self.legs

    def just_ended(self, now: float) -> list[Gone]:
        return []

    def hosts(self, node: int) -> tuple[bytes, ...]:
        return (NODE,)

    def keep(self, leg: Leg, other: Leg, now: float) -> None:
        leg.joined, other.joined = other, leg
        self.kept.append((leg, other))

    def end(self, leg: Leg, now: float, reason: str) -> None:
        leg.state = ENDED
        self.ended.append(leg)


def run(rescuer: Rescuer, now: float) -> tuple[int, float]:
    """To the end: slices and the time of the last one."""
    slices = 0
    while (at := rescuer.next_deadline()) is not None:
        now = max(now, at)
        rescuer.act(now)
        slices += 1
    return slices, now


def test_twenty_thousand_calls_within_a_second() -> None:
    engine = Ender(20_000, 0)
    rescuer = Rescuer(engine)
    rescuer.give_up(0, 100.0)
    slices, last = run(rescuer, 100.0)
    assert slices == 20_000 / CALLS + 1  # the last one finds nothing
    assert last - 100.0 <= 1.0
    assert len(engine.ended) == 20_000


def test_calls_come_first_and_subscriptions_are_spread() -> None:
    engine = Ender(10, 100)
    rescuer = Rescuer(engine)
    rescuer.give_up(0, 100.0)
    assert rescuer.act(100.0)
    assert [leg.kind for leg in engine.ended[:10]] == [b"INVITE"] * 10
    assert 10 < len(engine.ended) < 30
    slices, _ = run(rescuer, 100.0 + PACE)
    assert slices > 5
    assert len(engine.ended) == 110


def test_what_ended_meanwhile_is_left_alone_and_nothing_means_no_timer() -> None:
    engine = Ender(2, 0)
    rescuer = Rescuer(engine)
    rescuer.give_up(1, 100.0)
    assert not rescuer.act(100.0)
    assert rescuer.next_deadline() is None
    rescuer.give_up(0, 100.0)
    engine.legs[0].state = ENDED
    run(rescuer, 100.0)
    assert engine.ended == [engine.legs[1]]


def test_a_call_is_kept_and_one_that_lost_a_party_meanwhile_is_ended() -> None:
    engine = Ender(0, 0)
    for number in range(2):
        a, b = sdp(b"192.0.2.1", 4000 + number), sdp(b"192.0.2.2", 4000 + number)
        engine.legs += [leg(f"a{number}", a, b), leg(f"b{number}", b, a)]
    rescuer = Rescuer(engine)
    rescuer.give_up(0, 100.0)
    engine.legs[2].state = ENDED
    run(rescuer, 100.0)
    assert engine.kept == [(engine.legs[0], engine.legs[1])]
    assert engine.ended == [engine.legs[3]]
    assert rescuer.done == {Fate.END: 1, Fate.RENEW: 0, Fate.KEEP: 1}
