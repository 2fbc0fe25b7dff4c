"""Registrations on a moved clock: a storm, a day, and what one refresh and one binding cost.

The engine alone, two small registrars and as many phones as wanted, no sockets and no waiting:
``storm`` lets all phones come within 10 s, kills the active node, and lets a node lose its memory;
``day`` plays 24 hours with phones that vanish, return, sign off and move, nodes that die and that
forget, and compares at every check what the nodes have with what the front believes.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sipfront.stack.route import NodeState, Standing
from tests.stack.pbxs import Stage
from tests.stack.phones import Phone, granted, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stack.pbxs import SimPhone

KINDS = ("storm", "day", "cost")
#: Seconds of simulated time between two checks of a day.
CHECK = 600.0
#: Everything has settled so long after the last disturbance: a look at all bindings, and the rate.
QUIET = 45.0


@dataclass
class Found:
    """What one run showed, in words, and whether it kept what is promised."""

    lines: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def say(self, text: str, *, good: bool = True) -> None:
        """One line; ``good`` False: a promise that was not kept."""
        self.lines.append(text)
        if not good:
            self.bad.append(text)


def storm(phones: int = 2000, rate: float = 200.0) -> Found:
    """All phones within 10 s; then the active node dies; then one forgets everything."""
    found = Found()
    stage = Stage(phones, continuity="mirror", rate=rate)
    begun = stage.now
    stage.switch_on(10.0)
    while stage.held(0) < phones and stage.now < begun + 120:
        stage.run(1.0)
    longest = max(phone.longest for phone in stage.phones.values())
    refused = sum(sum(phone.refused.values()) for phone in stage.phones.values())
    all_there = stage.at(0) == phones
    found.say(
        f"{phones} phones come within 10 s: registered after {stage.now - begun:.0f} s, "
        f"the longest wait for an answer {longest:.1f} s (a phone gives up after 32 s), "
        f"refused {refused}",
        good=all_there and longest < 32 and not refused,
    )
    while stage.held(1) < phones and stage.now < begun + 240:
        stage.run(1.0)
    found.say(
        f"all of them at the standby too after {stage.now - begun:.0f} s",
        good=stage.at(1) == phones,
    )
    _rates(stage, rate, found)
    stage.pbxs[0].alive = False
    passed = _passed(stage)
    killed = stage.now
    stage.world.route(1, (NodeState.DOWN, NodeState.UP), (Standing.FENCED, Standing.ACTIVE))
    stage.run(30.0)
    told = stage.reached()[-1]
    found.say(
        f"the active node is killed: {told.reached} of {told.phones} reachable through the other "
        f"{told.took:.1f} s after the decision, REGISTERs that phones had to send: "
        f"{_passed(stage) - passed}",
        good=told.reached == phones and told.took <= 3 and _passed(stage) == passed,
    )
    renewed = [b.held[1] - b.granted[1] for b in stage.world.engine.shared.bindings]
    found.say(
        f"told again to it, for the state of their mailboxes, within {max(renewed) - killed:.1f} s"
    )
    _rates(stage, rate, found)
    stage.pbxs[0].forget()
    stage.pbxs[0].alive = True
    stage.world.route(1, (NodeState.UP, NodeState.UP))
    begun = stage.now
    while stage.at(0) < phones and stage.now < begun + 120:
        stage.run(1.0)
    found.say(
        f"the dead node comes back with an empty table: all {stage.at(0)} there again after "
        f"{stage.now - begun:.0f} s",
        good=stage.at(0) == phones,
    )
    stage.pbxs[1].forget()
    begun = stage.now
    while stage.at(1) < phones and stage.now < begun + 120:
        stage.run(1.0)
    found.say(
        f"the active node forgets everything: all {stage.at(1)} there again after "
        f"{stage.now - begun:.0f} s",
        good=stage.at(1) == phones,
    )
    _rates(stage, rate, found)
    return found


def _rates(stage: Stage, rate: float, found: Found) -> None:
    busiest = [pbx.busiest() for pbx in stage.pbxs]
    found.say(
        f"  REGISTERs at the nodes in their busiest second so far: {busiest[0]} and {busiest[1]} "
        f"(configured: {rate:.0f})",
        good=max(busiest) <= rate,
    )


def _passed(stage: Stage) -> int:
    return sum(n for name, n in stage.counters.items() if name.startswith("REGISTER passed"))


class Day:
    """24 hours of an office, or fewer."""

    def __init__(self, phones: int, seed: int) -> None:
        self.stage = Stage(phones, continuity="mirror", phone_expiry=600, node_expiry=3600)
        self.chance = random.Random(seed)
        self.happened: dict[str, int] = {}
        self.active = 0

    def count(self, what: str) -> None:
        """One more of it."""
        self.happened[what] = self.happened.get(what, 0) + 1

    def disturb(self) -> None:
        """Some phones vanish, sign off, return or move; now and then a node has its own trouble."""
        stage, chance = self.stage, self.chance
        phones = list(stage.phones.values())
        for phone in chance.sample(phones, max(1, len(phones) // 50)):
            if phone.off:
                self.count("returned")
                phone.off = False
                phone.call_id += "x"
                phone.register(stage.now, 3600)
            elif chance.random() < 0.4:
                self.count("vanished")
                phone.off = True
            elif chance.random() < 0.5:
                self.count("signed off")
                phone.register(stage.now, 0)
                phone.off = True
            else:
                self.count("moved")
                self._move(phone)
        if chance.random() < 0.15:
            node = chance.randrange(2)
            self.count("node forgot")
            stage.pbxs[node].forget()
        if chance.random() < 0.15:
            self.count("node died")
            self._failover()

    def _move(self, phone: SimPhone) -> None:
        stage = self.stage
        del stage.phones[phone.flow.ident]
        old = phone.flow
        phone.flow = stage.world.phone(old.host, old.port + 1)
        stage.phones[phone.flow.ident] = phone
        phone.call_id += "m"
        phone.register(stage.now, 3600)

    def _failover(self) -> None:
        stage, dead = self.stage, self.active
        self.active = 1 - dead
        stage.pbxs[dead].alive = False
        states = [NodeState.UP, NodeState.UP]
        states[dead] = NodeState.DOWN
        stage.world.route(self.active, tuple(states))
        stage.run(self.chance.uniform(5, 120))
        stage.pbxs[dead].alive = True
        stage.world.route(self.active)

    def differences(self) -> list[str]:
        """What a node has and the front does not believe, or the other way round."""
        wrong = []
        stage = self.stage
        for node, pbx in enumerate(stage.pbxs):
            there = {
                (contact.uri.param(b"sf") or b"").lower()
                for user in pbx.users
                for contact in pbx.registrar.contacts(user, stage.now)
            }
            believed = {
                b.name for b in stage.world.engine.shared.bindings if b.held[node] > stage.now
            }
            if there != believed:
                wrong.append(
                    f"node {node}: {len(there - believed)} more than believed, "
                    f"{len(believed - there)} fewer"
                )
        on = sum(not phone.off for phone in stage.phones.values())
        known = sum(b.expires > stage.now for b in stage.world.engine.shared.bindings)
        if known < on:
            wrong.append(f"{on} phones are on, {known} can be called")
        return wrong


def day(
    phones: int = 1000,
    hours: float = 24.0,
    seed: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Found:
    """Bindings at the nodes and at the front, compared at every check."""
    found = Found()
    begun = time.process_time()
    office = Day(phones, seed)
    stage = office.stage
    stage.switch_on(60.0)
    stage.run(120.0)
    checks = agreed = 0
    while stage.now < 1000 + hours * 3600:
        office.disturb()
        stage.run(CHECK - QUIET)
        stage.run(QUIET)
        wrong = office.differences()
        checks += 1
        agreed += not wrong
        for text in wrong:
            found.say(f"  after {(stage.now - 1000) / 3600:.2f} h: {text}", good=False)
        if checks % 12 == 0:
            progress(f"{(stage.now - 1000) / 3600:.1f} h, {agreed} of {checks} checks agree")
    what = ", ".join(f"{name} {count}" for name, count in sorted(office.happened.items()))
    here, passed = stage.counters["refreshes answered here"], _passed(stage)
    found.say(
        f"{hours:g} h of {phones} phones (seed {seed}): {agreed} of {checks} checks agree",
        good=agreed == checks,
    )
    found.say(f"  happened: {what}")
    found.say(f"  refreshes answered here {here}, REGISTERs passed {passed}")
    found.say(f"  {time.process_time() - begun:.0f} s of processor time")
    return found


def cost(count: int = 20_000) -> Found:
    """Processor time of one refresh, answered here and passed, and octets of one binding."""
    found = Found()
    one = world(rate=1e9, phone_expiry=300)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    phones = []
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        flow = one.phone(f"198.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        phone = Phone(one, f"u{number}", flow, call_id=f"call-{number}@192.168.1.5")
        phone.extra = ["User-Agent: A phone of some maker 1.2.3.4"]
        phones.append(phone)
    mine = tracemalloc.get_traced_memory()[0] - before
    engine = one.engine
    for phone in phones:
        (sent,) = phone.ask()
        one.hear(sent.flow, granted(sent))
    one.wait(40.0)
    gc.collect()
    octets = (tracemalloc.get_traced_memory()[0] - before - mine) / len(engine.shared.bindings)
    tracemalloc.stop()
    known = len(engine.shared.bindings)
    sample = phones[-2_000:]
    texts = [(phone.flow or one.phone(), _register(phone)) for phone in sample]
    begun = time.process_time()
    for came_by, text in texts:
        engine.receive(text, came_by, one.now)
        engine.take()
    here = (time.process_time() - begun) / len(texts) * 1e6
    answered = engine.counters.get("refreshes answered here", 0)
    gc.enable()
    found.say(
        f"a refresh that is answered here costs {here:.1f} us of processor time in the engine",
        good=answered == len(texts),
    )
    found.say(f"a binding takes {octets:.0f} octets, {known} were made")
    return found


def _register(phone: Phone) -> bytes:
    assert phone.flow is not None
    phone.cseq += 1
    return (
        f"REGISTER sip:example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {phone.flow.host}:5060;branch=z9hG4bKr{phone.user}{phone.cseq};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{phone.user}@example.com>;tag=f\r\n"
        f"To: <sip:{phone.user}@example.com>\r\nCall-ID: {phone.call_id}\r\n"
        f"CSeq: {phone.cseq} REGISTER\r\nContact: <{phone.contact}>\r\nExpires: 3600\r\n"
        "User-Agent: A phone of some maker 1.2.3.4\r\nContent-Length: 0\r\n\r\n"
    ).encode()
