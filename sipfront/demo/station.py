"""Somebody who calls and is called: what a phone and a carrier have in common.

A station places a call once (nobody redials in a demonstration), answers calls, says its own tone
and listens, and notes what its user would have noticed: an :class:`Experience`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes import tones
from sipfront.demo import wire
from sipfront.demo.agent import Agent
from sipfront.demo.call import Incoming
from sipfront.demo.calling import Outgoing
from sipfront.demo.rtp import Audio, Metronome
from sipfront.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sipfront.demo.request import Request
    from sipfront.stack.settings import Timing

#: Seconds that a caller waits for an answer before hanging up.
PATIENCE = 30.0
#: Seconds for which a user who has heard nothing stays on the line.
LISTENS = 2.0
#: Seconds without a packet that an ear notices.
GAP = 0.5
#: Experiences remembered.
REMEMBERED = 1000


@dataclass(slots=True)
class Experience:
    """What the user of a station noticed of one call that it made; times in seconds."""

    caller: str
    number: str
    began: float  #: monotonic time of the first INVITE
    status: int = 0  #: the final answer; 0: none at all
    rang: float | None = None  #: until the first ringing
    setup: float | None = None  #: until the answer
    heard: int | None = None  #: the tone that was heard, 0 for silence
    gap: float = 0.0  #: the silence at the end, while the call was still up
    dropped: bool = False  #: it ended before the user hung up
    why: str = ""
    call_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether the call was not set up."""
        return self.setup is None

    @property
    def deaf(self) -> bool:
        """Whether it was set up and nothing was heard."""
        return self.setup is not None and not self.heard


class Station:
    """One station; ``front`` is all that it knows of the world."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        front: tuple[str, int],
        *,
        domain: str = "",
        password: str = "",
        tone: int = 440,
        answer_after: float = 0.0,
        lines: int = 8,
        timing: Timing | None = None,
    ) -> None:
        """``tone``: its voice; ``lines``: calls at once, more are answered 486."""
        self.name = name
        self.host = host
        self.domain = domain or front[0]
        self.password = password
        self.tone = tone
        self.answer_after = answer_after
        self.lines = lines
        self.agent = Agent(host, port, self, timing=timing)
        self.agent.proxy = front
        self.front = front
        self.experiences: deque[Experience] = deque(maxlen=REMEMBERED)
        self.answered = self.missed = self.dropped = 0
        self.up = 0
        self.audios: set[Audio] = set()
        self._metronome = Metronome()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Bind its socket."""
        tones.frames(self.tone)  # made once, and not in the middle of a call
        await self.agent.open()

    async def close(self) -> None:
        """Hang up what is up, and go."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.agent.close()

    @property
    def sender(self) -> bytes:
        """Its From, without a tag."""
        return f"<sip:{self.name}@{self.domain}>".encode()

    async def _audio(self) -> Audio:
        audio = Audio(self._metronome, self.host, self.tone)
        await audio.open()
        self.audios.add(audio)
        return audio

    def _close(self, audio: Audio) -> None:
        audio.close()
        self.audios.discard(audio)

    # -- calling -------------------------------------------------------------------------------

    async def call(
        self, number: str, hold: float = 1.0, *, headers: bytes = b"", listen: bool = True
    ) -> Experience:
        """Call a number, stay for ``hold`` seconds, hang up; what was noticed.

        With ``listen`` the user stays on the line a little longer until something was heard.
        """
        noticed = Experience(self.name, number, clock.now())
        self.experiences.append(noticed)
        audio = await self._audio()
        try:
            leg = self._dial(number, audio, headers)
            noticed.call_id = leg.call_id.decode()
            await self._talk(leg, audio, noticed, hold, listen)
        finally:
            self._close(audio)
        return noticed

    def dial(self, number: str, audio: Audio, headers: bytes = b"") -> Outgoing:
        """Call a number, and leave everything else to the caller of this."""
        return self._dial(number, audio, headers)

    def _dial(self, number: str, audio: Audio, headers: bytes) -> Outgoing:
        return Outgoing(
            self.agent,
            f"sip:{number}@{self.domain}".encode(),
            self.sender,
            audio.describe(),
            extra=headers,
            login=(self.name.encode(), self.password.encode()) if self.password else None,
        )

    async def _talk(
        self, leg: Outgoing, audio: Audio, noticed: Experience, hold: float, listen: bool
    ) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await leg.wait()
        except TimeoutError:
            leg.cancel()
            noticed.why = f"no answer for {PATIENCE:.0f} s"
            await leg.wait()
        except asyncio.CancelledError:
            leg.cancel()
            raise
        noticed.status = leg.status
        if leg.rang.is_set():
            noticed.rang = leg.rang_at - leg.started_at
        if not leg.up:
            noticed.why = noticed.why or f"answered {leg.status or 'by nobody'}"
            return
        noticed.setup = leg.answered_at - leg.started_at
        leg.on_offer = audio.reoffered
        self.up += 1
        try:
            audio.accept(leg.remote_sdp)
            await self._stay(leg, audio, hold, listen)
            noticed.heard = audio.heard
            noticed.dropped = not leg.up
            noticed.why = leg.why
            noticed.gap = _gap(audio)
        finally:
            self.up -= 1
            leg.hang_up()

    async def _stay(self, leg: Outgoing, audio: Audio, hold: float, listen: bool) -> None:
        """Until the user has had enough, or the call is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(hold):
                await leg.ended.wait()
        if listen and leg.up and not audio.heard:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTENS):
                    await audio.sounded.wait()

    # -- being called ----------------------------------------------------------------------------

    def requested(self, request: Request) -> None:
        """A request outside of any dialog."""
        method = request.message.method
        if method == b"INVITE":
            if self.up >= self.lines:
                request.reply(486)
            else:
                self._run(self._called(Incoming(request)))
        elif method == b"OPTIONS":
            request.reply(200, wire.ALLOW)
        elif method == b"NOTIFY":
            request.reply(481)
        else:
            request.reply(405, wire.ALLOW)

    async def _called(self, leg: Incoming) -> None:
        self.up += 1
        audio = await self._audio()
        try:
            answer = audio.answer(leg.remote_sdp)
            if answer is None:
                leg.refuse(488)
                return
            leg.ring()
            if self.answer_after:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.answer_after):
                        await leg.ended.wait()
            if not leg.accept(answer):
                self.missed += 1
                return
            self.answered += 1
            leg.on_offer = audio.reoffered
            await leg.ended.wait()
        finally:
            self.up -= 1
            self._close(audio)
            leg.hang_up()

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _gap(audio: Audio) -> float:
    """The silence at the ear, if it is long enough to be noticed."""
    silence = clock.now() - audio.last_packet if audio.last_packet else 0.0
    return silence if silence > GAP else 0.0
