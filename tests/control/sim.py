"""A simulated pair on a moved clock: two nodes, a lossy network, traffic, and one Monitor.

What a node can suffer: killed (its host refuses, as often as its kernel likes to), frozen (what
arrives waits in its buffer), overloaded (new requests are dropped, dialogs go on), slow, busy
(503), loss in each direction, the front cut off.  After every step of the monitor the invariants
are checked against what is true in the simulation, which the monitor cannot see.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from deeper import PROBE_EVERY, Deeper
from invariants import NEVER, Broken, Invariants, Node

from sipfront.control.actions import ROLE_EVENTS, AskWitness, Event, Roles, RunHook, SendProbe
from sipfront.control.evidence import (
    Answered,
    Evidence,
    Overload,
    Refused,
    Silent,
    Traffic,
    Witness,
)
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.control.verdict import State

#: what waits in the socket of a frozen node (a default receive buffer)
BUFFER = 166
#: real requests: after this an unanswered one is told as silence
ADAPTIVE = 0.06
NAMES = ("pbx-a", "pbx-b")


class Sim(Deeper, Invariants):
    """Drive one monitor through a world."""

    def __init__(
        self,
        seed: int = 0,
        settings: Settings | None = None,
        active: int | None = 0,
        calls: float = 0.0,
        chatter: float = 0.0,
        check: bool = True,
        start: float = 1000.0,
    ) -> None:
        self.random = random.Random(seed)
        self.settings = settings or Settings(nodes=NAMES)
        self.now = start
        self.nodes = [Node(fine_since=start) for _ in self.settings.nodes]
        self.calls = calls  # new requests a second, to the active node
        self.chatter = chatter  # messages a second inside dialogs, from the active node
        self.cut = False
        self.cut_ended = NEVER
        self.cut_began = NEVER
        self.last_cut = NEVER
        self.slept = NEVER
        self.put_back = NEVER
        self.outcomes: list[list[tuple[bool, float]]] = [[] for _ in self.settings.nodes]
        self.hooked: list[tuple[str, int, float]] = []
        #: what hooks do: good, fail, hang
        self.behaviour = {hook.name: "good" for hook in self.settings.hooks}
        self.behaved = NEVER
        self.traffic = [[0, 0] for _ in self.settings.nodes]
        self._deadline: float | None = None
        self.check = check
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self.events: list[Event] = []
        self.roles: Roles | None = None
        self.owners: dict[int, int] = {}
        self.changes: list[tuple[float, Event]] = []
        self.first_refusal = NEVER
        self.first_silence = NEVER
        self.steps = 0
        self.sent = 0
        #: how often the front was started anew
        self.life = 0
        self.monitor = Monitor(self.settings, start, active, 5 if active is not None else 0)
        self._carry_out()
        if calls:
            self.at(1.0 / calls, self._call)
            self.at(1.0, self._count)
        if chatter:
            self.at(1.0 / chatter, self._chat)
        for probe in self.settings.probes:
            for i in range(len(self.nodes)):
                self.at(self.random.random() * PROBE_EVERY, partial(self._check, i, probe))

    # ------------------------------------------------------------------ the world

    def at(self, delay: float, what: Callable[[], None]) -> None:
        """Let something happen after ``delay``."""
        self._order += 1
        heapq.heappush(self._queue, (self.now + delay, self._order, what))

    def change(self, node: int, **what: object) -> None:
        """Change the truth about a node."""
        this = self.nodes[node]
        if what.get("alive") is False:
            this.buffer.clear()
        for key, value in what.items():
            setattr(this, key, value)
        if not this.frozen and this.buffer:
            waiting, this.buffer = this.buffer, []
            if this.alive:
                for act in waiting:
                    self.at(self.random.uniform(0.0, 0.002), act)
        self.truth()

    def cut_off(self, cut: bool) -> None:
        """Cut the front off from everything inside, or join it again."""
        if self.cut and not cut:
            self.cut_ended = self.now
        if cut and not self.cut:
            self.cut_began = self.now
        self.cut = cut
        self.truth()

    def sleep(self, seconds: float) -> None:
        """The front itself does not run for a while; what arrives meanwhile is read later."""
        self.now += seconds
        self.slept = self.now

    def restart(self, seconds: float) -> None:
        """The front is killed and is there again: what it knows is what it has stored."""
        self.sleep(seconds)
        self.life += 1
        old = self.monitor
        self.monitor = Monitor(self.settings, self.now, old.active, old.epoch, old.modes, old.past)
        for node in self.nodes:
            node.asked_since, node.asked_sends = None, 0
        if old.view().window:
            self.monitor.window(True, self.now)
        self._carry_out()

    def truth(self) -> None:
        """Write down since when what has been true."""
        for node in self.nodes:
            if node.reachable and not self.cut:
                node.bad_since = None
            elif node.bad_since is None:
                node.bad_since = self.now
            if not node.fine or self.cut:
                node.fine_since = float("inf")
                node.hurt = self.now
            elif node.fine_since == float("inf"):
                node.fine_since = node.hurt = self.now
            if not node.loud or self.cut or node.silenced == float("inf"):
                node.silenced = self.now if node.loud and not self.cut else float("inf")
            only = node.quick and node.broken and node.lie is None and not self.cut
            if only != (node.broken_since is not None):
                node.broken_since = self.now if only else None
        if self.cut:
            self.last_cut = self.now

    # ------------------------------------------------------------------ the network

    def _lost(self, probability: float) -> bool:
        return self.cut or (probability > 0.0 and self.random.random() < probability)

    def _to(self, i: int, new: bool, reply: Callable[[], None]) -> None:
        """A request goes to node i; ``reply`` is called here when its answer arrives."""
        node = self.nodes[i]
        if self._lost(node.loss_to):
            return
        if not node.alive:
            self._refuse(i)
            return

        def serve() -> None:
            if node.mute and new:
                return
            if node.alive and not self._lost(node.loss_from):
                took = node.delay + self.random.random() * node.jitter
                self.at(took, partial(self._arrive, reply))

        if node.frozen:
            if len(node.buffer) < BUFFER:
                node.buffer.append(serve)
        else:
            serve()

    def _arrive(self, reply: Callable[[], None]) -> None:
        if not self.cut:
            reply()

    def _refuse(self, i: int) -> None:
        node = self.nodes[i]
        if node.icmp == "none" or self._lost(node.loss_from):
            return
        if node.icmp == "limited":
            node.tokens = min(6.0, node.tokens + (self.now - node.tokens_at))
            node.tokens_at = self.now
            if node.tokens < 1.0:
                return
            node.tokens -= 1.0
        self.at(0.0003, lambda: self._refused(i))

    def _refused(self, i: int) -> None:
        if self.first_refusal == NEVER:
            self.first_refusal = self.now
        self.tell(Refused(i, self.now))

    def hear(self, i: int) -> None:
        node = self.nodes[i]
        node.spoke = self.now
        node.asked_since = None
        node.asked_sends = 0
        self._deadline = None
        self.monitor.heard(i, self.now)

    # ------------------------------------------------------------------ traffic

    def _call(self) -> None:
        """One new request to the active node, with its retransmissions while nothing is heard."""
        self.at(self.random.expovariate(self.calls), self._call)
        i = self.monitor.active
        if i is None or self.roles is None or self.roles.states[i] is State.DOWN:
            return
        self._request(i, self.now, 0.05)

    def _request(self, i: int, first: float, gap: float) -> None:
        node = self.nodes[i]
        if node.asked_since is None:
            node.asked_since = self.now
        node.asked_sends += 1
        self._to(i, True, lambda: self._response(i))
        self.at(ADAPTIVE, lambda: self._unanswered(i))
        if gap < 0.5:
            self.at(gap, lambda: self._again(i, first, gap * 2))

    def _again(self, i: int, first: float, gap: float) -> None:
        if self.nodes[i].spoke < first and self.monitor.active == i:
            self._request(i, first, gap)

    def _response(self, i: int) -> None:
        self.hear(i)
        if self.nodes[i].status == 503:
            self.tell(Overload(i, self.now, 0))
            return
        self.traffic[i][0] += 1
        self.traffic[i][1] += self.nodes[i].broken

    def _count(self) -> None:
        """What the runtime counts of real calls, once a second."""
        self.at(1.0, self._count)
        for i, (finals, failed) in enumerate(self.traffic):
            if finals:
                self.traffic[i] = [0, 0]
                self.tell(Traffic(i, finals, failed, self.now))

    def _unanswered(self, i: int) -> None:
        node = self.nodes[i]
        since = node.asked_since
        if since is not None and node.asked_sends >= 2 and self.now >= since + ADAPTIVE:
            if self.first_silence == NEVER and not node.reachable:
                self.first_silence = since
            self.tell(Silent(i, since, self.now, node.asked_sends))

    def _chat(self) -> None:
        """A node says something inside a dialog."""
        self.at(self.random.expovariate(self.chatter), self._chat)
        i = self.monitor.active
        if i is None:
            return
        node = self.nodes[i]
        if node.alive and not node.frozen and not self._lost(node.loss_from):
            self.at(node.delay / 2, lambda: self._heard(i))

    def _heard(self, i: int) -> None:
        self.hear(i)
        self._carry_out()

    # ------------------------------------------------------------------ the runtime's part

    def tell(self, ev: Evidence) -> None:
        """Hand evidence to the monitor and do what it wants."""
        self.monitor.evidence(ev)
        self._carry_out()

    def _probe(self, ask: SendProbe) -> None:
        sent, self.sent = self.now, self.sent + 1
        i, kind, life = ask.node, ask.kind, self.life

        def reply() -> None:
            if life != self.life:
                return
            self.hear(i)
            status = 481 if kind == "bye" else self.nodes[i].status
            self.tell(Answered(i, ask.probe, status, sent, self.now))

        node = self.nodes[i]
        if self.first_silence == NEVER and not node.reachable:
            self.first_silence = self.now
        self._to(i, kind == "options", reply)

    def _carry_out(self) -> None:
        self.steps += 1
        self._deadline = None
        actions = self.monitor.take()
        last = max((n for n, do in enumerate(actions) if isinstance(do, Roles)), default=-1)
        for n, do in enumerate(actions):
            if isinstance(do, SendProbe):
                self._probe(do)
            elif isinstance(do, Event):
                self.events.append(do)
                if do.kind in ROLE_EVENTS:
                    self.changes.append((self.now, do))
                    if self.check:
                        self._check_change(do)
            elif isinstance(do, Roles):
                if self.check:
                    self._check_roles(do, n == last)
                self.roles = do
            elif isinstance(do, RunHook):
                self._hook(do)
            elif isinstance(do, AskWitness) and not self.cut:
                self.at(0.001, partial(self._witnessed, do.name))
        if self.check:
            self._check_promise()

    def _witnessed(self, name: str) -> None:
        self.tell(Witness(name, True, self.now))

    def run(self, seconds: float) -> None:
        """Let so much time go by."""
        end = self.now + seconds
        queue = self._queue
        while True:
            deadline = self._deadline
            if deadline is None:
                deadline = self._deadline = self.monitor.next_deadline()
            at = queue[0][0] if queue else float("inf")
            when = min(deadline, at)
            if when > end:
                break
            self.now = max(self.now, when)
            if at <= deadline:
                heapq.heappop(queue)[2]()
            else:
                self.monitor.expire(self.now)
                self._carry_out()
                self._deadline = self.monitor.next_deadline()
                if self.check and self._deadline <= self.now - 1e-9:
                    raise Broken("a deadline in the past: the runtime would spin")
        self.now = end

    def switchover(self, to: int | str | None = None, force: bool = False) -> tuple[bool, str]:
        answer = self.monitor.switchover(to, self.now, force)
        self._carry_out()
        return answer

    def mode(self, node: int | str, mode: str, force: bool = False) -> tuple[bool, str]:
        self.put_back = self.now
        answer = self.monitor.mode(node, mode, self.now, force)
        self._carry_out()
        return answer

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def settings(**what: object) -> Settings:
    """The defaults, with some of them changed."""
    return replace(Settings(nodes=NAMES), **what)  # type: ignore[arg-type]
