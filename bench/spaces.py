"""Network namespaces of the lab: made by a run for itself, gone with it however it ends.

None has a name in the file system: each is held by a sleeping process that dies with the thread
that made it, and others enter it by that process's number.  :func:`run` gives a coroutine a
machine of its own, so that a run with real peers needs no address of the real one.  Knows
nothing of SIP.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
#: A process that only has to call unshare and exec.
START = 5.0


class NamespaceError(Exception):
    """A namespace or a link could not be made; the text is what the tool said."""


def inode(pid: int | str = "thread-self") -> int:
    """Return the number of the network namespace of a process (default: of this thread)."""
    where = "/proc/thread-self/ns/net" if pid == "thread-self" else f"/proc/{pid}/ns/net"
    return os.stat(where).st_ino


def command(*words: str, within: tuple[str, ...] = ()) -> str:
    """Run a command (in a namespace), return what it printed."""
    done = subprocess.run([*within, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NamespaceError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def alone() -> None:
    """Move this thread, and what it starts, into a new network namespace with a loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise NamespaceError(f"unshare: {os.strerror(ctypes.get_errno())}")
    command("ip", "link", "set", "lo", "up")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a network namespace of its own."""
    result: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            alone()
            result.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            failure.append(error)
            coroutine.close()

    # A thread, because a process cannot leave a namespace that it shares with its other threads.
    thread = threading.Thread(target=body, name="in-namespace", daemon=True)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


class Namespace:
    """One namespace; ``within`` is what goes before a command that is to run in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.within: tuple[str, ...] = ()
        self._holder: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Make it."""
        mine = inode()
        holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._holder = holder
        ends = time.monotonic() + START
        while inode(holder.pid) == mine:
            if holder.poll() is not None or time.monotonic() > ends:
                raise NamespaceError(f"{self.name}: no network namespace (root?)")
            time.sleep(0.005)
        self.within = ("nsenter", "--target", str(holder.pid), "--net", "--")
        self.do("ip", "link", "set", "lo", "up")
        return self

    @property
    def pid(self) -> int:
        """The process that holds it."""
        if self._holder is None:
            raise NamespaceError(f"{self.name} is not started")
        return self._holder.pid

    def do(self, *words: str) -> str:
        """Run a command in it."""
        return command(*words, within=self.within)

    def close(self) -> None:
        """Let it go; its interfaces go with it once nothing runs in it."""
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
            self._holder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class End:
    """One end of a link: the namespace (None: ours), the interface, its address with prefix."""

    def __init__(self, space: Namespace | None, interface: str, address: str = "") -> None:
        self.space, self.interface, self.address = space, interface, address

    def do(self, *words: str) -> str:
        """Run a command where this end is."""
        return self.space.do(*words) if self.space else command(*words)


def link(one: End, other: End) -> None:
    """Lay a cable between two namespaces."""
    # Made under names that cannot be taken already, then moved and named.
    made = [f"x{os.getpid() % 100000}{n}{int(time.monotonic_ns()) % 10000}" for n in "ab"]
    command("ip", "link", "add", made[0], "type", "veth", "peer", "name", made[1])
    for name, end in zip(made, (one, other), strict=True):
        if end.space is not None:
            command("ip", "link", "set", name, "netns", str(end.space.pid))
        end.do("ip", "link", "set", name, "name", end.interface)
        # IPv6 would only put its own packets on the cable.
        end.do("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{end.interface}/disable_ipv6 || true")
        for address in end.address.split():
            end.do("ip", "address", "add", address, "dev", end.interface)
        end.do("ip", "link", "set", end.interface, "up")


def drop_icmp(space: Namespace) -> None:
    """Let no ICMP leave a namespace: a firewall that many networks have."""
    space.do("nft", "add table ip quiet")
    space.do("nft", "add chain ip quiet out { type filter hook output priority 0; }")
    space.do("nft", "add rule ip quiet out meta l4proto icmp drop")


def masquerade(space: Namespace, interface: str) -> None:
    """Make a namespace a router that hides everybody behind its address on ``interface``."""
    space.do("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    space.do("nft", "add table ip nat")
    space.do("nft", "add chain ip nat out { type nat hook postrouting priority 100; }")
    space.do("nft", f"add rule ip nat out oifname {interface} masquerade random")
