"""Can a call be made?  INVITE to a test extension, audio both ways, BYE.

The extension echoes (``hear="echo"``: our own tone must come back) or plays a tone (``hear=1004``).
An answer alone proves little: a PBX with a missing prompt answers 200 and sends not one packet.
No call is left behind: what rings is CANCELled, what was answered gets its BYE.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from probes.audio import Audio
from probes.exchange import T1, T2, NoAnswerError, SilentError
from probes.options import BUSY
from probes.result import Bad, Busy, Result, judged
from probes.target import Account, Talk, reach, said, sip_uri
from sipfront.sip import address, headers
from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from probes.exchange import Exchange
    from probes.result import Detail
    from sipfront.sip.uri import Uri

#: What we say to an echo, in hertz: within the telephone band, no frequency of a dial tone.
VOICE = 1200
#: Seconds of audio: five slices, of which a lost packet spoils one.
AUDIO = 0.6
#: The part of the packets that may be lost each way.
MAX_LOSS = 0.2
#: The part of the slices in which the tone must be heard: the first and the last may be cut.
CLEAR = 0.5
#: Seconds for the end of a call; what is not answered by then is not waited for.
END = 0.5
#: Challenges that are answered: one, and one more whose nonce went stale in between.
TRIES = 3
TIMEOUT = 2.0


async def call(
    target: str,
    account: Account | None = None,
    *,
    hear: str | int = "echo",
    audio: float = AUDIO,
    max_loss: float = MAX_LOSS,
    local: str | None = None,
    timeout: float = TIMEOUT,
    context: ssl.SSLContext | None = None,
) -> Result:
    """Call ``target`` (``sip:EXTENSION@HOST``); ``timeout``: seconds until it is answered.

    ``hear``: "echo", or the hertz of the tone that the extension plays.  Raises SipError for a
    target that is no SIP URI.
    """
    uri = sip_uri(target)

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        async with reach(uri, local, timeout, context) as exchange:
            sound = Audio(exchange.local[0])
            try:
                await sound.open()
                leg = _Leg(uri, Talk(uri, exchange, account), sound)
                return await _call(leg, hear, audio, max_loss, timeout)
            finally:
                sound.close()

    # Set-up, audio with its tail, and twice the end (CANCEL, and its answer).
    return await judged("call", target, timeout + audio + 1 + 2 * END, ask())


async def _call(
    leg: _Leg, hear: str | int, seconds: float, max_loss: float, timeout: float
) -> tuple[str, Mapping[str, Detail]]:
    began = time.monotonic()
    try:
        answer = await leg.dial(timeout)
        took = time.monotonic() - began
        peer = Audio.answered(answer.body)
        leg.sound.first = 0.0
        listening = asyncio.create_task(leg.listen())
        try:
            await leg.sound.speak(peer, seconds, VOICE if hear == "echo" else 0)
        finally:
            listening.cancel()
    finally:
        await leg.end()
    return _judge(leg, hear, took, began + took, max_loss)


def _judge(
    leg: _Leg, hear: str | int, took: float, answered: float, max_loss: float
) -> tuple[str, Mapping[str, Detail]]:
    sound, echo = leg.sound, hear == "echo"
    details: dict[str, Detail] = {
        "set_up_s": round(took, 4),
        "packets": sound.received,
        "sent": sound.sent,
    }
    after = f"answered after {took * 1000:.0f} ms, but "
    if not sound.received:
        raise Bad(after + "not one packet of audio came", **details)
    details["first_audio_s"] = round(max(0.0, sound.first - answered), 4)
    details["lost_back"] = round(sound.lost_back(), 3)
    if echo:
        details["lost_there"] = round(sound.lost_there(), 3)
    frequency = VOICE if isinstance(hear, str) else hear
    details["clear"] = clear = round(sound.tone(frequency), 2)
    for name, way in (("lost_there", "there"), ("lost_back", "back")):
        lost = details.get(name, 0.0)
        if isinstance(lost, float) and lost > max_loss:
            raise Bad(
                after + f"{lost * 100:.0f} % of the audio is lost on the way {way}", **details
            )
    if clear < CLEAR:
        what = "the echo of our tone" if echo else f"the tone of {frequency} Hz"
        raise Bad(after + f"{what} is not heard", **details)
    if leg.ended and leg.sound.sent == 0:
        raise Bad(after + "it ended at once", **details)
    return f"answered after {took * 1000:.0f} ms, audio both ways", details


class _Leg:
    """Our one call (RFC 3261 13, 15), and whatever the node says about it."""

    def __init__(self, uri: Uri, talk: Talk, sound: Audio) -> None:
        self.talk = talk
        self.sound = sound
        self.to = b"<sip:%b@%b>" % (uri.user, talk.host) if uri.user else b"<sip:%b>" % talk.host
        self.uri = self.to.strip(b"<>")
        self.ended = False
        self._invite = b""
        self._ringing = False
        self._answer: Message | None = None
        self._ack = b""

    @property
    def exchange(self) -> Exchange:
        return self.talk.exchange

    async def dial(self, timeout: float) -> Message:
        """INVITE until a 2xx, which is ACKed; raises Bad, Busy or a NoAnswerError."""
        until = time.monotonic() + timeout
        offer, authorization = self.sound.offer(), b""
        extra = b"Contact: %b\r\nContent-Type: application/sdp\r\n" % self.talk.contact
        for _ in range(TRIES):
            self._ringing = False
            self._invite = self.talk.request(
                b"INVITE", self.uri, self.to, extra=extra + authorization, body=offer
            )
            answer = await self._final(until - time.monotonic())
            if answer.status < 300:
                self._confirm(answer)
                return answer
            self._ack_failure(answer)
            if answer.status not in (401, 407):
                break
            authorization = self.talk.credentials(answer, b"INVITE", self.uri, offer)
        self._invite = b""
        if answer.status in (401, 407):
            raise Bad(f"{answer.status}: the credentials are refused", status=answer.status)
        kind = Busy if answer.status in BUSY else Bad
        busy = "busy: " if kind is Busy else ""
        raise kind(busy + said(answer), status=answer.status)

    async def _final(self, timeout: float) -> Message:
        sender = asyncio.create_task(self._repeat())
        try:
            async with asyncio.timeout(max(timeout, 0.001)):
                while True:
                    data = await self.exchange.receive()
                    if self.talk.is_answer(data, self._invite):
                        answer = scan(data)
                        if answer.status >= 200:
                            return answer
                        self._ringing = True
                        sender.cancel()  # RFC 3261 17.1.1.2: a provisional ends the repeating
        except TimeoutError:
            if self._ringing:
                raise Bad("rings, but is not answered in time") from None
            raise SilentError("no answer to INVITE in time") from None
        finally:
            sender.cancel()

    async def _repeat(self) -> None:
        pause = T1
        self.exchange.send(self._invite)
        while self.exchange.transport == "UDP":
            await asyncio.sleep(pause)
            self.exchange.send(self._invite)
            pause = min(2 * pause, T2)

    def _ack_failure(self, answer: Message) -> None:
        """RFC 3261 17.1.1.3: the branch of the INVITE, the To of the answer."""
        self.exchange.send(self._part(b"ACK", answer.value(headers.TO) or self.to))

    def _part(self, method: bytes, to: bytes) -> bytes:
        cseq = self.talk.cseq
        branch = b"z9hG4bK%b%dI" % (self.talk.token, cseq)
        return self.talk.request(method, self.uri, to, cseq=cseq, branch=branch)

    def _confirm(self, answer: Message) -> None:
        self._answer = answer
        self._ack = self._within(b"ACK", cseq=self.talk.cseq)
        self.exchange.send(self._ack)

    def _within(self, method: bytes, cseq: int | None = None) -> bytes:
        """A request inside the dialog (RFC 3261 12.2.1.1)."""
        assert self._answer is not None
        remote = self.uri
        with contextlib.suppress(SipError):
            remote = address.parse(self._answer.value(headers.CONTACT) or b"").uri
        routes = b"".join(
            b"Route: %b\r\n" % value
            for value in reversed(self._answer.values(headers.RECORD_ROUTE))
        )
        to = self._answer.value(headers.TO) or self.to
        return self.talk.request(method, remote, to, cseq=cseq, routes=routes)

    async def listen(self) -> None:
        """Answer what the node says while the call is up."""
        with contextlib.suppress(NoAnswerError):
            while True:
                self._heard(await self.exchange.receive())

    def _heard(self, data: bytes) -> None:
        try:
            message = scan(data)
        except SipError:
            return
        if message.status:
            if self._ack and message.status >= 200 and self.talk.is_answer(data, self._invite):
                self.exchange.send(self._ack)  # its 200 again: our ACK was lost
        elif message.call_id == self.talk.call_id and message.method != b"ACK":
            self.ended = self.ended or message.method == b"BYE"
            offers = message.method in (b"INVITE", b"UPDATE")
            self.exchange.send(reply(message, 488 if offers else 200))

    async def end(self) -> None:
        """Leave nothing behind.  What a cancelled probe can still do is to send once."""
        if self._answer is not None:
            if not self.ended:
                self.ended = True
                await self._close(self._within(b"BYE"))
        elif self._invite and self._ringing:
            cancel = self._part(b"CANCEL", self.to)
            self.exchange.send(cancel)
            with contextlib.suppress(NoAnswerError, TimeoutError):
                async with asyncio.timeout(END):
                    await self._cancelled()

    async def _close(self, bye: bytes) -> None:
        self.exchange.send(bye)
        with contextlib.suppress(NoAnswerError, TimeoutError):
            async with asyncio.timeout(END):
                while not self.talk.is_answer(data := await self.exchange.receive(), bye):
                    self._heard(data)

    async def _cancelled(self) -> None:
        """The final answer to a cancelled INVITE: 487, or a 200 that was already on its way."""
        while True:
            data = await self.exchange.receive()
            if not self.talk.is_answer(data, self._invite) or scan(data).status < 200:
                continue
            answer = scan(data)
            if answer.status < 300:
                self._confirm(answer)
                await self._close(self._within(b"BYE"))
            else:
                self._ack_failure(answer)
            return
