"""REGISTERs of the front's own, where it knows a phone's credentials: a binding is kept at a node
while its phone is there, and removed when the phone is gone.

One *job* is one thing that a node is to be told (or asked): it sends a REGISTER, answers the
challenge, and notes what came of it in the binding.  Which jobs there are is decided in
:mod:`sipfront.stack.registrations`; when they may go in :mod:`sipfront.stack.pace`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from sipfront.sip.headers import PROXY_AUTHENTICATE, RETRY_AFTER, WWW_AUTHENTICATE
from sipfront.sip.uri import Uri
from sipfront.stack.branches import node_uri
from sipfront.stack.contacts import call_id, granted_by
from sipfront.stack.forward import hidden
from sipfront.stack.pace import Turn
from sipfront.stack.transaction import ClientTx

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.bindings import Binding
    from sipfront.stack.flows import Listener
    from sipfront.stack.pace import Queue
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared

#: REGISTERs of our own that one node has not answered, at most.
MAX_OPEN = 64
#: After a failure the same thing is not tried again for so long, seconds.
PAUSE = 30.0
#: A user that a node does not know is not offered to it again for so long, seconds.
UNKNOWN_PAUSE = 300.0
#: Failures remembered at most.
MAX_PAUSES = 200_000
#: A challenge answers for all users for so long, seconds: Asterisk's nonces live 32 s.
CHALLENGE_LIFE = 20.0
#: So many challenges that did not: this node binds them to something; no more guessing.
MAX_MISSES = 5


class Kind(IntEnum):
    """What a job is for."""

    PUT = 0
    REMOVE = 1
    ASK = 2  # is it still there?


class Job:
    """One binding at one node."""

    __slots__ = ("_mirror", "binding", "guessed", "kind", "node", "proof", "proved", "tries")

    def __init__(self, mirror: Mirror, binding: Binding, node: int, kind: Kind) -> None:
        self._mirror = mirror
        self.binding = binding
        self.node = node
        self.kind = kind
        #: the header line that answers the last challenge
        self.proof = b""
        self.proved = False
        #: whether that is a challenge which another job got
        self.guessed = False
        self.tries = 0

    def go(self, now: float) -> bool:
        """Its turn has come."""
        return self._mirror.send(self, now)

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        """The node answered."""
        if message.status >= 200:
            self._mirror.answered(self, client, message, now)

    def failed(self, now: float) -> None:
        """No answer came."""
        self._mirror.failed(self, now, "no answer")


class Challenge:
    """What a node last asked for, and how often it was answered."""

    __slots__ = ("at", "count", "misses", "proxy", "values")

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.proxy = False
        self.at = -CHALLENGE_LIFE
        self.count = 0
        self.misses = 0


class Mirror:
    """The jobs under way."""

    def __init__(self, shared: Shared, proxy: Proxy, queues: list[Queue]) -> None:
        self._shared = shared
        self._proxy = proxy
        self._queues = queues
        nodes = len(queues)
        self._jobs: dict[tuple[bytes, int], Job] = {}
        self._open = [0] * nodes
        self._later: dict[tuple[bytes, int], float] = {}
        self._challenges = [Challenge() for _ in range(nodes)]
        #: until when a node wants nothing (503 with Retry-After)
        self._hold = [0.0] * nodes
        #: what came of asking: (binding, node) that were not there, told to whoever asks
        self.missing: list[tuple[Binding, int]] = []
        #: when something was last put at a node
        self.put_at = [0.0] * nodes

    def want(self, binding: Binding, node: int, kind: Kind, now: float, *, soon: bool) -> bool:
        """A node is to be told; False when that is not to be now."""
        key = (binding.name, node)
        old = self._jobs.get(key)
        if old is not None and old.kind == kind and old.binding is binding:
            return True
        if kind != Kind.ASK and not self.may(key, now):
            return False
        if self._shared.accounts.of(binding.aor) is None or self._hold[node] > now:
            return False
        job = self._jobs[key] = Job(self, binding, node, kind)
        self._queues[node].put(job, Turn.OWN_SOON if soon else Turn.OWN)
        return True

    def may(self, key: tuple[bytes, int], now: float) -> bool:
        """Whether enough time has passed since it failed the last time."""
        until = self._later.get(key)
        if until is None:
            return True
        if until > now:
            return False
        del self._later[key]
        return True

    def waiting(self) -> int:
        """Jobs that are not done."""
        return len(self._jobs)

    def forget(self, name: bytes) -> None:
        """The phone itself speaks to the nodes again: what was wanted is out of date."""
        for node in range(len(self._queues)):
            self._jobs.pop((name, node), None)
            self._later.pop((name, node), None)

    def _current(self, job: Job, now: float) -> bool:
        """Whether it is still wanted."""
        key = (job.binding.name, job.node)
        if self._jobs.get(key) is not job:
            return False
        known = self._shared.bindings.get(job.binding.name)
        if job.kind == Kind.REMOVE:
            return known is None
        if known is None or known.expires <= now:
            del self._jobs[key]
            return False
        job.binding = known
        return True

    # -- sending -------------------------------------------------------------------------------

    def send(self, job: Job, now: float) -> bool:
        """Send its REGISTER; False when that cannot be or is not wanted any more."""
        shared = self._shared
        pair = shared.pair
        node = job.node
        if not self._current(job, now):
            return False
        flow = pair.flow(node, job.binding.local)
        account = shared.accounts.of(job.binding.aor)
        full = self._open[node] >= MAX_OPEN or pair.down(node) or pair.links[node].suspect
        if flow is None or account is None or full:
            self._jobs.pop((job.binding.name, node), None)  # wanted again when it is looked at
            return False
        uri = node_uri(shared, job.binding.uri, node)
        challenge = self._challenges[node]
        if not job.proof and now - challenge.at < CHALLENGE_LIFE:
            if challenge.misses < MAX_MISSES:
                self._prove(job, challenge, uri)
                job.guessed = bool(job.proof)
        self._open[node] += 1
        branch = b"z9hG4bK" + shared.fresh()
        client = ClientTx(
            branch,
            self._register(job, uri, branch, flow.listener, now),
            flow,
            node,
            False,
            None,
            now,
        )
        client.task = job
        link = pair.links[node]
        link.sent(now)
        gate = self._proxy.gate
        wait = link.interval if gate is None else gate.interval(link, now)
        self._proxy.layer.open_client(client, now, wait)
        shared.count("REGISTERs of our own")
        return True

    def _register(
        self, job: Job, uri: bytes, branch: bytes, listener: Listener, now: float
    ) -> bytes:
        binding = job.binding
        registrar = self._shared.registrar
        to = binding.to or b"sip:" + binding.aor
        lines = b""
        name = binding.name
        if job.kind == Kind.ASK:
            name = registrar.series(binding.aor)
        else:
            seconds = 0
            if job.kind == Kind.PUT:
                seconds = registrar.node_expiry(binding.aor, job.node)
            shown = hidden(Uri.parse(binding.contact), listener, binding.name)
            lines = b"Contact: <%b>%b;expires=%d\r\n" % (shown, binding.params, seconds)
        if binding.user_agent:
            lines += b"User-Agent: %b\r\n" % binding.user_agent
        return (
            b"REGISTER %b SIP/2.0\r\nVia: %b;branch=%b;rport\r\nMax-Forwards: 70\r\n"
            b"From: <%b>;tag=%b\r\nTo: <%b>\r\nCall-ID: %b\r\nCSeq: %d REGISTER\r\n%b%b"
            b"Content-Length: 0\r\n\r\n"
        ) % (
            uri,
            listener.via,
            branch,
            to,
            self._shared.fresh(),
            to,
            call_id(name),
            registrar.number(name, now),
            job.proof,
            lines,
        )

    def _prove(self, job: Job, challenge: Challenge, uri: bytes) -> None:
        account = self._shared.accounts.of(job.binding.aor)
        if account is None:
            return
        challenge.count += 1
        value = account.answer(
            challenge.values, b"REGISTER", uri, self._shared.fresh(), challenge.count
        )
        header = b"Proxy-Authorization" if challenge.proxy else b"Authorization"
        job.proof = b"%b: %b\r\n" % (header, value) if value else b""

    # -- what came of it -----------------------------------------------------------------------

    def answered(self, job: Job, client: ClientTx, message: Message, now: float) -> None:
        """A final answer."""
        node = job.node
        self._open[node] -= 1
        status = message.status
        if self._jobs.get((job.binding.name, node)) is not job:
            return  # its phone spoke meanwhile
        if status in (401, 407):
            self._challenged(job, client, message, now)
        elif status < 300:
            if job.guessed:
                self._challenges[node].misses = 0
            self._done(job, message, now)
        elif status == 423 and self._shared.registrar.too_brief(message, node):
            self._queues[node].put(job, Turn.OWN_PROOF)
        elif status == 503:
            value = message.value(RETRY_AFTER) or b""
            digits = value.partition(b"(")[0].partition(b";")[0].strip()
            self._hold[node] = now + (min(int(digits), 600) if digits.isdigit() else 5)
            self.failed(job, now, "refused with 503", opened=False)
        else:
            if status == 403:
                self._refused(job, now)
            self.failed(job, now, f"refused with {status}", opened=False, unknown=status == 404)

    def _challenged(self, job: Job, client: ClientTx, message: Message, now: float) -> None:
        node = job.node
        challenge = self._challenges[node]
        values = message.values(WWW_AUTHENTICATE)
        proxy = not values
        values = values or message.values(PROXY_AUTHENTICATE)
        stale = any(b"stale=true" in value.lower().replace(b" ", b"") for value in values)
        if job.guessed and not stale:
            challenge.misses += 1
        wrong = job.proved and not stale
        job.tries += 1
        if wrong or job.tries > 3:
            self._refused(job, now)
            self.failed(job, now, "credentials refused", opened=False)
            return
        if challenge.misses < MAX_MISSES:
            challenge.values, challenge.proxy, challenge.at, challenge.count = values, proxy, now, 0
            own = challenge
        else:
            own = Challenge()
            own.values, own.proxy = values, proxy
        job.guessed = False
        self._prove(job, own, client.sent.split(b" ", 2)[1])
        if not job.proof:
            self.failed(job, now, "challenge cannot be answered", opened=False)
            return
        job.proved = True
        self._queues[node].put(job, Turn.OWN_PROOF)

    def _done(self, job: Job, message: Message, now: float) -> None:
        shared = self._shared
        node = job.node
        binding = job.binding
        place = shared.registrar.place(node)
        granted = granted_by(message)
        self._jobs.pop((binding.name, node), None)
        found = granted.get(binding.name)
        if job.kind == Kind.REMOVE:
            binding.held[place] = 0.0
            shared.count("bindings removed at a node")
            return
        if job.kind == Kind.ASK:
            if found is None or found[1] <= 0:
                self.missing.append((binding, node))
            return
        if found is None or found[1] <= 0:
            self.failed(job, now, "accepted without the binding", opened=False)
            return
        binding.held[place] = now + found[1]
        binding.granted[place] = found[1]
        shared.bindings.touch(binding)
        self.put_at[node] = now
        shared.count("bindings put at a node")
        for other in shared.bindings.of(binding.aor, now):
            if other.name not in granted and other.held[place] > now:
                self._contested(binding, other, place, node)

    def _contested(self, binding: Binding, other: Binding, place: int, node: int) -> None:
        """A node's list lacks another phone of this address: it lost it, or has no room for both."""
        if not other.remade:
            other.held[place] = 0.0
            other.remade = True
            self.missing.append((other, node))
            return
        loser = other if other.seen <= binding.seen else binding
        self._shared.count("bindings that a node has no room for")
        self._shared.bindings.remove(loser)

    def _refused(self, job: Job, now: float) -> None:
        """The credentials that we know are not those of the node: the phone must speak itself."""
        shared = self._shared
        if job.binding.aor not in shared.accounts.refused:
            shared.accounts.refused.add(job.binding.aor)
            shared.count("known credentials that a node refused")
            shared.note(
                now, "credentials_outdated", b"", job.binding.aor.decode("utf-8", "replace")
            )

    def failed(
        self, job: Job, now: float, why: str, *, opened: bool = True, unknown: bool = False
    ) -> None:
        """It came to nothing; it is tried again later, if it is still wanted then."""
        if opened:
            self._open[job.node] -= 1
        key = (job.binding.name, job.node)
        if self._jobs.get(key) is job:
            del self._jobs[key]
        self._shared.count(f"own REGISTER: {why}")
        if len(self._later) < MAX_PAUSES:
            self._later[key] = now + (UNKNOWN_PAUSE if unknown else PAUSE)
