"""The audio of a probe's call: RTP (RFC 3550) with PCMU out and in, and what became of it.

An :class:`Audio` sends a tone or silence for a while and keeps what comes.  Afterwards it says
which part of the packets was lost each way, and whether the tone was heard.  It knows no SIP call;
of SDP it makes one offer and reads one answer.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import time

from probes import tones
from probes.result import Bad
from sipfront.sip import sdp
from sipfront.sip.errors import SipError

#: Seconds between two packets.
PERIOD = tones.FRAME / tones.RATE
#: What is listened to before it is said which tone it is: 100 ms.
SLICE = 5 * tones.FRAME
#: How long the last packet may be on its way back.
TAIL = 0.2
#: Tries to find an even port (RFC 3550 section 11).
TRIES = 20
#: Packets that are kept: 10 s of audio at most, whatever a node sends.
MOST = 500
_HEADER = struct.Struct("!BBHII")


class Audio(asyncio.DatagramProtocol):
    """One end of one audio stream."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.sent = 0
        #: when the first packet came (monotonic), 0 while none has
        self.first = 0.0
        self._heard: dict[int, bytes] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Bind an even port of ``host``; raises OSError."""
        loop = asyncio.get_running_loop()
        odd: list[asyncio.DatagramTransport] = []
        try:
            for _ in range(TRIES):
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: self, local_addr=(self.host, 0)
                )
                self._transport = transport
                self.port = transport.get_extra_info("sockname")[1]
                if self.port % 2 == 0:
                    return
                odd.append(transport)
        finally:
            for other in odd:
                if other is not self._transport:
                    other.close()

    def close(self) -> None:
        """Say and hear nothing any more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # ------------------------------------------------------------------ offer and answer

    def offer(self) -> bytes:
        """What we speak (RFC 8866, RFC 3264)."""
        family, host = (b"IP6" if ":" in self.host else b"IP4"), self.host.encode()
        lines = (
            b"v=0",
            b"o=probe %d 1 IN %b %b" % (secrets.randbits(31), family, host),
            b"s=-",
            b"c=IN %b %b" % (family, host),
            b"t=0 0",
            b"m=audio %d RTP/AVP 0" % self.port,
            b"a=rtpmap:0 PCMU/8000",
            b"a=ptime:20",
            b"a=sendrecv",
        )
        return b"".join(line + b"\r\n" for line in lines)

    @staticmethod
    def answered(body: bytes) -> tuple[str, int]:
        """Where the other side wants its audio; raises Bad when it wants none."""
        try:
            media = sdp.parse(body).media
        except SipError as error:
            raise Bad(f"answered with an SDP that cannot be read: {error}") from None
        if not media or media[0].port == 0 or b"0" not in media[0].formats:
            raise Bad("answered without PCMU audio")
        connection = media[0].connection
        if connection is None or connection.null:
            raise Bad("answered without an address for audio")
        return connection.address.decode(), media[0].port

    # ------------------------------------------------------------------ packets

    async def speak(self, peer: tuple[str, int], seconds: float, tone: int) -> None:
        """Send ``tone`` (0: silence) for ``seconds``, without drift, and wait for the tail."""
        frames = tones.frames(tone) if tone else (tones.SILENCE,)
        ssrc, sequence, stamp = (
            secrets.randbits(32),
            secrets.randbits(15),
            secrets.randbits(31),
        )
        began = time.monotonic()
        for index in range(max(1, round(seconds / PERIOD))):
            delay = began + index * PERIOD - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            if self._transport is None:
                return
            mark = 0x80 if index == 0 else 0
            head = _HEADER.pack(0x80, mark, sequence + index, stamp + index * tones.FRAME, ssrc)
            self._transport.sendto(head + frames[index % len(frames)], peer)
            self.sent += 1
        await asyncio.sleep(TAIL)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """One packet came.  (From anywhere: who sends early media may be another host.)"""
        if len(data) <= _HEADER.size or data[0] >> 6 != 2 or data[1] & 0x7F:
            return
        if len(self._heard) < MOST:
            self._heard.setdefault(_HEADER.unpack_from(data)[2], data[_HEADER.size :])
            self.first = self.first or time.monotonic()

    # ------------------------------------------------------------------ what became of it

    @property
    def received(self) -> int:
        """Packets that came."""
        return len(self._heard)

    def _order(self) -> list[int]:
        """The sequence numbers that came, in their order, past the wrap at 65,536 too."""
        if not self._heard:
            return []
        start = next(iter(self._heard))
        return sorted((n - start + 0x8000 & 0xFFFF) for n in self._heard)

    def lost_back(self) -> float:
        """The part of the node's packets that did not come (gaps in its numbers)."""
        order = self._order()
        return 1 - len(order) / (order[-1] - order[0] + 1) if order else 1.0

    def lost_there(self) -> float:
        """The part of ours that an echo did not give back, beyond what was lost on the way back."""
        order = self._order()
        if not order or not self.sent:
            return 1.0
        return max(0.0, 1 - (order[-1] - order[0] + 1) / self.sent)

    def tone(self, frequency: int) -> float:
        """The part of the slices (100 ms) that came in which ``frequency`` is heard, 0 to 1."""
        if not self._heard:
            return 0.0
        start = next(iter(self._heard))
        ordered = sorted(self._heard, key=lambda n: n - start + 0x8000 & 0xFFFF)
        data = b"".join(self._heard[number] for number in ordered)
        slices = [data[at : at + SLICE] for at in range(0, len(data) - SLICE + 1, SLICE)]
        if not slices:
            return 0.0
        return sum(tones.which(one, (frequency,)) == frequency for one in slices) / len(slices)
