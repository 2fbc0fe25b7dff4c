"""A stage for long stories of registrations: an engine, two small registrars, many phones, a clock.

The registrars are those of the demonstration (digest authentication, RFC 3261 10.3); phones register
again at half of what they were told, and answer challenges.  Nothing sleeps: time is moved from one
deadline to the next.
"""

from __future__ import annotations

import heapq
from collections import Counter
from functools import partial
from itertools import count

from sipfront.demo.registrar import Denied, Doorman, Registrar
from sipfront.sip import digest
from sipfront.sip import headers as h
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from sipfront.stack.accounts import Account
from sipfront.stack.flows import Flow
from sipfront.stack.notices import HangUp, Note, Notice, Reached
from tests.stack.phones import settings
from tests.stack.world import World, octets, request

_branches = count(1)


def password(user: str) -> str:
    """A phone's secret."""
    return f"secret-{user}"


class Pbx:
    """One registrar, which may be dead, or fall silent, or lose its memory."""

    def __init__(self, users: list[str]) -> None:
        self.users = users
        self.alive = True
        self.silent = False  #: it gets what is sent, and says nothing
        self.takes = 0.0  #: seconds until it answers
        self.loses = 0  #: every so many-th REGISTER never reaches it
        self.lost = self._arrived = 0
        self.doorman = Doorman("example.com", {user: password(user) for user in users})
        self.registrar = Registrar()
        #: REGISTERs by the second in which they came
        self.rate: Counter[int] = Counter()
        self.times: list[float] = []

    def forget(self) -> None:
        """Start anew with an empty table (and other nonces)."""
        self.registrar = Registrar()
        self.doorman = Doorman("example.com", {user: password(user) for user in self.users})

    def answer(self, message: Message, now: float) -> bytes | None:
        """What it answers."""
        if not self.alive:
            return None
        if message.method == b"REGISTER":
            self._arrived += 1
            if self.loses and self._arrived % self.loses == 0:
                self.lost += 1
                return None
            self.times.append(now)
        if self.silent:
            return None
        if message.method != b"REGISTER":
            return reply(message, 200, to_tag=b"n")
        try:
            user = self.doorman.check(message, now)
            lines = self.registrar.register(user, message, now)
        except Denied as denied:
            return reply(message, denied.status, to_tag=b"n", extra=denied.extra)
        return reply(message, 200, to_tag=b"n", extra=lines)

    def busiest(self) -> int:
        """The most REGISTERs in any second."""
        best, begin = 0, 0
        for end, at in enumerate(self.times):
            while self.times[begin] <= at - 1.0:
                begin += 1
            best = max(best, end - begin + 1)
        return best


class SimPhone:
    """One telephone that keeps itself registered."""

    def __init__(self, stage: Stage, user: str, flow: Flow) -> None:
        self.stage = stage
        self.user = user
        self.flow = flow
        self.call_id = f"phone-{user}"
        self.cseq = 0
        self.until = 0.0
        self.answered = 0.0
        self.waits = 0.0  #: since when for an answer
        self.longest = 0.0
        self.refused: Counter[int] = Counter()
        self.challenge: digest.Params | None = None
        self.sent_at: list[float] = []
        self.off = False
        self.expires = 3600

    def register(self, now: float, expires: int | None = None) -> None:
        """Send a REGISTER; it wants an hour if nothing else is said."""
        if self.off:
            return
        if expires is not None:
            self.expires = expires
        self.cseq += 1
        proof = ""
        if self.challenge is not None:
            secret = digest.Credentials.of(
                self.user.encode(), b"example.com", password(self.user).encode()
            )
            header = secret.header(self.challenge, b"REGISTER", b"sip:example.com", b"c")
            proof = f"Authorization: {header.decode()}"
            self.challenge = None
        else:
            self.waits = now
            self.sent_at.append(now)
        text = request(
            "REGISTER",
            "sip:example.com",
            via=f"{self.flow.host}:{self.flow.port}",
            branch=f"s{next(_branches)}",
            sender=f"<sip:{self.user}@example.com>;tag=f",
            to=f"<sip:{self.user}@example.com>",
            call_id=self.call_id,
            cseq=self.cseq,
            contact=f"<sip:{self.user}@192.168.0.9:5060>",
            extra=f"Expires: {self.expires}\n{proof}",
        )
        self.stage.hear(self.flow, text)

    def hears(self, message: Message, now: float) -> None:
        """An answer to its REGISTER."""
        if message.status < 200 or message.cseq_method != b"REGISTER" or self.off:
            return
        if message.status == 401:
            self.challenge = digest.parse(message.values(h.WWW_AUTHENTICATE)[0])
            self.register(now)
            return
        self.longest = max(self.longest, now - self.waits)
        if message.status != 200:
            self.refused[message.status] += 1
            self.stage.later(now + 5, self.register)
            return
        value = message.values(h.CONTACT)
        told = int(value[0].rpartition(b"=")[2]) if value else 0
        self.answered = now
        self.until = now + told
        self.stage.later(now + told / 2, self.register)


