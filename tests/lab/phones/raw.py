"""A peer made of a UDP socket and text: for what no real phone can be made to say.

It builds requests and responses line by line, knows digest (RFC 7616, MD5) as far as a
registration needs it, and has an inbox to wait at.  Imports nothing of sipfront.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable
from typing import Self


class Message:
    """A message that came: its first line, headers by name, the rest as it was."""

    def __init__(self, data: bytes, source: tuple[str, int]) -> None:
        self.data = data
        self.source = source
        self.text = data.decode(errors="replace")
        self.head = self.text.split("\r\n\r\n", 1)[0]
        self.first_line = self.head.split("\r\n", 1)[0]
        self.status = int(self.first_line[8:11]) if self.first_line.startswith("SIP/2.0 ") else 0
        self.method = "" if self.status else self.first_line.split(" ", 1)[0]

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return re.findall(rf"(?im)^{re.escape(name)}\s*:[ \t]*(.*?)\r?$", self.head)

    def header(self, name: str) -> str:
        """Return the first value of a header, empty when there is none."""
        values = self.all(name)
        return values[0] if values else ""


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, phone: RawPhone) -> None:
        self.phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip(b"\r\n\0"):
            self.phone.arrived(Message(data, addr))


class RawPhone:
    """One UDP socket at ``ip``; talks to ``server``."""

    def __init__(
        self, user: str, ip: str, *, port: int = 0, server: tuple[str, int] = ("127.0.0.10", 5060)
    ) -> None:
        self.user = user
        self.ip = ip
        self.port = port
        self.server = server
        self.inbox: list[Message] = []
        #: Gets each request; what it returns is sent back.
        self.react: Callable[[Message], list[str]] = lambda _: []
        self._news = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> str:
        """Where it is, as it stands in a URI."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Protocol(self), local_addr=(self.ip, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    def arrived(self, message: Message) -> None:
        """A message came: keep it, react to it, wake whoever waits."""
        self.inbox.append(message)
        self._news.set()
        if message.method:
            for text in self.react(message):
                self.send(text, message.source)

    def send(self, text: str | bytes, to: tuple[str, int] | None = None) -> None:
        """Send what is written, to the server unless told otherwise."""
        assert self._transport is not None
        data = text if isinstance(text, bytes) else text.encode()
        self._transport.sendto(data, to or self.server)

    async def wait(
        self, wanted: Callable[[Message], bool], limit: float = 5.0, since: int = 0
    ) -> Message:
        """Wait for a message, among those that came after the first ``since``."""
        ends = time.monotonic() + limit
        while True:
            self._news.clear()
            for message in self.inbox[since:]:
                if wanted(message):
                    return message
            left = ends - time.monotonic()
            if left <= 0:
                seen = [message.first_line for message in self.inbox[since:]]
                raise AssertionError(f"{self.user}@{self.ip}: not within {limit} s, only {seen}")
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                continue

    def request(
        self,
        method: str,
        uri: str,
        *,
        sender: str | None = None,
        to: str | None = None,
        call_id: str | None = None,
        cseq: int = 1,
        headers: tuple[str, ...] = (),
        body: str = "",
    ) -> str:
        """Return the text of a request of ours, with a Contact and whatever is asked for."""
        me = self.address
        mark = os.urandom(6).hex()
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{mark};rport",
            "Max-Forwards: 70",
            f"From: {sender or f'<sip:{self.user}@example.com>'};tag={mark}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call_id or mark}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{me}>",
            *headers,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    def sdp(self, port: int = 9000) -> str:
        """Return an offer of one audio stream at our address."""
        kind = "IP6" if ":" in self.ip else "IP4"
        return (
            f"v=0\r\no=- 1 1 IN {kind} {self.ip}\r\ns=-\r\nc=IN {kind} {self.ip}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )

    async def ask(self, text: str, limit: float = 5.0) -> Message:
        """Send a request and return its final answer; an answer to INVITE is ACKed."""
        since = len(self.inbox)
        sent = Message(text.encode(), self.server)
        branch = sent.header("Via").split("branch=")[1].split(";")[0]
        self.send(text)
        answer = await self.wait(
            lambda m: m.status >= 200 and f"branch={branch}" in m.header("Via"), limit, since
        )
        if sent.method == "INVITE" and answer.status >= 300:
            uri = sent.first_line.split(" ")[1]
            cseq = sent.header("CSeq").split(" ")[0]
            self.send(
                f"ACK {uri} SIP/2.0\r\nVia: {sent.header('Via')}\r\nMax-Forwards: 70\r\n"
                f"From: {sent.header('From')}\r\nTo: {answer.header('To')}\r\n"
                f"Call-ID: {sent.header('Call-ID')}\r\nCSeq: {cseq} ACK\r\n"
                "Content-Length: 0\r\n\r\n"
            )
        return answer

    async def ask_with(self, password: str, method: str, uri: str, **more: object) -> Message:
        """Send a request, answer its challenge, and return the answer to that."""
        call_id = os.urandom(6).hex()
        first = await self.ask(self.request(method, uri, call_id=call_id, **more))  # type: ignore[arg-type]
        if first.status not in (401, 407):
            return first
        name = "WWW-Authenticate" if first.status == 401 else "Proxy-Authenticate"
        challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', first.header(name)))
        answer = self._proof(challenge, password, method, uri)
        name = "Authorization" if first.status == 401 else "Proxy-Authorization"
        headers = (*more.pop("headers", ()), f"{name}: {answer}")  # type: ignore[misc]
        return await self.ask(
            self.request(method, uri, call_id=call_id, cseq=2, headers=headers, **more)  # type: ignore[arg-type]
        )

    async def hang_up(self, answer: Message) -> None:
        """ACK and BYE the call that was answered."""
        target = answer.header("Contact").strip("<>")
        number = int(answer.header("CSeq").split()[0])
        for method, cseq in (("ACK", number), ("BYE", number + 1)):
            text = self.request(method, target, call_id=answer.header("Call-ID"), cseq=cseq)
            lines = [line for line in text.split("\r\n") if not line.startswith(("From:", "To:"))]
            lines[2:2] = [f"From: {answer.header('From')}", f"To: {answer.header('To')}"]
            if method == "ACK":
                self.send("\r\n".join(lines))
            else:
                assert (await self.ask("\r\n".join(lines))).status == 200

    def proof(self, given: dict[str, str], password: str, method: str, uri: str) -> str:
        """Return what ``response`` must be in credentials of ours (RFC 7616, MD5, auth)."""

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        secret, what = md5(f"{self.user}:{given['realm']}:{password}"), md5(f"{method}:{uri}")
        return md5(
            f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{what}"
        )

    def _proof(self, challenge: dict[str, str], password: str, method: str, uri: str) -> str:
        given = {**challenge, "cnonce": os.urandom(4).hex(), "nc": "00000001", "qop": "auth"}
        response = self.proof(given, password, method, uri)
        opaque = f',opaque="{challenge["opaque"]}"' if "opaque" in challenge else ""
        return (
            f'Digest username="{self.user}",realm="{given["realm"]}",nonce="{given["nonce"]}",'
            f'uri="{uri}",response="{response}",algorithm=MD5,qop=auth,'
            f'cnonce="{given["cnonce"]}",nc=00000001{opaque}'
        )

    async def register(self, password: str, expires: int = 60) -> Message:
        """Register at the server; fails unless that works."""
        aor = "sip:example.com"
        answer = await self.ask_with(
            password,
            "REGISTER",
            aor,
            to=f"<sip:{self.user}@example.com>",
            headers=(f"Expires: {expires}",),
        )
        assert answer.status == 200, answer.text
        return answer

    def answer(self, request: Message, status: int, reason: str, *headers: str) -> str:
        """Return the text of an answer to a request that came."""
        to = request.header("To")
        if status > 100 and ";tag=" not in to:
            to += f";tag=raw{self.port}"
        vias = [f"Via: {via}" for via in request.all("Via")]
        routes = [f"Record-Route: {route}" for route in request.all("Record-Route")]
        lines = [f"SIP/2.0 {status} {reason}", *vias, *routes]
        lines += [f"From: {request.header('From')}", f"To: {to}"]
        lines += [f"Call-ID: {request.header('Call-ID')}", f"CSeq: {request.header('CSeq')}"]
        return "\r\n".join([*lines, *headers, "Content-Length: 0", "", ""])
