"""What the parts of the engine share: tables, counters, fresh tokens.  No rule lives here."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from sipfront.sip.host import host_key
from sipfront.stack.accounts import Accounts
from sipfront.stack.bindings import Bindings
from sipfront.stack.dialog import Legs
from sipfront.stack.enrolment import Enrolments
from sipfront.stack.guard import Guard, Nonces
from sipfront.stack.hiding import Tokens, literal
from sipfront.stack.mask import Mask
from sipfront.stack.matching import COOKIE
from sipfront.stack.named import Named, NamedTargets
from sipfront.stack.notices import Note, Notice
from sipfront.stack.pair import Pair
from sipfront.stack.record import EVENTS
from sipfront.stack.records import Records
from sipfront.stack.refusal import Refusal as Refusal
from sipfront.stack.registrar import Registrar
from sipfront.stack.setups import SetUps
from sipfront.stack.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.stack.flows import Flow, Flows, Listener
    from sipfront.stack.record import Record
    from sipfront.stack.settings import Settings
    from sipfront.stack.transaction import ServerTx

#: Notices that wait for the runtime at most; it takes them after every batch.
MAX_NOTICES = 10_000
#: Far sides that did not fit into a token, remembered at most.
MAX_NAMED = 200_000
#: Fresh octets are drawn so many at once; a multiple of 8.
_POOL = 4096


class Shared:
    """One of each table, and the few things that everybody asks."""

    def __init__(self, settings: Settings, flows: Flows, entropy: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.flows = flows
        homes = tuple((literal(node.host) or "", node.port) for node in settings.nodes)
        self.tokens = Tokens(settings.token_keys, settings.binding_key, homes)
        self.legs = Legs(settings.limits.dialogs, len(settings.nodes))
        self.bindings = Bindings(settings.limits.bindings, settings.limits.contacts_per_aor)
        self.accounts = Accounts()
        self.registrar = Registrar(self.bindings, self.tokens, settings, self.accounts)
        self.pair = Pair(len(settings.nodes), settings.timing)
        self.guard = Guard(settings.limits)
        self.nonces = Nonces()
        self.named = NamedTargets(MAX_NAMED)
        self.enrolments = Enrolments(self.tokens, len(settings.nodes), settings.wall_offset)
        #: requests that wait for a route, by their transaction's key
        self.parked: dict[bytes, ServerTx] = {}
        self.trunk_flows: dict[str, tuple[Flow, ...]] = {}
        self.counters: dict[str, int] = {}
        self.tally = Tally()
        self.records = Records(settings.limits.dialogs, self.fresh, self.lasting)
        self.setups = SetUps()
        self.notices: list[Notice] = []
        self._entropy = entropy
        self._pool = b""
        self._at = 0
        outside = [listener for listener in flows.listeners if not listener.inside]
        inside = [listener for listener in flows.listeners if listener.inside]
        #: (host, port) pairs and hosts that are this front
        self.own_hosts = frozenset(host_key(listener.host) for listener in flows.listeners)
        self.inside_hosts = frozenset(host_key(listener.host) for listener in inside)
        self.domains = frozenset(domain.lower() for domain in settings.domains)
        self.domain = settings.domains[0] if settings.domains else outside[0].host
        betraying = {host for node in settings.nodes for host in node.hosts}
        betraying |= {listener.host.lower() for listener in inside} | self.inside_hosts
        betraying -= {host_key(listener.host) for listener in outside}
        self.mask = Mask(tuple(sorted(betraying)), self.domain)

    def count(self, name: str) -> None:
        """One more of what is counted under ``name``."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def answering(self, server: ServerTx, status: int, now: float) -> None:
        """An answer to an INVITE is about to be sent."""
        self.tally.answering(server, status, now)
        self.records.answering(server, status, now)
        self.setups.answering(server, status)

    def tell(self, notice: Notice) -> None:
        """Something for the runtime; dropped and counted when nobody reads."""
        if len(self.notices) < MAX_NOTICES:
            self.notices.append(notice)
        else:
            self.count("notices dropped")

    def note(
        self,
        now: float,
        event: str,
        call_id: bytes,
        detail: str = "",
        record: Record | None = None,
    ) -> None:
        """One log line about one message or call, with both Call-IDs of the call."""
        other = record.beside(call_id) if record is not None else b""
        name, beside = call_id.decode("utf-8", "replace"), other.decode("utf-8", "replace")
        self.tell(Note(now, event, name, detail, beside))

    def done(
        self, server: ServerTx, what: int, now: float, detail: str = "", event: str = ""
    ) -> None:
        """Something (a bit of :mod:`~sipfront.stack.record`) was done for the call of an INVITE."""
        record = server.plan.record if server.plan is not None else None
        if record is not None and not record.ended and server.request is not None:
            record.done |= what
            self.note(now, event or EVENTS[what], server.request.call_id, detail, record)

    def fresh(self) -> bytes:
        """Sixteen characters that nobody can guess."""
        at = self._at
        if at >= len(self._pool):
            self._pool = self._entropy(_POOL).hex().encode()
            at = 0
        self._at = at + 16
        return self._pool[at : at + 16]

    def lasting(self, server: ServerTx, what: bytes = b"") -> bytes:
        """Sixteen characters that nobody else can guess, the same whenever that request comes.

        What RFC 3261 16.11 asks of a stateless proxy: a request that is sent again to a front that
        was started again is the same one to whoever has it already.
        """
        request, flow = server.request, server.flow
        content = b"" if request is None else b"%b %d" % (request.call_id, request.cseq)
        content = b"%b\0%b\0%b:%d\0%b" % (what, server.key, flow.host.encode(), flow.port, content)
        return blake2b(content, key=self.settings.binding_key, digest_size=8).hexdigest().encode()

    def branch(self, server: ServerTx | None, flow: Flow) -> bytes:
        """The branch of a request: what it forwards and where to say it, or nobody knows it.

        A REGISTER gets a number of its own whenever it comes, so it is never the same.
        """
        request = None if server is None else server.request
        if server is None or request is None or request.method == b"REGISTER":
            return COOKIE + self.fresh()
        before = sum([one.flow is flow for one in server.branches])
        where = b"%d %d %b:%d %d" % (
            flow.node,
            flow.listener.index,
            flow.host.encode(),
            flow.port,
            before,
        )
        return COOKIE + self.lasting(server, where)

    def retry_after(self) -> bytes:
        """A Retry-After line, spread over a few seconds so that not all come back at once."""
        return b"Retry-After: %d\r\n" % (5 + self.fresh()[0] % 6)

    def name(self, side: int, node: int, flow: Flow | None, target: bytes) -> bytes:
        """A named token for what does not fit into a dialog token."""
        # By address, not by the flow's number: numbers mean something else after a restart.
        where = b"%d" % node
        if flow is not None:
            where += b" %d %b %d" % (flow.listener.index, flow.host.encode(), flow.port)
        token = self.tokens.named(side, where + b" " + target)
        self.named.put(token, Named(node, flow, target))
        return token

    def listener_to(self, flow: Flow) -> Listener:
        """The address that the peer behind ``flow`` knows us by."""
        return flow.listener
