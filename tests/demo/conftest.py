"""Each test has a piece of loopback of its own, and stations that are closed behind it."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from probes.tones import VOICES
from sipfront.demo.node import DemoNode
from sipfront.demo.phone import DemoPhone
from sipfront.sip.message import Message, scan
from sipfront.sip.reply import reply
from sipfront.stack.settings import Timing

_COUNT = itertools.count(1)
USERS = {"1001": "one", "1002": "two", "1003": "three"}
#: RFC 3261's timers, twenty times as fast: nothing here is further away than loopback.
FAST = Timing(t1=0.025, t2=0.2, t4=0.25)


def new_network() -> str:
    """Three octets of loopback that no other test and no other run uses."""
    return f"127.{64 + os.getpid() % 128}.{next(_COUNT) % 256}"


@pytest.fixture
def network() -> str:
    return new_network()


class World:
    """A node and its phones, without a front."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.at = (f"{network}.11", 5060)
        self.node = DemoNode("pbx", *self.at, USERS, timing=FAST)
        self.phones: list[DemoPhone] = []

    async def phone(self, user: str, **more: Any) -> DemoPhone:
        """One more phone."""
        tone = more.pop("tone", VOICES[len(self.phones)])
        password = more.pop("password", USERS.get(user, ""))
        bind = (f"{self.network}.{101 + len(self.phones)}", 5060)
        phone = DemoPhone(user, password, self.at, bind=bind, tone=tone, timing=FAST, **more)
        self.phones.append(phone)
        await phone.open()
        return phone

    async def registered(self, user: str, **more: Any) -> DemoPhone:
        """One more phone, registered."""
        phone = await self.phone(user, **more)
        assert await phone.register() == 200
        return phone


@pytest.fixture
async def world(network: str) -> AsyncIterator[World]:
    world = World(network)
    await world.node.open()
    yield world
    for phone in world.phones:
        await phone.close()
    world.node.kill()
    # No leg is left behind anywhere.
    assert not world.node.agent.dialogs


class Peer(asyncio.DatagramProtocol):
    """A socket that says exactly what a test wants, and keeps what it hears."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None
        self.to = ("", 0)

    async def open(self, to: tuple[str, int]) -> Peer:
        self.to = to
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self.host, 5060)
        )
        return self

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait(scan(data))

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.sendto(data, self.to)

    def answer(
        self, message: Message, status: int, tag: bytes = b"them", body: bytes = b""
    ) -> None:
        extra = b"Contact: <sip:%b:5060>\r\n" % self.host.encode()
        if body:
            extra += b"Content-Type: application/sdp\r\n"
        self.say(
            reply(message, status, to_tag=tag if status > 100 else b"", extra=extra, body=body)
        )

    async def hear(self, method: bytes = b"", status: int = 0, limit: float = 5.0) -> Message:
        """The next message of this kind; others are passed over."""
        async with asyncio.timeout(limit):
            while True:
                message = await self.heard.get()
                if message.method == method and message.status == status:
                    return message


@pytest.fixture
async def peer(network: str) -> AsyncIterator[Peer]:
    peer = Peer(f"{network}.99")
    yield peer
    if peer.transport is not None:
        peer.transport.close()


def request(peer: Peer, method: str, *, cseq: int = 1, to_tag: str = "", extra: str = "") -> bytes:
    """A plain request of a peer, to the user x."""
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} sip:x@{peer.to[0]} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {peer.host}:5060;branch=z9hG4bK{method}{cseq}{to_tag}\r\n"
        f"From: <sip:peer@{peer.host}>;tag=mine\r\nTo: <sip:x@{peer.to[0]}>{tag}\r\n"
        f"Call-ID: call\r\nCSeq: {cseq} {method}\r\nContact: <sip:{peer.host}:5060>\r\n"
        f"Max-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
    ).encode()


async def until(wanted: Callable[[], object], limit: float = 5.0) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + limit
    while not wanted():
        assert time.monotonic() < ends, "it did not come to pass"
        await asyncio.sleep(0.01)
