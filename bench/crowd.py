"""Two thousand telephones before a pair of real Asterisks that share nothing (root).

``python -m bench registrations crowd``: all phones come within 10 s; the active node is killed; it
comes back with an empty location table; the other, active one loses its table while it runs; the
front is killed with SIGKILL.  After each, how long it takes until every phone can be called, calls
to some of them to prove it, the REGISTERs that reach a node in its busiest second (taken from the
wire), and whether a phone ever waited in vain.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import resource
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.registrations import Found
from bench.telephones import Crowd
from tests.lab.asterisk import Asterisk
from tests.lab.capture import Capture, Packet
from tests.lab.front import ADDRESS, NODES, Front, configuration
from tests.lab.phones.raw import RawPhone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: How soon a failover must be over for all of them, seconds.
REACHED = 3.0
#: Phones that are called to prove that they can be.
SAMPLE = 50
#: On a machine with too much to do, what was sent evenly arrives in heaps.
BUSY, HEAPS = 1.5, 1.25
#: Calls under way at once.
AT_ONCE = 10
LIMIT = 120.0
#: The dialplan for the crowd's numbers: their contacts, whatever they are.
DIALPLAN = """
[extensions](+)
exten => _2XXXX,1,Set(__SIPFRONT_CALL=${PJSIP_HEADER(read,X-Sipfront-Call)})
 same => n,Dial(${PJSIP_DIAL_CONTACTS(${EXTEN})},10,b(to-front^predial^1))
 same => n,Hangup(${HANGUPCAUSE})
