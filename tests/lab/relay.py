"""A wire with faults between two namespaces: loss, delay, reordering, cuts, from a seed.

Two TUN interfaces and a loop in user space, because this kernel has no netem.  It carries whole IP
packets (UDP, TCP, ICMP, audio), so that neither end knows of it.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import random
import struct
from typing import Self

from tests.lab.netns import Namespace

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 65535
_numbers = itertools.count(1)


class Way:
    """One direction of the wire, and what befalls packets on it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loss = 0.0  #: part of the packets that are lost, 0 to 1
        self.delay = 0.0  #: seconds that each packet takes
        self.jitter = 0.0  #: up to so many seconds more: packets overtake each other
        self.cut = False  #: nothing gets through
        self.carried = 0
        self.lost = 0

    def fate(self) -> float | None:
        """Return when the next packet arrives, in seconds from now; None: never."""
        if self.cut or self.random.random() < self.loss:
            self.lost += 1
            return None
        self.carried += 1
        return self.delay + self.jitter * self.random.random()


class Wire:
    """The wire; ``there`` is the way from ``one`` to ``other``, ``back`` the other one."""

    def __init__(
        self, one: Namespace, one_address: str, other: Namespace, other_address: str, seed: int = 1
    ) -> None:
        self.there = Way(seed)
        self.back = Way(seed + 1)
        self._ends = ((one, one_address, other_address), (other, other_address, one_address))
        self._files: list[int] = []

    async def __aenter__(self) -> Self:
        for namespace, address, peer in self._ends:
            name = f"wire{next(_numbers)}"
            self._files.append(namespace.call(lambda name=name: _tun(name)))  # type: ignore[misc]
            namespace.ip("addr", "add", address, "peer", peer, "dev", name)
            namespace.ip("link", "set", name, "mtu", "1500", "up")
        loop = asyncio.get_running_loop()
        one, other = self._files
        loop.add_reader(one, self._read, one, other, self.there)
        loop.add_reader(other, self._read, other, one, self.back)
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for file in self._files:
            loop.remove_reader(file)
            os.close(file)
        self._files.clear()

    def faults(self, *, loss: float = 0.0, delay: float = 0.0, jitter: float = 0.0) -> None:
        """Set the same faults for both ways."""
        for way in (self.there, self.back):
            way.loss, way.delay, way.jitter = loss, delay, jitter

    def cut(self, cut: bool = True) -> None:
        """Cut it, or mend it."""
        self.there.cut = self.back.cut = cut

    def _read(self, source: int, target: int, way: Way) -> None:
        for _ in range(64):
            try:
                packet = os.read(source, MTU)
            except BlockingIOError:
                return
            after = way.fate()
            if after is None:
                continue
            if after:
                asyncio.get_running_loop().call_later(after, self._write, target, packet)
            else:
                self._write(target, packet)

    def _write(self, target: int, packet: bytes) -> None:
        if target not in self._files:
            return
        try:
            os.write(target, packet)
        except OSError:
            pass  # the interface is full or going away: a wire loses packets


def _tun(name: str) -> int:
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return file
