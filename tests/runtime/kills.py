"""A front that is killed with -9 in the middle of calls, and what its peers do: they say it again.

No sockets, no sleeping: messages and kills are events of a queue, in the order of a seed.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from pathlib import Path

from sipfront.runtime.records import Recorder
from sipfront.runtime.setups import Journaling
from sipfront.sip import headers as h
from sipfront.sip.message import Message, scan
from tests.runtime.lives import OFFSET, Kept, begun
from tests.runtime.test_records import NAMES, Table
from tests.stack.world import INSIDE, NODE_A, World, answer, octets, request

CALLER, CALLEE = "198.51.100.7", "198.51.100.8"
T1, SAVES = 0.5, 0.04


class Peer:
    """A user agent: what it asks is sent again until it is answered, what it answered when asked
    again (RFC 3261 section 17)."""

    def __init__(self, sim: Sim, host: str) -> None:
        self.sim = sim
        self.host = host
        self.waiting: dict[tuple[bytes, bytes], Callable[[Message], None]] = {}
        self.replied: dict[tuple[bytes, bytes], bytes] = {}
        self.acked: set[bytes] = set()
        self.errors: list[int] = []

    def ask(self, text: str, heard: Callable[[Message], None]) -> None:
        """Send a request until something is heard."""
        data = octets(text)
        message = scan(data)
        key = (message.call_id, message.method)
        self.waiting[key] = heard
        quiet = [True]

        def hear(reply: Message) -> None:
            quiet[0] = False
            heard(reply)

        self.waiting[key] = hear

        def again(after: float) -> None:
            if quiet[0]:
                self.sim.to_front(self.host, data)
                self.sim.at(after, lambda: again(min(2 * after, 4.0)))

        again(T1)

    def answer(self, message: Message, status: int, **more: str) -> None:
        """Answer; a 2xx to an INVITE until its ACK comes (13.3.1.4)."""
        data = octets(answer(message, status, **more))
        self.replied[_branch(message), message.method] = data
        self.sim.to_front(self.host, data)
        if status >= 200 and message.method == b"INVITE":

            def again(after: float) -> None:
                if message.call_id not in self.acked:
                    self.sim.to_front(self.host, data)
                    self.sim.at(after, lambda: again(min(2 * after, 4.0)))

            self.sim.at(T1, lambda: again(2 * T1))

    def hear(self, message: Message) -> None:
        """A message of the front."""
        if message.status:
            if message.status >= 300:
                self.errors.append(message.status)
            heard = self.waiting.get((message.call_id, message.cseq_method))
            if heard is not None:
                heard(message)
        elif message.method == b"ACK":
            self.acked.add(message.call_id)
        elif (found := self.replied.get((_branch(message), message.method))) is not None:
            self.sim.to_front(self.host, found)
        else:
            self.asked(message)

    def asked(self, message: Message) -> None:
        """A request that is new."""
        raise NotImplementedError


class Caller(Peer):
    """It calls, holds, hangs up."""

    done = 0

    def call(self, number: int) -> None:
        name = f"c{number}"
        invite = {"branch": f"i{number}", "call_id": name}
        acked: list[str] = []

        def heard(message: Message) -> None:
            if not 200 <= message.status < 300:
                return
            to = (message.value(h.TO) or b"").decode()
            at = _target(message)
            ack = {"branch": f"a{number}", "call_id": name, "to": to}
            self.sim.to_front(self.host, octets(request("ACK", at, **ack)))
            if not acked:
                acked.append(to)
                self.sim.at(self.sim.random.uniform(0.01, 0.5), lambda: bye(at, to))

        def bye(at: str, to: str) -> None:
            text = request("BYE", at, branch=f"b{number}", call_id=name, to=to, cseq=2)
            self.ask(text, over)

        def over(message: Message) -> None:
            self.done += 1

        self.ask(request("INVITE", "sip:1002@example.com", **invite), heard)


class Pbx(Peer):
    """A node that is a B2BUA: it calls 1002 for whoever calls, once for each INVITE that is new."""

    calls = 0

    def asked(self, message: Message) -> None:
        if message.method == b"BYE":
            self.answer(message, 200)
            name = message.call_id.decode() + "n"
            at, to = self.far[name]
            text = request(
                "BYE", at, via=f"{NODE_A}:5060", branch=f"{name}b", call_id=name, to=to, cseq=2,
                sender="<sip:1001@example.com>;tag=m",
            )  # fmt: skip
            self.ask(text, lambda _: None)
            return
        self.calls += 1
        name = message.call_id.decode() + "n" * self.calls_of(message.call_id)
        self.answer(message, 100)

        def heard(reply: Message) -> None:
            contact = f"<sip:1002@{NODE_A}>"
            if reply.status == 180:
                self.answer(message, 180, tag="n", contact=contact)
            elif reply.status == 200:
                to = (reply.value(h.TO) or b"").decode()
                known = name in self.far
                self.far[name] = (_target(reply), to)
                ack = {"branch": f"{name}a", "call_id": name, "to": to}
                text = request(
                    "ACK", _target(reply), via=f"{NODE_A}:5060",
                    sender="<sip:1001@example.com>;tag=m", **ack,
                )  # fmt: skip
                self.sim.to_front(self.host, octets(text))
                if not known:
                    self.answer(message, 200, tag="n", contact=contact)

        call = (message.value(h.OURS) or b"").decode()
        lines = message.data.decode().splitlines()
        call = next(line for line in lines if line.startswith("X-Sipfront-Call"))
        text = request(
            "INVITE", self.sim.binding, via=f"{NODE_A}:5060", branch=f"{name}i", call_id=name,
            sender="<sip:1001@example.com>;tag=m", contact=f"<sip:1001@{NODE_A}>", extra=call,
        )  # fmt: skip
        self.ask(text, heard)

    def calls_of(self, call_id: bytes) -> int:
        self.by[call_id] = self.by.get(call_id, 0) + 1
        return self.by[call_id]

    def __init__(self, sim: Sim, host: str) -> None:
        super().__init__(sim, host)
        self.far: dict[str, tuple[str, str]] = {}
        self.by: dict[bytes, int] = {}


class Callee(Peer):
    """It rings, then answers."""

    rang = ended = 0

    def asked(self, message: Message) -> None:
        if message.method == b"BYE":
            self.ended += 1
            self.answer(message, 200)
            return
        self.rang += 1
        self.answer(message, 180, tag="p")
        contact = f"<sip:1002@{CALLEE}:5060>"
        later = self.sim.random.choice((0.001, 0.02, 0.3))
        self.sim.at(later, lambda: self.answer(message, 200, tag="p", contact=contact))


class Sim:
    """Everybody, and the front's lives."""

    def __init__(self, folder: Path, seed: int, *, journal: bool = True) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.journal = journal
        self.kept, self.table = Kept(), Table(1000)
        self.now = 1000.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.turns = itertools.count()
        self.told: list[tuple[str, str]] = []
        self.up = False
        self.start()
        self.binding = self._registered()
        self.caller, self.pbx = Caller(self, CALLER), Pbx(self, NODE_A)
        self.callee = Callee(self, CALLEE)
        self.peers: dict[str, Peer] = {
            peer.host: peer for peer in (self.caller, self.pbx, self.callee)
        }
        self._tick()

    def _registered(self) -> str:
        world = self.world
        register = request(
            "REGISTER", "sip:example.com", branch="reg", call_id="reg", extra="Expires: 600",
            sender="<sip:1002@example.com>;tag=r", to="<sip:1002@example.com>",
            via=f"{CALLEE}:5060", contact=f"<sip:1002@{CALLEE}:5060>",
        )  # fmt: skip
        (sent,) = world.hear(world.phone(CALLEE), register)
        contact = (sent.message.value(h.CONTACT) or b"").decode()
        granted = answer(sent, 200, tag="x", extra=f"Contact: {contact}")
        world.hear(sent.flow, granted)
        self.persist.save()
        uri = contact.partition("<")[2].partition(">")[0]
        assert INSIDE in uri
        return uri

    # -- time ----------------------------------------------------------------------------------

    def at(self, after: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + after, next(self.turns), what))

    def run(self, seconds: float) -> None:
        ends = self.now + seconds
        while self.events and self.events[0][0] <= ends:
            self.now, _, what = heapq.heappop(self.events)
            self.world.now = self.now
            what()

    def _tick(self) -> None:
        if self.up:
            deadline = self.world.engine.next_deadline()
            if deadline is not None and deadline <= self.now:
                self.world.engine.expire(self.now)
                self.flush()
        self.at(0.01, self._tick)

    def _save(self, world: World) -> None:
        if not self.up or world is not self.world:
            return
        self.journaling.settle(self.now)
        self.persist.save()
        self.recorder.save(self.now)
        self.at(SAVES, lambda: self._save(world))

    # -- the front -----------------------------------------------------------------------------

    def start(self) -> None:
        self.world = world = World(now=self.now, entropy=self.random.randbytes)
        world.engine.take()
        remembered = bool(self.kept.rows)
        self.persist = begun(world, self.kept)
        self.recorder = Recorder(world.engine.shared, self.table, NAMES, OFFSET)
        store = f"sqlite://{self.folder / 'state.db'}" if self.journal else "memory"
        self.journaling = Journaling(
            world.engine, self.persist, self.recorder, store, OFFSET, self._tell
        )
        self.journaling.restore(remembered=remembered, now=self.now)
        self.up = True
        self.at(SAVES, lambda: self._save(world))
        self.flush()

    def _tell(self, kind: str, text: str, *, loud: bool = False) -> None:
        assert loud == kind.startswith("journal")
        self.told.append((kind, text))

    def kill(self, down: float) -> None:
        """Kill -9: what it has in memory is gone; started again later."""
        if self.up:
            self.up = False
            self.at(down, self.start)

    def flush(self) -> None:
        self.journaling.write()
        for flow, data in self.world.engine.take():
            peer = self.peers.get(flow.host) if hasattr(self, "peers") else None
            if peer is not None:
                self.at(0.0005, lambda peer=peer, data=data: peer.hear(scan(data)))  # type: ignore[misc]

    def to_front(self, host: str, data: bytes) -> None:
        def come() -> None:
            if self.up:
                world = self.world
                flow = world.nodes[0] if host == NODE_A else world.phone(host)
                world.engine.receive(data, flow, self.now)
                self.flush()

        self.at(self.random.uniform(0.0002, 0.002), come)


def _branch(message: Message) -> bytes:
    return (message.value(h.VIA) or b"").partition(b"branch=")[2].partition(b";")[0]


def _target(message: Message) -> str:
    return (message.value(h.CONTACT) or b"").decode().partition("<")[2].partition(">")[0]
