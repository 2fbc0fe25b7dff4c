"""Hundreds of calls of one address: small telephones that know who they hear.

A :class:`Herd` is a trunk's peer with one SIP socket; each :class:`End` of a call has an RTP socket
of its own.  It answers what comes (INVITE, re-INVITE, BYE), asks what it is told to, sends a packet
of audio ten times a second that names its speaker, and counts what it hears of whom and from where.
It knows UDP and just enough SIP for that, and imports nothing of sipfront, which is what it judges.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import time
from collections.abc import Callable
from typing import Self

from tests.lab.phones.raw import Message

#: Seconds between two packets of one speaker; a fifth of what telephones send.
PERIOD = 0.1
#: A request is sent again so often until its answer comes, and so many times.
AGAIN, TRIES = 0.5, 12
_RTP = struct.Struct("!BBHII")
SILENCE = b"\xff" * 152


class End:
    """One telephone's end of one call.  ``ident``: who it is in the audio."""

    def __init__(self, herd: Herd, call_id: str, ident: int, number: str) -> None:
        self.herd = herd
        self.call_id = call_id
        self.ident = ident
        self.number = number
        self.tag = os.urandom(4).hex()
        self.me = ""  # From of what it asks
        self.them = ""  # To of what it asks
        self.target = ""
        self.cseq = 0
        self.direction = "sendrecv"
        self.version = 1
        self.peer: tuple[str, int] | None = None
        self.up = asyncio.Event()
        self.over = asyncio.Event()
        self.ended_at = 0.0
        self.reason = ""
        self.heard: dict[int, int] = {}
        self.source: tuple[str, int] | None = None
        self.last = self.gap = 0.0
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._said: dict[str, str] = {}
        self._provisional: set[str] = set()
        self._sequence = 0
        self._audio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._audio.bind((herd.ip, 0))
        self._audio.setblocking(False)
        self.rtp = (herd.ip, int(self._audio.getsockname()[1]))
        asyncio.get_running_loop().add_reader(self._audio.fileno(), self._hear)

    def close(self) -> None:
        """Silent and deaf."""
        if self._audio.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._audio.fileno())
            self._audio.close()

    # -- audio -----------------------------------------------------------------------------------

    def speak(self) -> None:
        """One packet of 20 ms."""
        if self.peer is None or self.over.is_set() or not self.up.is_set():
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        head = _RTP.pack(0x80, 0, self._sequence, 800 * self._sequence, self.ident)
        try:
            self._audio.sendto(head + struct.pack("!II", 0x51F0, self.ident) + SILENCE, self.peer)
        except OSError:
            pass  # nobody listens there any more

    def _hear(self) -> None:
        while True:
            try:
                data, source = self._audio.recvfrom(2048)
            except OSError:
                return
            if len(data) != 172:
                continue
            mark, ident = struct.unpack("!II", data[12:20])
            if mark != 0x51F0:
                continue
            now = time.monotonic()
            if self.last:
                self.gap = max(self.gap, now - self.last)
            self.last, self.source = now, source
            self.heard[ident] = self.heard.get(ident, 0) + 1

    def forget(self) -> None:
        """Count what is heard anew."""
        self.heard, self.gap, self.last = {}, 0.0, 0.0

    def sdp(self) -> str:
        """Its side of the media."""
        ip, port = self.rtp
        return (
            f"v=0\r\no=- {self.ident} {self.version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={self.direction}\r\n"
        )

    def listen_to(self, message: Message) -> None:
        """The other side's description."""
        body = message.text.partition("\r\n\r\n")[2]
        address = re.search(r"(?m)^c=IN IP4 (\S+)", body)
        port = re.search(r"(?m)^m=audio (\d+)", body)
        if address and port:
            self.peer = (address[1], int(port[1]))

    # -- asking ----------------------------------------------------------------------------------

    async def ask(self, method: str, *, sdp: bool = False, limit: float = 8.0) -> Message:
        """A request in the dialog (or the INVITE that makes it), and its final answer."""
        self.cseq += 1
        name = f"{self.cseq} {method}"
        branch = f"z9hG4bK{os.urandom(6).hex()}"
        text = self._text(method, name, branch, self.sdp() if sdp else "")
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(limit):
                for _ in range(TRIES):
                    self.herd.send(text)
                    done, _ = await asyncio.wait([answer], timeout=AGAIN)
                    if done:
                        break
                    if name in self._provisional:
                        break
                got: Message = await answer
                return got
        except TimeoutError:
            raise AssertionError(f"{self.number} ({self.call_id}): no answer to {name}") from None

    def _text(self, method: str, cseq: str, branch: str, body: str) -> str:
        ip = self.herd.ip
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {ip}:5060;branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {self.me}",
            f"To: {self.them}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq}",
            f"Contact: <sip:{self.number}@{ip}:5060>",
            "Allow: INVITE, ACK, BYE, CANCEL, UPDATE",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    async def hold(self, on: bool) -> int:
        """A re-INVITE with another direction; the status of its answer."""
        self.direction = "sendonly" if on else "sendrecv"
        self.version += 1
        return (await self.ask("INVITE", sdp=True)).status

    async def hang_up(self) -> int:
        """BYE; the status of its answer."""
        self._end("")
        return (await self.ask("BYE")).status

    def answered(self, message: Message) -> None:
        """An answer to one of its requests."""
        cseq = message.header("CSeq")
        if message.status < 200:
            self._provisional.add(cseq)
            return
        if cseq.endswith("INVITE"):
            if message.status < 300:
                self.them = message.header("To")
                found = re.search(r"<([^>]+)>", message.header("Contact"))
                self.target = found[1] if found else self.target
                self.listen_to(message)
                self.up.set()
            number = cseq.split(" ")[0]
            branch = re.search(r"branch=([^;\s]+)", message.header("Via"))
            mark = (
                branch[1] if branch and message.status >= 300 else f"z9hG4bK{os.urandom(6).hex()}"
            )
            self.herd.send(self._text("ACK", f"{number} ACK", mark, ""))
        waiting = self._answers.pop(cseq, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    # -- being asked -----------------------------------------------------------------------------

    def asked(self, message: Message) -> None:
        """A request of the other side; the same one again gets the same answer."""
        cseq = message.header("CSeq")
        if message.method == "ACK":
            return
        if cseq in self._said:
            self.herd.send(self._said[cseq])
            return
        status, body = "200 OK", ""
        if message.method == "INVITE":
            if "m=audio" in message.text:
                self.listen_to(message)
            body = self.sdp()
            self.up.set()
        elif message.method == "BYE":
            self._end(message.header("Reason"))
        vias = [f"Via: {via}" for via in message.all("Via")]
        to = message.header("To")
        to += "" if ";tag=" in to else f";tag={self.tag}"
        lines = [f"SIP/2.0 {status}", *vias, f"From: {message.header('From')}", f"To: {to}"]
        lines += [f"Record-Route: {route}" for route in message.all("Record-Route")]
        lines += [f"Call-ID: {self.call_id}", f"CSeq: {cseq}"]
        lines.append(f"Contact: <sip:{self.number}@{self.herd.ip}:5060>")
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
        self._said[cseq] = text
        self.herd.send(text)

    def _end(self, reason: str) -> None:
        if not self.over.is_set():
            self.ended_at = time.time()
            self.reason = reason
            self.over.set()


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, herd: Herd) -> None:
        self.herd = herd

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip(b"\r\n\0"):
            self.herd.arrived(Message(data, addr))


