"""A storm: telephones, a trunk, both nodes, the network and control all do what they like.

Nobody keeps the rules and nothing is in order; what must hold after every step is short: no bug
of ours (no exception), nobody but known peers gets anything, neither side sees the other, and in
the end nothing is left.
"""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipfront.sip import headers as h
from sipfront.sip.message import Message
from sipfront.stack.flows import Flow
from sipfront.stack.route import NodeState, Standing
from sipfront.stack.settings import PeerRule
from tests.stack.test_records import written_down
from tests.stack.world import CARRIER, FRONT, INSIDE, NODE_A, NODE_B, Sent, World, answer, request

SECRET = (NODE_A.encode(), NODE_B.encode(), INSIDE.encode())
OUTSIDE = (b"198.51.100.", b"192.168.1.", b"203.0.113.", FRONT.encode())
METHODS = (
    "INVITE",
    "MESSAGE",
    "OPTIONS",
    "SUBSCRIBE",
    "REFER",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "FANCY",
)
IN_DIALOG = ("BYE", "INFO", "UPDATE", "INVITE", "REFER", "NOTIFY", "PRACK", "ACK", "MESSAGE")
STATUSES = (
    100,
    180,
    180,
    183,
    200,
    200,
    200,
    202,
    302,
    401,
    404,
    407,
    480,
    481,
    486,
    487,
    503,
    603,
)
STEPS = 160


