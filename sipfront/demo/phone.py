"""A simulated phone: a station that registers, and registers again before that expires."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from sipfront.demo import wire
from sipfront.demo.station import Station
from sipfront.runtime import clock
from sipfront.sip.headers import CONTACT, EXPIRES, MIN_EXPIRES

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.settings import Timing

#: The expiry that is asked for.
EXPIRY = 300
#: Seconds until the next try after a registration that failed.
AGAIN = 2.0
#: REGISTERs for one registration: challenged, stale, too brief.
TRIES = 4


class DemoPhone(Station):
    """One phone.  It sends everything to ``front``."""

    def __init__(
        self,
        user: str,
        password: str,
        front: tuple[str, int],
        *,
        bind: tuple[str, int] = ("127.0.0.1", 0),
        domain: str = "demo.example",
        tone: int = 440,
        answer_after: float = 0.0,
        lines: int = 8,
        timing: Timing | None = None,
        expiry: int = EXPIRY,
    ) -> None:
        super().__init__(
            user,
            *bind,
            front,
            domain=domain,
            password=password,
            tone=tone,
            answer_after=answer_after,
            lines=lines,
            timing=timing,
        )
        self.expiry = expiry
        self.granted = 0
        self.registrations = self.failures = 0
        self.registered_at = 0.0
        self._call_id = wire.fresh() + b"@phone"
        self._tag = wire.fresh()
        self._cseq = 0
        self._keeper: asyncio.Task[None] | None = None

    @property
    def registered(self) -> bool:
        """Whether its last registration still holds."""
        return self.granted > 0 and clock.now() < self.registered_at + self.granted

    async def register(self, expires: int | None = None) -> int:
        """Register once (0 removes the binding); the final status, 0 if there was no answer."""
        wanted = self.expiry if expires is None else expires
        proof = b""
        status = 0
        for _ in range(TRIES):
            answer = await self._ask(wanted, proof)
            status = 0 if answer is None else answer.status
            if answer is None or status < 300:
                break
            if status in (401, 407):
                user, password = self.name.encode(), self.password.encode()
                made = wire.proof(answer, user, password, b"REGISTER", self._registrar)
                if made is None:
                    break
                proof = made[0]
            elif status == 423 and (least := answer.value(MIN_EXPIRES) or b"").isdigit():
                wanted = int(least)
            else:
                break
        if answer is not None and status < 300:
            self.granted = self._granted(answer, wanted) if wanted else 0
            self.registered_at = clock.now()
            self.registrations += 1
        else:
            self.failures += 1
        return status

    async def stay_registered(self) -> int:
        """Register, and keep it so until :meth:`close`; the status of the first registration."""
        status = await self.register()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())
        return status

    async def close(self) -> None:
        """Stop registering, hang up, go; the binding is left to expire, as when a plug is pulled."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await super().close()

    async def _keep(self) -> None:
        while True:
            left = self.registered_at + 0.7 * self.granted - clock.now() if self.granted else AGAIN
            await asyncio.sleep(max(left, AGAIN))
            await self.register()

    @property
    def _registrar(self) -> bytes:
        return b"sip:" + self.domain.encode()

    @property
    def _contact(self) -> bytes:
        return b"sip:%b@%b" % (self.name.encode(), self.agent.contact)

    async def _ask(self, expires: int, proof: bytes) -> Message | None:
        self._cseq += 1
        return await self.agent.ask(
            b"REGISTER",
            self._registrar,
            sender=self.sender + b";tag=" + self._tag,
            to=self.sender,
            call_id=self._call_id,
            cseq=self._cseq,
            extra=b"%bContact: <%b>\r\nExpires: %d\r\n" % (proof, self._contact, expires),
        )

    def _granted(self, answer: Message, wanted: int) -> int:
        """The expiry of our own Contact in the answer (RFC 3261 10.2.4)."""
        for value in answer.values(CONTACT):
            at = value.find(b"<" + self._contact)
            digits = value[at:].partition(b"expires=")[2].partition(b",")[0].partition(b";")[0]
            if at >= 0 and digits.strip().isdigit():
                return int(digits)
        expires = answer.value(EXPIRES)
        return int(expires) if expires is not None and expires.isdigit() else wanted
