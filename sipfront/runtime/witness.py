"""Asking a witness (the default router, say) whether it answers: one ICMP echo.

Without the right to send one, a TCP connection to a port where nobody listens: the refusal is an
answer.  Nothing is concluded here; control knows what an answer means.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

from sipfront.runtime.addresses import family_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: A router on the LAN answers within 10 ms; control asks again every 0.2 s.
TIMEOUT = 0.5
#: The discard port: served by nobody.
PORT = 9

_ECHO = {socket.AF_INET: (8, socket.IPPROTO_ICMP), socket.AF_INET6: (128, socket.IPPROTO_ICMPV6)}


class Witnesses:
    """Asks, at most one question to each witness at a time."""

    def __init__(self, tell: Callable[[str, bool], None]) -> None:
        self._tell = tell
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str) -> None:
        """Begin to ask ``name``; the answer goes to ``tell``."""
        if name not in self._tasks:
            self._tasks[name] = asyncio.get_running_loop().create_task(self._ask(name))

    async def _ask(self, name: str) -> None:
        try:
            answered = await answers(name)
        finally:
            del self._tasks[name]
        self._tell(name, answered)

    def close(self) -> None:
        """Stop asking."""
        for task in list(self._tasks.values()):
            task.cancel()


async def answers(host: str) -> bool:
    """Does ``host`` answer within TIMEOUT?"""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(TIMEOUT):
            try:
                return await _echo(host)
            except PermissionError:
                return await _knock(host)
    return False


async def _echo(host: str) -> bool:
    family = family_of(host)
    kind, protocol = _ECHO[family]
    loop = asyncio.get_running_loop()
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        # Raw sockets are the other way in, for those with CAP_NET_RAW.
        sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    with sock:
        raw = sock.type == socket.SOCK_RAW
        sock.connect((host, 0))
        mark = os.urandom(8)
        head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, 1)
        if raw and family == socket.AF_INET:
            head = struct.pack("!BBHHH", kind, 0, _sum(head + mark), os.getpid() & 0xFFFF, 1)
        sock.send(head + mark)
        while True:
            data = await loop.sock_recv(sock, 2048)
            # On loopback a raw socket reads its own question too: only a reply (type 0, 129).
            at = (data[0] & 15) * 4 if raw and family == socket.AF_INET else 0
            if data.endswith(mark) and data[at] != kind:
                return True


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


async def _knock(host: str) -> bool:
    loop = asyncio.get_running_loop()
    with socket.socket(family_of(host), socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            await loop.sock_connect(sock, (host, PORT))
        except ConnectionRefusedError:
            return True
        return True
