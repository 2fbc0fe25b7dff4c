"""Networks for a test: namespaces, links between them, NAT; made and removed by the test itself.

Nothing here leaves the machine: no namespace is connected with the machine's own network.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

CLONE_NEWNET = 0x40000000
T = TypeVar("T")
_numbers = itertools.count(1)


class NetworkError(Exception):
    """A command of ``ip`` or ``nft`` failed; the text says which and why."""


def run(*command: str) -> str:
    """Run a command that must work; return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """Some namespaces and what connects them (a context manager)."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._prefix = f"sf{os.getpid() % 100000}n{next(_numbers)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def namespace(self, name: str, *addresses: str) -> Namespace:
        """Make a namespace; ``addresses`` are its own, on loopback."""
        full = f"{self._prefix}{name}"
        run("ip", "netns", "add", full)
        self._made.append(full)
        namespace = Namespace(full)
        namespace.ip("link", "set", "lo", "up")
        for address in addresses:
            namespace.ip("addr", "add", f"{address}/32", "dev", "lo")
        return namespace

    def link(self, one: Namespace, one_address: str, other: Namespace, other_address: str) -> None:
        """Connect two namespaces by a veth pair; addresses with their prefix (``10.0.0.1/24``)."""
        number = next(_numbers)
        names = f"v{number}a", f"v{number}b"
        # fmt: off
        run("ip", "link", "add", names[0], "netns", one.name, "type", "veth",
            "peer", "name", names[1], "netns", other.name)
        # fmt: on
        for namespace, name, address in (
            (one, names[0], one_address),
            (other, names[1], other_address),
        ):
            namespace.ip("addr", "add", address, "dev", name)
            namespace.ip("link", "set", name, "up")


class Namespace:
    """One network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def within(self) -> tuple[str, ...]:
        """The words that run a command in here."""
        return ("ip", "netns", "exec", self.name)

    def ip(self, *words: str) -> str:
        """Run ``ip`` in here."""
        return run("ip", "-n", self.name, *words)

    def route(self, target: str, via: str) -> None:
        """Reach ``target`` by way of ``via``."""
        self.ip("route", "add", target, "via", via)

    def forward(self) -> None:
        """Be a router."""
        run(*self.within, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def nft(self, rules: str) -> None:
        """Load rules of nftables in here."""
        command = [*self.within, "nft", "-f", "-"]
        done = subprocess.run(command, input=rules, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NetworkError(f"nft: {done.stderr.strip()}\n{rules}")

    def nat(self, inner: str) -> None:
        """Be a router that hides ``inner`` (a network) behind its outer address."""
        self.forward()
        self.nft(
            "table ip nat {\nchain out {\ntype nat hook postrouting priority 100\n"
            f"ip saddr {inner} ip daddr != {inner} masquerade random\n}}\n}}\n"
        )

    def drop_icmp(self) -> None:
        """Let no ICMP error out of here, as many firewalls do."""
        self.nft(
            "table ip quiet {\nchain out {\ntype filter hook output priority 0\n"
            "icmp type destination-unreachable drop\n}\n}\n"
        )

    def call(self, work: Callable[[], T]) -> T:
        """Do ``work`` in here, in a thread of its own; sockets made there belong here."""
        result: list[T] = []
        error: list[BaseException] = []

        def enter() -> None:
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with Path(f"/var/run/netns/{self.name}").open() as file:
                    if libc.setns(file.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                result.append(work())
            except BaseException as problem:  # noqa: BLE001 - handed to the caller
                error.append(problem)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if error:
            raise error[0]
        return result[0]

    async def acall(self, work: Callable[[], T]) -> T:
        """As :meth:`call`, without stopping the loop."""
        return await asyncio.to_thread(self.call, work)