class Stage:
    """All of it."""

    def __init__(self, phones: int = 2, *, known: bool = True, **registering: object) -> None:
        users = [str(1000 + number) for number in range(phones)]
        self.world = World(settings=settings(**registering))
        self.pbxs = [Pbx(users), Pbx(users)]
        self.told: list[Notice] = []
        self._heap: list[tuple[float, int, object]] = []
        self._order = count()
        self.phones: dict[int, SimPhone] = {}
        for number, user in enumerate(users):
            flow = self.world.phone(f"198.51.{number // 200}.{1 + number % 200}", 5060)
            self.phones[flow.ident] = SimPhone(self, user, flow)
        if known:
            self.accounts()
        self.later(self.now, self._probe)

    @property
    def now(self) -> float:
        return self.world.now

    def accounts(self, *but: str) -> None:
        """The front learns the credentials, of all phones but these."""
        table = {
            phone.user.encode(): Account(phone.user.encode(), password(phone.user).encode())
            for phone in self.phones.values()
            if phone.user not in but
        }
        self.world.engine.accounts_changed(table, self.now)

    def phone(self, user: str) -> SimPhone:
        """The phone of a user."""
        return next(phone for phone in self.phones.values() if phone.user == user)

    def later(self, at: float, what: object) -> None:
        """Do something at a time."""
        heapq.heappush(self._heap, (at, next(self._order), what))

    def hear(self, flow: Flow, text: str) -> None:
        """Something reaches the front; everything that follows at once happens."""
        self.world.engine.receive(octets(text), flow, self.now)
        self.settle()

    def settle(self) -> None:
        """Carry messages until nobody says anything more."""
        engine = self.world.engine
        while True:
            sent = engine.take()
            self.told += engine.notices()
            if not sent:
                return
            for flow, data in sent:
                message = scan(data)
                if flow.node >= 0:
                    pbx = self.pbxs[flow.node]
                    answer = pbx.answer(message, self.now)
                    if answer is None:
                        continue
                    if pbx.takes:
                        self.later(self.now + pbx.takes, partial(engine.receive, answer, flow))
                    else:
                        engine.receive(answer, flow, self.now)
                elif message.status and flow.ident in self.phones:
                    self.phones[flow.ident].hears(message, self.now)

    def _probe(self, now: float) -> None:
        """Control asks both nodes how they are."""
        for node in range(2):
            self.world.engine.probe(node, 0, now)
        self.later(now + 5, self._probe)
        self.settle()

    def switch_on(self, over: float = 0.0) -> None:
        """All phones come, evenly within this time."""
        phones = list(self.phones.values())
        for number, phone in enumerate(phones):
            self.later(self.now + over * number / len(phones), phone.register)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        engine = self.world.engine
        while True:
            deadline = engine.next_deadline()
            at = min(self._heap[0][0] if self._heap else end, end if deadline is None else deadline)
            if at >= end:
                break
            self.world.now = max(self.now, at)
            while self._heap and self._heap[0][0] <= self.now:
                _, _, what = heapq.heappop(self._heap)
                what(self.now)  # type: ignore[operator]
            engine.expire(self.now)
            self.settle()
        self.world.now = end

    # -- what is there -------------------------------------------------------------------------

    def at(self, node: int) -> int:
        """Bindings at a node."""
        return self.pbxs[node].registrar.count(self.now)

    def held(self, node: int) -> int:
        """Bindings of which the front believes that the node has them."""
        return sum(b.held[node] > self.now for b in self.world.engine.shared.bindings)

    def reached(self) -> list[Reached]:
        """What was told of how many can be called."""
        return [notice for notice in self.told if isinstance(notice, Reached)]

    def notes(self, event: str) -> list[Note]:
        """Notes with this name."""
        return [n for n in self.told if isinstance(n, Note) and n.event == event]

    def hung_up(self) -> list[Flow]:
        """Connections that were to be closed."""
        return [notice.flow for notice in self.told if isinstance(notice, HangUp)]

    @property
    def counters(self) -> dict[str, int]:
        """The engine's counters."""
        return self.world.engine.counters