class Herd:
    """All telephones of one address."""

    def __init__(self, ip: str, server: tuple[str, int] = ("127.0.0.10", 5060)) -> None:
        self.ip = ip
        self.server = server
        #: by Call-ID
        self.ends: dict[str, End] = {}
        #: callees by the number that was dialled
        self.called: dict[str, End] = {}
        #: final answers above 299 that came, and from what
        self.failures: list[str] = []
        self.on_call: Callable[[End], None] = lambda _: None
        self._transport: asyncio.DatagramTransport | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._made = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        sock.bind((self.ip, 5060))
        sock.setblocking(False)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(self), sock=sock)
        self._speaking = asyncio.create_task(self._speak())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        for end in self.ends.values():
            end.close()
        if self._transport is not None:
            self._transport.close()

    async def _speak(self) -> None:
        due = time.monotonic()
        while True:
            for end in list(self.ends.values()):
                end.speak()
            due = max(due + PERIOD, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def send(self, text: str) -> None:
        """To the front."""
        if self._transport is not None:
            self._transport.sendto(text.encode(), self.server)

    def arrived(self, message: Message) -> None:
        """A message came."""
        call_id = message.header("Call-ID")
        end = self.ends.get(call_id)
        if message.status:
            if message.status >= 300:
                self.failures.append(f"{message.status} to {message.header('CSeq')} of {call_id}")
            if end is not None:
                end.answered(message)
            return
        if message.method == "OPTIONS" or (end is None and message.method != "INVITE"):
            return
        if end is None:
            number = re.search(r"sip:([^@]+)@", message.first_line)
            end = self._end(call_id, number[1] if number else "?")
            end.me = f"{message.header('To')};tag={end.tag}"
            end.them = message.header("From")
            found = re.search(r"<([^>]+)>", message.header("Contact"))
            end.target = found[1] if found else ""
            end.cseq = 1000
            self.called[end.number] = end
        end.asked(message)

    def _end(self, call_id: str, number: str) -> End:
        self._made += 1
        end = End(self, call_id, int(self.ip.split(".")[3]) * 100_000 + self._made, number)
        self.ends[call_id] = end
        return end

    async def call(self, number: str, limit: float = 20.0) -> End:
        """Dial; the caller's end, up."""
        end = self._end(os.urandom(8).hex(), f"c{number}")
        end.me = f"<sip:{end.number}@{self.ip}>;tag={end.tag}"
        end.them = f"<sip:{number}@example.com>"
        end.target = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        answer = await end.ask("INVITE", sdp=True, limit=limit)
        assert answer.status == 200, answer.text
        return end
