"""Audio of the demonstration: RTP (RFC 3550) with PCMU in packets of 20 ms, and its SDP.

An :class:`Audio` sends a tone, echoes what it gets, or is silent, and knows which tone it hears and
when it heard the last packet.  All of one process are driven by one :class:`Metronome`.  It knows
no call and no SIP.
"""

from __future__ import annotations

import asyncio
import secrets
import struct

from probes import tones
from sipfront.runtime import clock
from sipfront.sip import sdp
from sipfront.sip.errors import SipError

#: Seconds between two packets.
PERIOD = tones.FRAME / tones.RATE
#: What is listened to before it is said which tone it is: 100 ms.
SLICE = 5 * tones.FRAME
#: How late the metronome may be before it gives up what it missed (the machine was stopped).
LATE = 1.0
#: Tries to find an even port (RFC 3550 section 11).
TRIES = 20
_HEADER = struct.Struct("!BBHII")


class Metronome:
    """Calls everyone who speaks every 20 ms, without drift."""

    def __init__(self) -> None:
        self._speakers: dict[Audio, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, audio: Audio) -> None:
        """Let one speak."""
        self._speakers[audio] = None
        if self._timer is None:
            self._next = clock.now()
            self._beat()

    def remove(self, audio: Audio) -> None:
        """It has finished."""
        self._speakers.pop(audio, None)

    def _beat(self) -> None:
        self._timer = None
        if not self._speakers:
            return
        now = clock.now()
        if now - self._next > LATE:
            self._next = now
        while self._next <= now:
            self._next += PERIOD
            for audio in list(self._speakers):
                audio.speak()
        self._timer = asyncio.get_running_loop().call_later(self._next - now, self._beat)


class Audio(asyncio.DatagramProtocol):
    """One end of one audio stream."""

    def __init__(self, metronome: Metronome, host: str, tone: int = 0, *, echo: bool = False):
        """``tone``: what it says, 0 for silence; ``echo``: it gives back what it gets."""
        self.host = host
        self.port = 0
        self.tone = tone
        self.echo = echo
        self.direction = b"sendrecv"
        self.heard: int | None = None
        self.first_heard = 0.0
        self.last_packet = 0.0
        self.received = self.sent = 0
        #: set when a tone was recognised
        self.sounded = asyncio.Event()
        self._metronome = metronome
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: tuple[str, int] | None = None
        self._ear = bytearray()
        self._session = secrets.randbits(31)
        self._version = 0
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)

    async def open(self) -> None:
        """Bind an even port of ``host``."""
        loop = asyncio.get_running_loop()
        odd: list[asyncio.DatagramTransport] = []
        for _ in range(TRIES):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(self.host, 0)
            )
            self.port = transport.get_extra_info("sockname")[1]
            if self.port % 2 == 0:
                self._transport = transport
                break
            odd.append(transport)
        for other in odd[: None if self._transport else -1]:
            other.close()
        if self._transport is None:
            self._transport = odd[-1]

    def close(self) -> None:
        """Say and hear nothing any more."""
        self._metronome.remove(self)
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # ------------------------------------------------------------------ offer and answer

    def describe(self, direction: bytes = b"sendrecv") -> bytes:
        """Our side as SDP (RFC 8866, RFC 3264): each description has a higher version."""
        self._version += 1
        host = self.host.encode()
        return (
            b"v=0\r\no=- %d %d IN IP4 %b\r\ns=-\r\nc=IN IP4 %b\r\nt=0 0\r\n"
            b"m=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=%b\r\n"
        ) % (self._session, self._version, host, host, self.port, direction)

    def answer(self, offer: bytes) -> bytes | None:
        """Take an offer and answer it; None when there is nothing that we speak."""
        if not offer:
            return self.describe()
        if not self.accept(offer):
            return None
        theirs = sdp.parse(offer).media[0].direction
        ours = {b"sendonly": b"recvonly", b"recvonly": b"sendonly", b"inactive": b"inactive"}
        return self.describe(ours.get(theirs, b"sendrecv"))

    async def reoffered(self, offer: bytes) -> bytes | None:
        """The answer to an offer inside the dialog, for a leg's ``on_offer``."""
        return self.answer(offer)

    def accept(self, body: bytes) -> bool:
        """Take the other side's description; False when it has no PCMU for us."""
        try:
            media = sdp.parse(body).media
        except SipError:
            return False
        if not media or media[0].kind != b"audio" or b"0" not in media[0].formats:
            return False
        connection = media[0].connection
        if connection is None or media[0].port == 0:
            return False
        self._peer = (connection.address.decode(), media[0].port)
        self.direction = media[0].direction
        if media[0].held:
            self._metronome.remove(self)
        elif not self.echo:
            self._metronome.add(self)
        return True

    # ------------------------------------------------------------------ packets

    def speak(self) -> None:
        """Send the next packet of our own."""
        frames = tones.frames(self.tone) if self.tone else (tones.SILENCE,)
        self._send(frames[self.sent % len(frames)])

    def _send(self, payload: bytes) -> None:
        if self._transport is None or self._peer is None:
            return
        self.sent += 1
        self._sequence = self._sequence + 1 & 0xFFFF
        self._timestamp = self._timestamp + len(payload) & 0xFFFFFFFF
        head = _HEADER.pack(0x80, 0, self._sequence, self._timestamp, self._ssrc)
        self._transport.sendto(head + payload, self._peer)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002
        """One packet came (symmetric RTP is not needed: nobody here is behind NAT)."""
        if len(data) <= _HEADER.size or data[0] >> 6 != 2 or data[1] & 0x7F:
            return
        self.received += 1
        self.last_packet = clock.now()
        payload = data[_HEADER.size :]
        if self.echo:
            self._send(payload)
        elif not self.heard:
            self._listen(payload)

    def _listen(self, payload: bytes) -> None:
        self._ear += payload
        if len(self._ear) < SLICE:
            return
        self.heard = tones.which(bytes(self._ear))
        self._ear.clear()
        if self.heard:
            self.first_heard = self.last_packet
            self.sounded.set()

    def listen_again(self) -> None:
        """Forget what was heard: the next slice decides anew."""
        self.heard = None
        self.sounded.clear()
        self._ear.clear()
