"""One leg of a call: an INVITE dialog with all that belongs to it (RFC 3261 sections 9, 13 to 15).

:class:`Incoming` and :class:`~sipfront.demo.calling.Outgoing` differ in how they begin; once up
they are the same: BYE, re-INVITE, ACK.  Audio is the business of whoever uses a leg; here SDP is a body.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sipfront.demo import wire
from sipfront.demo.dialog import Dialog
from sipfront.runtime import clock
from sipfront.sip.headers import FROM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sipfront.demo.agent import Agent
    from sipfront.demo.request import Request
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow

#: Why a leg ended.
BYE_SENT = "hung up"
BYE_CAME = "hung up by the other side"
NO_ACK = "no ACK"
CANCELLED = "cancelled"
REFUSED = "refused"


class Leg:
    """What both kinds of legs have in common."""

    def __init__(self, agent: Agent, call_id: bytes, local_tag: bytes) -> None:
        self.agent = agent
        self.call_id = call_id
        self.local_tag = local_tag
        self.dialog: Dialog | None = None
        self.up = False
        self.remote_sdp = b""
        self.ended = asyncio.Event()
        self.why = ""
        #: told once, when the leg is over
        self.on_end: Callable[[], None] | None = None
        #: told a new offer inside the dialog (b"" if it has none); its answer, or None: 488
        self.on_offer: Callable[[bytes], Awaitable[bytes | None]] | None = None
        self._busy = False  # an INVITE in the dialog is under way (14.1, 14.2)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unacked: tuple[Request, bytes, bytes] | None = None
        self._acked = asyncio.Event()
        agent.dialogs[call_id, local_tag] = self

    def _end(self, why: str) -> None:
        if self.ended.is_set():
            return
        self.up = False
        self.why = why
        self._unacked = None
        self.agent.dialogs.pop((self.call_id, self.local_tag), None)
        self.ended.set()
        if self.on_end is not None:
            self.on_end()

    def _spawn(self, coroutine: Awaitable[None]) -> None:
        async def run() -> None:
            await coroutine

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hop(self, dialog: Dialog) -> Flow:
        return dialog.flow or self.agent.next_hop(dialog.target, dialog.routes)

    def _contact(self) -> bytes:
        return b"Contact: <sip:%b>\r\n" % self.agent.contact + wire.ALLOW

    # -- what we do when it is up ----------------------------------------------------------------

    async def bye(self, extra: bytes = b"") -> Message | None:
        """End it (15.1.1); the answer, None if there was none.  Over it is at once."""
        dialog = self.dialog
        if dialog is None or not self.up:
            return None
        self._end(BYE_SENT)
        dialog.cseq += 1
        agent = self.agent
        return await agent.ask(
            b"BYE",
            dialog.target,
            sender=dialog.local,
            to=dialog.remote,
            call_id=dialog.call_id,
            cseq=dialog.cseq,
            routes=dialog.routes,
            extra=extra,
            flow=self._hop(dialog),
        )

    def hang_up(self) -> None:
        """End it, and do not wait for the answer."""
        if self.up:
            self._spawn(forget(self.bye()))

    async def offer(self, body: bytes) -> Message | None:
        """A new offer by re-INVITE (14.1); its final answer, None if there was none."""
        dialog = self.dialog
        if dialog is None or not self.up or self._busy:
            return None
        self._busy = True
        try:
            dialog.cseq += 1
            cseq = dialog.cseq
            answered: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
            ack = b""

            def told(message: Message | None) -> None:
                nonlocal ack
                if message is not None and message.status < 200:
                    return
                if message is not None and message.status < 300:
                    dialog.refreshed(message)
                    ack = ack or dialog.request(b"ACK", self._branch(), cseq)
                    self.agent.post(ack, self._hop(dialog))
                if not answered.done():
                    answered.set_result(message)

            branch = wire.COOKIE + wire.fresh()
            data = dialog.request(b"INVITE", self.agent.via(branch), cseq, self._contact(), body)
            self.agent.start(b"INVITE", data, branch, self._hop(dialog), told)
            message = await answered
        finally:
            self._busy = False
        if message is not None and message.status in (408, 481):
            self._end(f"{message.status} to a re-INVITE")  # 12.2.1.2
        elif message is not None and message.status < 300 and message.body:
            self.remote_sdp = message.body
        return message

    def _branch(self) -> bytes:
        return self.agent.via(wire.COOKIE + wire.fresh())

    # -- what the other side does ----------------------------------------------------------------

    def requested(self, request: Request) -> None:
        """A request inside the dialog."""
        message = request.message
        dialog = self.dialog
        if dialog is None or message.from_tag != dialog.remote_tag:
            request.reply(481)
        elif not dialog.in_order(message):
            request.reply(500)  # 12.2.2
        elif message.method == b"BYE":
            request.reply(200)
            self._end(BYE_CAME)
        elif message.method == b"INVITE":
            self._offered(request, dialog)
        elif message.method in (b"OPTIONS", b"INFO", b"UPDATE") and not message.body:
            dialog.refreshed(message) if message.method == b"UPDATE" else None
            request.reply(200, self._contact())
        else:
            request.reply(405, wire.ALLOW)

    def _offered(self, request: Request, dialog: Dialog) -> None:
        if self._busy or self._unacked is not None:
            request.reply(491)  # 14.2; 500 with Retry-After would do for the second case as well
            return
        dialog.refreshed(request.message)
        self._busy = True
        self._spawn(self._answer_offer(request))

    async def _answer_offer(self, request: Request) -> None:
        try:
            body = None
            if self.on_offer is not None:
                body = await self.on_offer(request.message.body)
        finally:
            self._busy = False
        if body is None:
            request.reply(488)
        elif self.ended.is_set():
            request.reply(487)
        else:
            self._accept(request, body)

    def _accept(self, request: Request, body: bytes, extra: bytes = b"") -> None:
        """Send a 2xx until its ACK comes (13.3.1.4)."""
        extra += self._contact()
        self._unacked = request, extra, body
        self._acked.clear()
        request.reply(200, extra, body)
        self._spawn(self._insist(request, extra, body))

    async def _insist(self, request: Request, extra: bytes, body: bytes) -> None:
        timing = self.agent.timing
        end = clock.now() + 64 * timing.t1
        gap = timing.t1
        while clock.now() < end:
            try:
                async with asyncio.timeout(gap):
                    await self._acked.wait()
            except TimeoutError:
                pass
            if self._acked.is_set() or self.ended.is_set() or not self.agent.alive:
                return
            request.reply(200, extra, body)
            gap = min(2 * gap, timing.t2)
        await self.bye()
        self.why = NO_ACK

    def acknowledged(self, message: Message) -> None:
        """The ACK of our 2xx."""
        if self._unacked is not None and message.cseq == self._unacked[0].message.cseq:
            self._unacked = None
            self._acked.set()
            if message.body:
                self.remote_sdp = message.body  # the answer to an offer in our 2xx


class Incoming(Leg):
    """A leg that somebody called us by."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.agent, request.message.call_id, request.tag)
        self.request = request
        self.dialog = Dialog.called(request.message, request.tag)
        self.dialog.flow = None
        self.remote_sdp = request.message.body
        self.answered = False
        self.caller = wire.user_of(request.message.value(FROM) or b"")
        request.on_cancel = self._cancelled

    def _cancelled(self) -> None:
        self._final(487, CANCELLED)

    def _final(self, status: int, why: str, extra: bytes = b"") -> None:
        if not self.answered:
            self.answered = True
            self.request.reply(status, extra)
            self._end(why)

    def ring(self, status: int = 180, body: bytes = b"") -> None:
        """A provisional answer."""
        if not self.answered:
            self.request.reply(status, self._contact(), body)

    def accept(self, body: bytes, extra: bytes = b"") -> bool:
        """Answer with 200; False when it is too late."""
        if self.answered:
            return False
        self.answered = self.up = True
        self._accept(self.request, body, extra)
        return True

    def refuse(self, status: int, extra: bytes = b"") -> None:
        """Answer with a failure."""
        self._final(status, REFUSED, extra)

    def requested(self, request: Request) -> None:
        """A request inside the dialog; a BYE before the answer ends the INVITE too (15.1.2)."""
        if request.message.method == b"BYE" and not self.answered:
            request.reply(200)
            self._final(487, BYE_CAME)
            return
        super().requested(request)


async def forget(coroutine: Awaitable[object]) -> None:
    """Wait for something whose outcome nobody wants."""
    await coroutine