"""


@dataclass(frozen=True)
class Plan:
    """How large and how long a run is."""

    phones: int = 2000
    #: REGISTERs a second that a node may get
    rate: float = 200.0
    #: seconds within which all phones come
    over: float = 10.0
    #: what phones are told; they come again at half of it
    expiry: int = 120


def busiest(packets: Iterable[Packet], node: str) -> tuple[int, int]:
    """REGISTERs that reached a node in its busiest second, and how many of them were sent again."""
    best = (0, 0)
    seen: set[str | None] = set()
    times: list[tuple[float, bool]] = []
    begin = 0
    for packet in packets:
        if packet.target[0] != node or not packet.data.startswith(b"REGISTER "):
            continue
        via = packet.header("Via")
        times.append((packet.at, via in seen))
        seen.add(via)
        while times[begin][0] <= packet.at - 1.0:
            begin += 1
        best = max(best, (len(times) - begin, sum(again for _, again in times[begin:])))
    return best


class Run:
    """One run and its figures."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None]) -> None:
        self.folder, self.plan, self.found = folder, plan, Found()
        self.crowd = Crowd(plan.phones)
        self.count = plan.phones
        self._say = say
        self.capture = Capture(ports=(5062,))
        self.nodes = {
            name: Asterisk(name, ip, folder, static=False, number=number)
            for number, (name, ip) in enumerate(NODES.items())
        }
        self.front = self._front()

    def _front(self) -> Front:
        for node in self.nodes.values():
            node.write()
            with (node.folder / "etc/pjsip.conf").open("a") as conf:
                conf.writelines(node._extension(user) for user in self.crowd.users)
            with (node.folder / "etc/extensions.conf").open("a") as conf:
                conf.write(DIALPLAN)
        secrets = self.nodes["pbx-a"].folder / "etc/pjsip.conf"
        secrets.chmod(0o600)
        registrations = {
            "continuity": "mirror",
            "rate": self.plan.rate,
            "phone_expiry": f"{self.plan.expiry}s",
            "credentials": [{"asterisk": str(secrets)}],
        }
        return Front(
            self.folder / "front",
            configuration(self.folder / "front", registrations=registrations),
        )

    def say(self, text: str, *, good: bool = True) -> None:
        """A line of the result, at once."""
        self._say(text)
        self.found.say(text, good=good)

    async def at(self, name: str, limit: float = LIMIT) -> float:
        """Wait until a node has all phones; the seconds that took."""
        begun = time.monotonic()
        seen = -1
        while seen < self.count:
            seen = len(set(await self.nodes[name].contacts()) & set(self.crowd.users))
            if time.monotonic() > begun + limit:
                self.say(f"  {name} has only {seen} of {self.count} phones", good=False)
                break
            if seen < self.count:
                await asyncio.sleep(0.5)
        return time.monotonic() - begun

    async def called(self) -> str:
        """Call some phones from the trunk; what came of it."""
        users = random.Random(1).sample(self.crowd.users, min(SAMPLE, self.count))
        gate = asyncio.Semaphore(AT_ONCE)
        longest = 0.0
        async with RawPhone("carrier", "127.0.2.1", port=5060) as carrier:
            carrier.react = lambda m: [carrier.answer(m, 200, "OK")] if m.method != "ACK" else []

            async def one(user: str) -> bool:
                nonlocal longest
                phone = self.crowd.phones[user]
                phone.rang.clear()
                async with gate:
                    begun = time.monotonic()
                    invite = carrier.request(
                        "INVITE", f"sip:{user}@{ADDRESS}:5060", body=carrier.sdp()
                    )
                    answer = await carrier.ask(invite, 15.0)
                    longest = max(longest, time.monotonic() - begun)
                    return answer.status == 486 and phone.rang.is_set()

            rang = sum(await asyncio.gather(*(one(user) for user in users)))
        text = f"{rang} of {len(users)} that were called rang, the last after {longest:.2f} s"
        if rang < len(users):
            self.found.bad.append(text)
        return text

    async def told(self, since: float) -> str:
        """What the front said last about who can be called, after ``since`` (wall time)."""
        ends = time.monotonic() + LIMIT
        wanted = f"{self.count} of {self.count} phones"
        while True:
            texts = [
                str(event["text"])
                for event in await self.front.events()
                if event["event"] == "phones_reachable" and event["at"] >= since
            ]
            if (texts and texts[-1].startswith(wanted)) or time.monotonic() > ends:
                return texts[-1] if texts else "nothing was said"
            await asyncio.sleep(0.1)

    def rates(self) -> None:
        """The busiest second so far."""
        packets = list(self.capture.packets)
        most, again = max(busiest(packets, node.ip) for node in self.nodes.values())
        busy = os.getloadavg()[0] / (os.cpu_count() or 1) > BUSY
        self.say(
            f"  REGISTERs at a node in its busiest second so far: {most}, {again} of them sent "
            f"again (configured: {self.plan.rate:.0f}{'; a busy machine' if busy else ''})",
            good=0 < most <= self.plan.rate * (HEAPS if busy else 1),
        )

    async def story(self) -> None:
        """Everything, one after the other."""
        await self.arrival()
        await self.failover()
        await self.forgetful()
        await self.front_killed()

    async def registered(self, until: float) -> None:
        """Wait for all phones to know that they are registered, until then at most."""
        while len(self.crowd.known) < self.count and time.monotonic() < until:  # noqa: ASYNC110 - phones are many, a look is cheap
            await asyncio.sleep(0.1)

    async def arrival(self) -> None:
        """All phones come, and are taught to the standby."""
        crowd, over = self.crowd, self.plan.over
        begun = time.monotonic()
        await crowd.come(over)
        await self.registered(begun + LIMIT)
        self.say(
            f"{self.count} phones come within {over:.0f} s: all registered after "
            f"{time.monotonic() - begun:.1f} s, the longest wait {crowd.longest:.1f} s, "
            f"time-outs {crowd.timeouts}, refused {crowd.refused or 0}",
            good=len(crowd.known) == self.count and not crowd.timeouts and not crowd.refused,
        )
        await self.at("pbx-b")
        self.say(f"all at the standby too {time.monotonic() - begun:.1f} s after the first came")
        self.rates()

    async def failover(self) -> None:
        """The active node is killed, and comes back with an empty location table."""
        a = self.nodes["pbx-a"]
        wall = time.time()
        a.kill()
        await self.front.until_active("pbx-b")
        decided = next(
            float(event["at"])
            for event in reversed(await self.front.events())
            if event["event"] == "failover"
        )
        called = await self.called()
        told = await self.told(decided - 0.5)
        seconds = re.search(r"after ([0-9.]+) s", told)
        self.say(
            f"the active node is killed: decided {decided - wall:.2f} s after it, {told} "
            f"(promised: {REACHED:.0f} s); {called}",
            good=seconds is not None and float(seconds[1]) <= REACHED,
        )
        a.forget()
        await a.start()
        took = await self.at("pbx-a")
        self.say(f"it comes back with an empty table: it knows all phones after {took:.1f} s")
        self.rates()

    async def forgetful(self) -> None:
        """The node that is active now loses its location table while it runs."""
        node = self.nodes["pbx-b"]
        await node.cli("database deltree registrar")
        left = len(await node.contacts())
        took = await self.at("pbx-b")
        self.say(
            f"the active node forgets everything ({left} left): it knows all phones again after "
            f"{took:.1f} s; {await self.called()}",
            good=left < self.count,
        )
        self.rates()

    async def front_killed(self) -> None:
        """The front is killed, and all phones come by once more."""
        crowd = self.crowd
        begun = time.monotonic()
        self.front.kill()
        await self.front.start()
        back = time.monotonic() - begun
        called = await self.called()
        status = await self.front.status()
        self.say(
            f"the front is killed with SIGKILL: ready after {back:.1f} s, "
            f"{status['bindings']} bindings; {called}",
            good=status["bindings"] == self.count,
        )
        crowd.known.clear()
        begun, limit = time.monotonic(), self.plan.expiry * 0.75 + 5
        await self.registered(begun + limit)
        self.say(
            f"{len(crowd.known)} of {self.count} phones have refreshed "
            f"{time.monotonic() - begun:.0f} s later: time-outs {crowd.timeouts}, refused "
            f"{crowd.refused or 0}, REGISTERs that phones began {crowd.asked}",
            good=len(crowd.known) == self.count and not crowd.timeouts and not crowd.refused,
        )
        self.rates()


async def run(plan: Plan, say: Callable[[str], None] = lambda _: None) -> Found:
    """The whole run, in this network namespace."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * plan.phones + 1000
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (wanted if most == resource.RLIM_INFINITY else most, most)
    )
    with tempfile.TemporaryDirectory(prefix="sipfront-crowd-") as name:
        it = Run(Path(name), plan, say)
        async with AsyncExitStack() as stack:
            stack.enter_context(it.capture)
            for node in it.nodes.values():
                stack.callback(node.kill)
            await asyncio.gather(*(node.start() for node in it.nodes.values()))
            stack.push_async_callback(it.front.stop)
            await it.front.start()
            stack.callback(it.crowd.close)
            await it.story()
        return it.found
