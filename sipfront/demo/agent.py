"""A SIP user agent over one UDP socket: the shell around :mod:`sipfront.stack.layer`.

It owns the socket, the transactions and the one timer; requests inside a dialog go to whoever has
that dialog (:mod:`sipfront.demo.call`), all others to its :class:`User`.  It can be killed, frozen
and slowed down, because that is what a demonstration is for.

It refuses to know what a PBX or a phone does.  The folder's own modules and tests import it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from sipfront.demo import wire
from sipfront.demo.request import InDialog, Request, User
from sipfront.runtime import clock
from sipfront.sip import address
from sipfront.sip import via as via_header
from sipfront.sip.errors import Malformed, SipError
from sipfront.sip.headers import VIA
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from sipfront.sip.uri import Uri
from sipfront.stack.flows import Flow, Flows, Listener, Transport
from sipfront.stack.layer import Transactions
from sipfront.stack.settings import Timing
from sipfront.stack.timers import UNTIL
from sipfront.stack.transaction import ACCEPTED, COMPLETED, CONFIRMED, ClientTx, ServerTx

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Told with each answer; None: there was none, or the transport failed.
    OnAnswer = Callable[[Message | None], None]

#: What a socket's buffer of the usual size holds while nobody reads it.
BACKLOG = 200
_SIP_PORT = 5060


class Agent(asyncio.DatagramProtocol):
    """One user agent."""

    def __init__(self, host: str, port: int, user: User, *, timing: Timing | None = None) -> None:
        self.user = user
        self.timing = timing or Timing()
        self.listener = Listener(
            0, Transport.UDP, host.encode(), port, inside=False, bound=(host, port)
        )
        #: where requests outside of dialogs go, if not to their Request-URI (RFC 3261 8.1.2)
        self.proxy: tuple[str, int] | None = None
        self.dialogs: dict[tuple[bytes, bytes], InDialog] = {}
        self.counters: dict[str, int] = {}
        self.delay = 0.0  # seconds by which everything that comes is delayed
        #: told of every message that is sent (True) or read (False)
        self.watch: Callable[[bool, bytes], None] | None = None
        self._flows = Flows([self.listener])
        self._layer = Transactions(self.timing, self)
        self._clients: dict[bytes, OnAnswer] = {}
        self._open: dict[bytes, Request] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._frozen = False
        self._backlog: deque[tuple[bytes, tuple[str, int]]] = deque(maxlen=BACKLOG)

    # -- life and death ------------------------------------------------------------------------

    async def open(self) -> None:
        """Bind the socket, with nothing remembered."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=self.listener.bound
        )
        if self.listener.port == 0:
            host, port = self._transport.get_extra_info("sockname")[:2]
            self.listener = Listener(
                0, Transport.UDP, host.encode(), port, inside=False, bound=(host, port)
            )
            self._flows = Flows([self.listener])
        self._frozen = False

    def close(self) -> None:
        """Close the socket at once, as the end of the process would: nothing is said to anybody."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._layer = Transactions(self.timing, self)
        self._backlog.clear()
        self._open.clear()
        self.dialogs.clear()
        waiting, self._clients = self._clients, {}
        for told in waiting.values():
            told(None)

    @property
    def alive(self) -> bool:
        """Whether it has its socket."""
        return self._transport is not None

    def freeze(self) -> None:
        """Read, send and time out nothing; what comes waits as in a socket that nobody reads."""
        self._frozen = True

    def thaw(self) -> None:
        """Go on where it stopped, with everything that came meanwhile."""
        self._frozen = False
        while self._backlog and not self._frozen:
            self._received(*self._backlog.popleft())
        self._expire()

    @property
    def contact(self) -> bytes:
        """The host and port at which it is reached."""
        return self.listener.contact

    # -- sending -------------------------------------------------------------------------------

    def flow_to(self, uri: bytes) -> Flow:
        """The way to the host of a URI; only addresses, there is no DNS here."""
        parsed = Uri.parse(uri)
        return self.flow(parsed.host.decode("ascii", "replace"), parsed.port or _SIP_PORT)

    def flow(self, host: str, port: int) -> Flow:
        """The way to an address."""
        return self._flows.udp(self.listener, host, port)

    def next_hop(self, uri: bytes, routes: bytes = b"") -> Flow:
        """Where a request in a dialog goes (RFC 3261 8.1.2, 12.2.1.1; loose routers only)."""
        if routes:
            start, end = address.split(routes)[0]
            uri = address.parse(routes[start:end]).uri
        return self.flow_to(uri)

    def via(self, branch: bytes) -> bytes:
        """A Via of ours."""
        return b"%b;branch=%b;rport" % (self.listener.via, branch)

    def start(
        self, method: bytes, data: bytes, branch: bytes, flow: Flow, told: OnAnswer
    ) -> ClientTx:
        """Start a client transaction."""
        now = clock.now()
        tx = ClientTx(branch, data, flow, -1, method == b"INVITE", None, now)
        self._clients[branch] = told
        self._layer.open_client(tx, now)
        self._flush()
        return tx

    def post(self, data: bytes, flow: Flow) -> None:
        """Send something without a transaction: the ACK of a 2xx."""
        self._layer.outbox.append((flow, data))
        self._flush()

    def give_up_in(self, tx: ClientTx, seconds: float) -> None:
        """Do not wait longer for a final answer (RFC 3261 9.1: 64 T1 after the CANCEL)."""
        self._layer.timers.start(tx, UNTIL, seconds, clock.now())
        self._arm()

    async def ask(
        self,
        method: bytes,
        uri: bytes,
        *,
        sender: bytes,
        to: bytes,
        call_id: bytes,
        cseq: int,
        routes: bytes = b"",
        extra: bytes = b"",
        body: bytes = b"",
        flow: Flow | None = None,
    ) -> Message | None:
        """Send a request that is no INVITE; its final answer, None if there was none."""
        branch = wire.COOKIE + wire.fresh()
        data = wire.request(
            method,
            uri,
            via=self.via(branch),
            sender=sender,
            to=to,
            call_id=call_id,
            cseq=cseq,
            routes=routes,
            extra=extra,
            body=body,
        )
        answered: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def told(message: Message | None) -> None:
            if not answered.done() and (message is None or message.status >= 200):
                answered.set_result(message)

        if flow is None:
            flow = self.flow(*self.proxy) if self.proxy else self.next_hop(uri, routes)
        self.start(method, data, branch, flow, told)
        return await answered

    def answer(self, tx: ServerTx, data: bytes, status: int) -> None:
        """Answer a request through its transaction."""
        if status >= 200:
            self._open.pop(tx.key, None)
        self._layer.answer(tx, data, status, clock.now())
        self._flush()

    def _flush(self) -> None:
        if self._frozen:
            return
        outbox, self._layer.outbox = self._layer.outbox, []
        if self._transport is not None:
            for flow, data in outbox:
                if self.watch is not None:
                    self.watch(True, data)
                self._transport.sendto(data, (flow.host, flow.port))
        self._arm()

    # -- time ----------------------------------------------------------------------------------

    def _arm(self) -> None:
        deadline = self._layer.timers.next_deadline()
        if deadline is None or self._transport is None:
            return
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        delay = max(0.0, deadline - clock.now())
        self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if not self._frozen and self._transport is not None:
            self._layer.expire(clock.now())
            self._flush()

    # -- receiving -----------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One datagram came."""
        if self._frozen:
            self._backlog.append((data, addr))
        elif self.delay:
            asyncio.get_running_loop().call_later(self.delay, self._received, data, addr)
        else:
            self._received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The network refused a datagram; an unconnected socket is hardly ever told."""
        self._count(f"error: {type(exc).__name__}")

    def _received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is None:
            return
        if self.watch is not None:
            self.watch(False, data)
        try:
            message = scan(data)
        except Malformed as error:
            # Answered without a transaction: it may lack what makes one.
            self._count("malformed: " + error.reason)
            broken = error.message
            if isinstance(broken, Message) and broken.method not in (b"", b"ACK"):
                self._transport.sendto(reply(broken, error.status, to_tag=wire.fresh()), addr)
            return
        except SipError as error:
            self._count("garbage: " + error.reason)
            return
        flow = self.flow(addr[0], addr[1])
        if message.status:
            self._response(message)
        else:
            with contextlib.suppress(SipError):
                self._request(message, flow)
        self._flush()

    def _response(self, message: Message) -> None:
        """RFC 3261 17.1.3."""
        try:
            start, end = address.split(message.value(VIA) or b"")[0]
            branch = via_header.parse((message.value(VIA) or b"")[start:end]).branch
        except (SipError, IndexError):
            self._count("response with a bad Via")
            return
        if message.cseq_method == b"CANCEL":
            branch += b"C"
        tx = self._layer.clients.get(branch)
        if tx is None:
            self._count("response without a transaction")
            return
        self._layer.respond(tx, message, clock.now())

    def _request(self, message: Message, flow: Flow) -> None:
        now = clock.now()
        values = message.values(VIA)
        first, *others = address.split(values[0])
        via = via_header.parse(values[0][first[0] : first[1]])
        method = message.method
        base = b"%b %b:%d " % (via.branch, via.host.lower(), via.port or 0)
        key = base + (b"INVITE" if method == b"ACK" else method)
        tx = self._layer.servers.get(key)
        if method == b"ACK":
            if tx is not None and tx.state in (COMPLETED, CONFIRMED):
                self._layer.acknowledged(tx, now)
            elif (owner := self._owner(message)) is not None:
                owner.acknowledged(message)
            else:
                self._count("stray ACK")
            return
        if tx is not None:
            self._layer.again(tx, now)
            return
        rest = values[0][others[0][0] - 1 :] if others else b""
        lines = [via.stamped(flow.host.encode(), flow.port) + rest, *values[1:]]
        if via.param(b"rport") is None:
            flow = self.flow(flow.host, via.port or _SIP_PORT)
        vias = b"".join([b"Via: %b\r\n" % line for line in lines])
        request = Request(self, message, self._layer.open_server(key, message, flow, vias, now))
        if method == b"CANCEL":
            self._cancelled(request, base + b"INVITE")
            return
        self._open[key] = request
        owner = self._owner(message)
        if owner is not None:
            owner.requested(request)
        elif message.to_tag:
            request.reply(481)
        else:
            self.user.requested(request)

    def _owner(self, message: Message) -> InDialog | None:
        return self.dialogs.get((message.call_id, message.to_tag)) if message.to_tag else None

    def _cancelled(self, request: Request, key: bytes) -> None:
        """RFC 3261 9.2; after the final answer a CANCEL changes nothing."""
        found = self._layer.servers.get(key)
        request.reply(200 if found is not None else 481)
        invite = self._open.get(key)
        if found is not None and found.state != ACCEPTED and invite is not None:
            if invite.on_cancel is not None:
                invite.on_cancel()

    # -- the transactions' core ----------------------------------------------------------------

    def answered(self, client: ClientTx, message: Message, now: float) -> None:  # noqa: ARG002
        """An answer that the machine passes."""
        told = self._clients.get(client.branch)
        if told is None:
            return
        if message.status >= 300 or (message.status >= 200 and not client.invite):
            del self._clients[client.branch]
        elif message.status >= 200 and not client.final:
            client.final = True  # 2xx of an INVITE come again, and of other forks, for so long
            self._later(64 * self.timing.t1, self._clients.pop, client.branch, None)
        told(message)

    def gave_up(self, client: ClientTx, now: float) -> None:  # noqa: ARG002
        """No final answer came in time."""
        self._layer.close_client(client)
        self._count("unanswered")
        if (told := self._clients.pop(client.branch, None)) is not None:
            told(None)

    def failed(self, client: ClientTx, now: float) -> None:
        """The transport could not carry the request."""
        self.gave_up(client, now)

    def may_resend(self, client: ClientTx, now: float) -> bool:  # noqa: ARG002
        """Whether a request may be sent again now."""
        return True

    def unanswered(self, client: ClientTx, now: float) -> None:  # noqa: ARG002
        """A request is about to be sent again."""
        self._count("sent again")

    def waited(self, server: ServerTx, kind: int, now: float) -> None:  # noqa: ARG002
        """Nothing was answered for a while: say that an INVITE is being worked on."""
        if server.invite and server.request is not None and not server.sent:
            self._layer.answer(server, reply(server.request, 100, vias=server.vias), 100, now)

    def _later(self, seconds: float, what: Callable[..., object], *args: object) -> None:
        asyncio.get_running_loop().call_later(seconds, what, *args)

    def _count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1
