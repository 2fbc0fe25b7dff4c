"""Telephones by the thousand: small SIP phones over UDP that register, refresh and refuse calls.

Each has an address of its own, keeps the timers of RFC 3261 17.1.2 and counts what went wrong.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import Any

from sipfront.sip import digest
from sipfront.sip import headers as h
from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from tests.lab.asterisk import password
from tests.lab.front import ADDRESS

#: Timers E and F of RFC 3261 17.1.2.
T1, T2, F = 0.5, 4.0, 32.0


class Telephone(asyncio.DatagramProtocol):
    """One phone: registers, refreshes at half of what it was told, answers 486 to calls."""

    def __init__(self, crowd: Crowd, user: str) -> None:
        self.crowd = crowd
        self.user = user
        self.call_id = f"{os.urandom(6).hex()}@{user}"
        self.cseq = 0
        self.rang = asyncio.Event()
        self._text = b""
        self._begun = 0.0
        self._interval = T1
        self._timer: asyncio.TimerHandle | None = None
        self._transport: Any = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        """It is there."""
        self._transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.at = f"{host}:{port}"

    def register(self, proof: bytes = b"") -> None:
        """Send a REGISTER and wait for its answer."""
        self.cseq += 1
        if not proof:
            self._begun = time.monotonic()
            self.crowd.asked += 1
        line = b"Authorization: " + proof + b"\r\n" if proof else b""
        self._text = (
            f"REGISTER sip:example.com SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.at};branch=z9hG4bK{os.urandom(6).hex()};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@example.com>;tag={self.user}\r\n"
            f"To: <sip:{self.user}@example.com>\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {self.cseq} REGISTER\r\nContact: <sip:{self.user}@{self.at}>\r\n"
            f"Expires: 3600\r\nUser-Agent: Crowd 1.0\r\n"
        ).encode() + (line + b"Content-Length: 0\r\n\r\n")
        self._interval = T1
        self._send()

    def _send(self) -> None:
        self._transport.sendto(self._text, (ADDRESS, 5060))
        if time.monotonic() - self._begun > F:
            self.crowd.timeouts += 1
            self._timer = self._loop.call_later(5.0, self.register)
            return
        self._timer = self._loop.call_later(self._interval, self._send)
        self._interval = min(2 * self._interval, T2)

    def datagram_received(self, data: bytes, address: Any) -> None:
        """An answer, or a request."""
        try:
            message = scan(data)
        except SipError:
            return
        if message.status:
            self._answered(message)
        elif message.method == b"INVITE":
            self.rang.set()
            self._transport.sendto(reply(message, 486, to_tag=b"x"), address)
        elif message.method != b"ACK":
            self._transport.sendto(reply(message, 200, to_tag=b"x"), address)

    def _answered(self, message: Message) -> None:
        if message.status < 200 or message.cseq != self.cseq:
            return
        if self._timer is not None:
            self._timer.cancel()
        if message.status == 401:
            secret = digest.Credentials.of(
                self.user.encode(), b"example.com", password(self.user).encode()
            )
            challenge = secret.choose(message.values(h.WWW_AUTHENTICATE))
            if challenge is not None:
                self.register(secret.header(challenge, b"REGISTER", b"sip:example.com", b"c"))
            return
        waited = time.monotonic() - self._begun
        self.crowd.longest = max(self.crowd.longest, waited)
        if message.status != 200:
            self.crowd.refused[message.status] = self.crowd.refused.get(message.status, 0) + 1
            self._timer = self._loop.call_later(5.0, self.register)
            return
        self.crowd.known.add(self.user)
        value = (message.values(h.CONTACT) or [b"=60"])[0]
        told = int(value.rpartition(b"=")[2])
        self._timer = self._loop.call_later(told / 2, self.register)

    def close(self) -> None:
        """Be gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()


def _same(phone: Telephone) -> Telephone:
    return phone


class Crowd:
    """All phones, and what they went through."""

    def __init__(self, count: int) -> None:
        self.users = [str(20000 + number) for number in range(count)]
        self.phones: dict[str, Telephone] = {}
        self.known: set[str] = set()
        self.asked = self.timeouts = 0
        self.longest = 0.0
        self.refused: dict[int, int] = {}

    async def come(self, over: float) -> None:
        """All phones are switched on, evenly within this time."""
        loop = asyncio.get_running_loop()
        begun = time.monotonic()
        for number, user in enumerate(self.users):
            where = (f"127.1.{number // 200}.{1 + number % 200}", 5060)
            phone = Telephone(self, user)
            await loop.create_datagram_endpoint(partial(_same, phone), local_addr=where)
            self.phones[user] = phone
            phone.register()
            late = begun + over * number / len(self.users) - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)

    def close(self) -> None:
        """Switch all off."""
        for phone in self.phones.values():
            phone.close()