class Storm:
    """One world, and whoever is in it."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.world = World()
        if seed % 2:  # everybody outside gets lost in a second early dialog
            rules = (PeerRule((ip_network("0.0.0.0/0"),), None, False),)
            assert self.world.settings is not None
            self.world = World(settings=replace(self.world.settings, peers=rules))
        world = self.world
        world.engine.shared.legs.track()
        world.engine.shared.records.track()
        self.phones = [world.phone("198.51.100.20", 41000 + number) for number in range(4)]
        self.phones += [
            world.flows.stream(world.tcp, "198.51.100.30", 42000 + number, handle=object())
            for number in range(2)
        ]
        self.peers = [*self.phones, world.carrier, *world.nodes]
        self.asked: list[Sent] = []  # requests that peers got
        self.told: list[tuple[Flow, Message]] = []  # answers that peers got
        self.said: list[tuple[Flow, str]] = []  # requests that peers sent
        self.contacts: list[str] = [f"sip:1002@{INSIDE}:5062", f"sip:0123@{CARRIER}"]
        self.count = 0

    # -- what they do --------------------------------------------------------------------------

    def name(self, flow: Flow) -> str:
        return f"{flow.host}:{flow.port}"

    def contact(self, flow: Flow) -> str:
        if flow.node >= 0:
            return f"<sip:pbx@{flow.host}:5060>"
        return f"<sip:u{flow.port}@192.168.1.{flow.port % 200}:5060>"

    def say(self, flow: Flow, text: str | bytes) -> None:
        self.take(self.world.hear(flow, text))

    def new_request(self) -> None:
        flow = self.dice.choice(self.peers)
        self.count += 1
        method = self.dice.choice(("INVITE", self.dice.choice(METHODS)))
        if flow.node >= 0:
            uri = self.dice.choice(self.contacts)
        else:
            uri = self.dice.choice(
                [f"sip:600@{FRONT}", "sip:1002@example.com", "sip:112@example.com"]
            )
        extra = ["Event: dialog", "Supported: 100rel, replaces"]
        if self.dice.random() < 0.2 and self.told:
            other = self.dice.choice(self.told)[1]
            extra.append(
                f"Replaces: {other.call_id.decode()};to-tag={other.to_tag.decode() or 'x'};"
                f"from-tag={other.from_tag.decode() or 'y'}"
            )
        if self.dice.random() < 0.2 and self.asked and flow.node >= 0:
            calls = self.dice.choice(self.asked).message.named(b"x-sipfront-call")
            extra += [f"X-Sipfront-Call: {call.decode()}" for call in calls]
        body = self.description(flow) if method == "INVITE" else ""
        if body:
            extra.append("Content-Type: application/sdp")
        text = request(
            method,
            uri,
            via=self.name(flow),
            branch=f"s{self.count}",
            call_id=f"c{self.count}",
            sender=f"<sip:u@{flow.host if flow.node >= 0 else 'example.com'}>;tag=f{self.count}",
            contact=self.contact(flow),
            extra="\n".join(extra),
            body=body,
        )
        self.said.append((flow, text))
        self.say(flow, text)

    def description(self, flow: Flow) -> str:
        """What somebody says of its media, or nothing."""
        if self.dice.random() < 0.4:
            return ""
        port = 4000 + 2 * self.dice.randrange(50)
        return (
            f"v=0\no=- {flow.ident} {self.count} IN IP4 192.0.2.99\ns=-\nc=IN IP4 192.0.2.99\n"
            f"t=0 0\nm=audio {port} RTP/AVP 0\n"
        )

    def register(self) -> None:
        flow = self.dice.choice(self.phones)
        self.count += 1
        expires = self.dice.choice([0, 60, 300])
        text = request(
            "REGISTER",
            "sip:example.com",
            via=self.name(flow),
            branch=f"r{self.count}",
            call_id=f"r{flow.port}",
            to="<sip:1002@example.com>",
            contact=f"{self.contact(flow)};expires={expires}",
        )
        self.say(flow, text)

    def again_or_cancel(self) -> None:
        if not self.said:
            return
        flow, text = self.dice.choice(self.said[-10:])
        if self.dice.random() < 0.6 and text.startswith("INVITE"):
            text = text.replace("INVITE", "CANCEL")
        self.say(flow, text)

    def respond(self) -> None:
        if not self.asked:
            return
        asked = self.dice.choice(self.asked[-12:])
        method = asked.message.method.decode()
        if method == "ACK":
            return
        status = self.dice.choice(STATUSES)
        if method == "CANCEL":
            status = 200
        if method == "REGISTER" and status == 200:
            value = (asked.message.value(h.CONTACT) or b"").decode()
            self.contacts.append(value.partition("<")[2].partition(">")[0] or self.contacts[0])
            contact = value
        else:
            contact = self.contact(asked.flow)
        extra = ["Record-Route: <sip:edge.example.org;lr>"] if self.dice.random() < 0.2 else []
        if status in (401, 407):
            name = "WWW" if status == 401 else "Proxy"
            extra.append(f'{name}-Authenticate: Digest realm="r", nonce="n{self.count}"')
        if status == 503 and self.dice.random() < 0.5:
            extra.append("Retry-After: 5")
        tag = f"t{asked.flow.ident}x{self.dice.randrange(2)}"
        flow = asked.flow
        body = ""
        if method == "INVITE" and 100 < status < 300:
            body = self.description(flow)
            if body:
                extra.append("Content-Type: application/sdp")
            if status < 200 and self.dice.random() < 0.5:
                extra += ["Require: 100rel", f"RSeq: {self.count + 1}"]
        text = answer(asked, status, tag=tag, contact=contact, extra="\n".join(extra), body=body)
        self.say(flow, text)

    def in_dialog(self) -> None:
        """Somebody who got an answer goes on, with the names that it learnt."""
        if not self.told:
            return
        flow, message = self.dice.choice(self.told[-15:])
        if not message.to_tag:
            return
        self.count += 1
        target = (message.value(h.CONTACT) or b"").decode().partition("<")[2].partition(">")[0]
        text = request(
            self.dice.choice(IN_DIALOG),
            target or f"sip:600@{FRONT}",
            via=self.name(flow),
            branch=f"d{self.count}",
            call_id=message.call_id.decode(),
            cseq=message.cseq + self.dice.randrange(3),
            sender=(message.value(h.FROM) or b"").decode(),
            to=(message.value(h.TO) or b"").decode(),
            contact=self.contact(flow),
            extra="Event: dialog\nSubscription-State: terminated\nRAck: 1 1 INVITE",
        )
        self.say(flow, text)

    def from_the_callee(self) -> None:
        """The called side speaks in the dialog that it made."""
        calls = [asked for asked in self.asked[-15:] if asked.message.value(h.CONTACT)]
        if not calls:
            return
        asked = self.dice.choice(calls)
        self.count += 1
        target = (
            (asked.message.value(h.CONTACT) or b"").decode().partition("<")[2].partition(">")[0]
        )
        tag = f"t{asked.flow.ident}x{self.dice.randrange(2)}"
        text = request(
            self.dice.choice(IN_DIALOG),
            target or f"sip:600@{FRONT}",
            via=self.name(asked.flow),
            branch=f"e{self.count}",
            call_id=asked.message.call_id.decode(),
            cseq=self.dice.randrange(1, 5),
            sender=f"{(asked.message.value(h.TO) or b'').decode().partition(';tag')[0]};tag={tag}",
            to=(asked.message.value(h.FROM) or b"").decode(),
            contact=self.contact(asked.flow),
            extra="Event: dialog\nSubscription-State: terminated",
        )
        self.say(asked.flow, text)

    def decide(self) -> None:
        active = self.dice.choice([0, 0, 1, 1, None])
        states = tuple(self.dice.choice(list(NodeState)) for _ in range(2))
        standings = [self.dice.choice(list(Standing)[:3]) for _ in range(2)]
        if active is not None:
            standings[active] = Standing.ACTIVE
        self.world.route(active, states, tuple(standings))  # type: ignore[arg-type]
        for leg in self.world.engine.legs_of(self.dice.randrange(2))[:2]:
            if self.dice.random() < 0.3:
                self.world.engine.care.end(leg, self.world.now, "Q.850;cause=41")
        self.take(self.world.out())

    def ring_and_die(self) -> None:
        """Whatever was asked last rings, and its node dies."""
        asked = [item for item in self.asked[-6:] if item.message.method == b"INVITE"]
        for item in asked:
            if item.flow.node >= 0:
                tag, contact = f"t{item.flow.ident}x0", self.contact(item.flow)
                self.say(item.flow, answer(item, 180, tag=tag, contact=contact))
        dead = self.dice.randrange(2)
        states = [NodeState.UP, NodeState.UP]
        states[dead] = NodeState.DOWN
        standings = [Standing.ACTIVE, Standing.ACTIVE]
        standings[dead] = self.dice.choice([Standing.FENCED, Standing.DRAINING])
        self.world.route(1 - dead, tuple(states), tuple(standings))  # type: ignore[arg-type]
        self.take(self.world.out())

    def break_something(self) -> None:
        engine, now = self.world.engine, self.world.now
        if self.dice.random() < 0.7:
            engine.lost(self.dice.choice(self.world.nodes), now, "refused")
        else:
            flow = self.dice.choice(self.phones)
            if flow.reliable and flow.open:
                self.world.flows.dropped(flow)
                engine.lost(flow, now, "closed")
        self.take(self.world.out())

    def pass_time(self) -> None:
        self.take(self.world.wait(self.dice.choice([0.01, 0.06, 0.2, 0.6, 3.2, 12.0])))

    def probe(self) -> None:
        self.world.engine.probe(
            self.dice.randrange(2), self.count, self.world.now, self.dice.choice(["options", "bye"])
        )
        self.take(self.world.out())

    # -- what must hold ------------------------------------------------------------------------

    def take(self, sent: list[Sent]) -> None:
        for item in sent:
            assert item.flow in self.peers, item.text
            if item.flow.node < 0:
                self.outside_sees(item)
            else:
                self.node_sees(item)
            if item.message.method:
                self.asked.append(item)
            else:
                self.told.append((item.flow, item.message))

    def outside_sees(self, item: Sent) -> None:
        message = item.message
        for hid, start, _, _, end in message.fields:
            line = message.data[start:end]
            if hid not in (h.CALL_ID, h.REPLACES):
                assert not any(secret in line for secret in SECRET), item.text
            assert hid != h.OURS, item.text
        if message.method:
            assert len(message.values(h.VIA)) == 1

    def node_sees(self, item: Sent) -> None:
        message = item.message
        for hid in (h.VIA, h.ROUTE, h.CONTACT, h.RECORD_ROUTE):
            if message.status == 302 and hid == h.CONTACT:
                continue  # where a telephone redirects to is no remote target
            for value in message.values(hid):
                for address in OUTSIDE:
                    assert address not in value, item.text
        if message.method:
            assert len(message.values(h.VIA)) == 1

    def step(self) -> None:
        self.dice.choices(
            [
                self.new_request,
                self.register,
                self.again_or_cancel,
                self.respond,
                self.in_dialog,
                self.from_the_callee,
                self.decide,
                self.ring_and_die,
                self.break_something,
                self.pass_time,
                self.probe,
            ],
            [10, 4, 6, 30, 8, 5, 2, 3, 2, 8, 1],
        )[0]()

    def calm(self) -> None:
        """Everybody leaves; after the longest timer nothing may be left."""
        self.world.route(0)
        self.take(self.world.out())
        for _ in range(3):  # what is released then has timers of its own
            self.take(self.world.wait(400))
        engine = self.world.engine
        assert [name for name in engine.counters if name.startswith("bug")] == []
        layer = engine._layer
        assert layer.servers == {}, [
            (s.state, s.request and s.request.method) for s in layer.servers.values()
        ]
        assert layer.clients == {}
        assert engine._proxy.failover.parked == {}
        engine._proxy.sweep.until = 0.0  # it looks at dialogs as long as there are some
        assert engine.next_deadline() is None
        for link in engine.shared.pair.links:
            assert not link.pending
            assert not link.ringing
            assert not link.serving
        answered = {told.call_id for _, told in self.told if told.status >= 200}
        for flow, text in self.said:
            if flow.node < 0 and text.startswith("INVITE"):
                call_id = text.partition("Call-ID: ")[2].partition("\n")[0].encode()
                assert call_id in answered, f"nobody ever answered {text}"
        owned = [0, 0]
        for leg in engine.shared.legs:
            assert leg.state == 1, "no early dialog outlives its INVITE"
            owned[leg.owner] += 1
        assert engine.shared.legs.owned == owned
        written_down(self.world)


@pytest.mark.parametrize("seed", range(40))
def test_a_storm(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(STEPS):
        storm.step()
    storm.calm()
