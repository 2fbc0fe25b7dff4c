"""A leg by which we call somebody: from the INVITE to its 2xx, its failure or its CANCEL.

Challenges are answered; forks that nobody wants are ended (RFC 3261 sections 9.1, 13.2, 22.2).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sipfront.demo import wire
from sipfront.demo.call import CANCELLED, REFUSED, Leg, forget
from sipfront.demo.dialog import Dialog
from sipfront.runtime import clock
from sipfront.stack.layer import cancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.demo.agent import Agent
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow
    from sipfront.stack.transaction import ClientTx

_CHALLENGED = (401, 407)


class Outgoing(Leg):
    """A leg by which we call somebody."""

    def __init__(
        self,
        agent: Agent,
        uri: bytes,
        sender: bytes,
        offer: bytes,
        *,
        extra: bytes = b"",
        login: tuple[bytes, bytes] | None = None,
        flow: Flow | None = None,
    ) -> None:
        """``sender``: From value without tag; ``login``: user and password, when we are asked."""
        super().__init__(agent, wire.fresh() + b"@" + agent.contact, wire.fresh())
        self.uri = uri
        self.status = 0  # the final answer, 0: none yet or none at all
        self.rang = asyncio.Event()
        self.rang_at = self.answered_at = 0.0
        self.started_at = clock.now()
        self.final = asyncio.Event()
        self.early_sdp = b""
        #: told each provisional answer above 100
        self.on_ring: Callable[[Message], None] | None = None
        self._sender = b"%b;tag=%b" % (sender, self.local_tag)
        self._offer = offer
        self._extra = extra
        self._login = login
        self._flow = flow or (agent.flow(*agent.proxy) if agent.proxy else agent.flow_to(uri))
        self._cseq = 1
        self._tries = 0
        self._tx: ClientTx | None = None
        self._provisional = self._cancelling = False
        self._acks: dict[bytes, tuple[bytes, Flow]] = {}
        self._send(b"")

    def _send(self, proof: bytes) -> None:
        agent = self.agent
        branch = wire.COOKIE + wire.fresh()
        data = wire.request(
            b"INVITE",
            self.uri,
            via=agent.via(branch),
            sender=self._sender,
            to=b"<%b>" % self.uri,
            call_id=self.call_id,
            cseq=self._cseq,
            extra=proof + self._contact() + self._extra,
            body=self._offer,
        )
        self._provisional = False
        self._tx = agent.start(b"INVITE", data, branch, self._flow, self._told)

    async def wait(self) -> int:
        """The final answer's status, 0 if there was none."""
        await self.final.wait()
        return self.status

    def cancel(self) -> None:
        """Give up before it is answered (9.1); once it is up: hang up."""
        if self.up:
            self.hang_up()
        elif not self.final.is_set() and not self._cancelling:
            self._cancelling = True
            if self._provisional:
                self._cancel()

    def _cancel(self) -> None:
        if self._tx is not None:
            data = cancellation(self._tx.sent)
            self.agent.start(b"CANCEL", data, self._tx.branch + b"C", self._tx.flow, _ignore)
            self.agent.give_up_in(self._tx, 64 * self.agent.timing.t1)

    def _told(self, message: Message | None) -> None:
        if message is None:
            self._failed(0)
        elif message.status < 200:
            self._progress(message)
        elif message.status < 300:
            self._success(message)
        elif message.status in _CHALLENGED and self._login and self._answer(message):
            return
        else:
            self._failed(message.status)

    def _progress(self, message: Message) -> None:
        first, self._provisional = not self._provisional, True
        if self._cancelling:
            if first:
                self._cancel()
            return
        if message.status > 100:
            if not self.rang.is_set():
                self.rang_at = clock.now()
                self.rang.set()
            self.early_sdp = message.body or self.early_sdp
            if self.on_ring is not None:
                self.on_ring(message)

    def _answer(self, message: Message) -> bool:
        """Prove who we are, once for each nonce that is given, twice at most (stale)."""
        if self._cancelling or self._tries >= 2 or self._login is None:
            return False
        user, password = self._login
        proof = wire.proof(message, user, password, b"INVITE", self.uri, self._offer)
        if proof is None:
            return False
        self._tries += 1
        self._cseq += 1
        self._send(proof[0])
        return True

    def _success(self, message: Message) -> None:
        """13.2.2.4: each 2xx is acknowledged; one that is not wanted is ended at once."""
        known = self._acks.get(message.to_tag)
        if known is not None:
            self.agent.post(*known)
            return
        dialog = Dialog.calling(message, message.cseq)
        if not dialog.target:
            dialog.target = self.uri
        flow = self.agent.next_hop(dialog.target, dialog.routes)
        ack = dialog.request(b"ACK", self._branch(), message.cseq)
        self._acks[message.to_tag] = ack, flow
        self.agent.post(ack, flow)
        if self.final.is_set() or self._cancelling:
            # Another fork, or the callee was faster than our CANCEL.
            self._spawn(forget(self._end_fork(dialog, flow)))
            if not self.final.is_set():
                self._failed(487)
            return
        self.dialog = dialog
        self.remote_sdp = message.body
        self.up = True
        self.answered_at = clock.now()
        self.status = message.status
        self.final.set()

    async def _end_fork(self, dialog: Dialog, flow: Flow) -> Message | None:
        return await self.agent.ask(
            b"BYE",
            dialog.target,
            sender=dialog.local,
            to=dialog.remote,
            call_id=dialog.call_id,
            cseq=dialog.cseq + 1,
            routes=dialog.routes,
            flow=flow,
        )

    def _failed(self, status: int) -> None:
        if not self.final.is_set():
            self.status = status
            self.final.set()
            self._end(CANCELLED if self._cancelling else REFUSED)


def _ignore(message: Message | None) -> None:
    """Nobody waits for the answer to a CANCEL."""
    del message
