"""The stage of a fault run: two real Asterisks, the front before them, and a wiring between them.

Three wirings.  ``loopback``: everything on one machine.  ``namespaces``: each node is a machine of
its own behind a cable, where ICMP errors are rate-limited as on a real network.  ``lossy``: nodes
on one side, phones and carrier on the other, and all that passes between goes through a relay that
loses packets.  The front is always in the namespace of the run itself.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from bench import spaces
from bench.relay import Relay
from probes import sipp
from probes.sipp.process import Run
from tests.lab.asterisk import Asterisk, answers_options, password
from tests.lab.capture import Capture
from tests.lab.front import ADDRESS, CARRIER, INSIDE, NODES, Front, configuration

if TYPE_CHECKING:
    from pathlib import Path

    from probes.sipp.agent import Agent
    from tests.lab.capture import Packet

WIRINGS = ("loopback", "namespaces", "lossy")
PHONE = "127.0.1.1"
#: A node across a cable must answer within this time after it booted.
ANSWER = 10.0


class Elsewhere(Run):
    """A SIPp in another namespace."""

    def __init__(self, agent: Agent, within: tuple[str, ...], progress: Any = None) -> None:
        super().__init__(agent, progress)
        self._within = within

    async def _start(self, command: list[str]) -> None:
        await super()._start([*self._within, *command])


class Lab:
    """The pair, the front, and where phones and carrier are."""

    def __init__(
        self, folder: Path, wiring: str = "loopback", *, icmp: bool = True, **changes: Any
    ) -> None:
        """``changes`` replace sections of the front's configuration."""
        self.folder, self.wiring, self.icmp = folder, wiring, icmp
        self.changes = changes
        self.address, self.inside = ADDRESS, INSIDE
        self.phone, self.carrier = PHONE, CARRIER
        self.addresses = dict(NODES)
        #: what goes before the command of a phone or carrier
        self.outside: tuple[str, ...] = ()
        self.captures = [Capture()]
        self.relay: Relay | None = None
        self.nodes: list[Asterisk] = []
        self.front: Any = None
        self._stack = ExitStack()
        self._spaces: dict[str, spaces.Namespace] = {}

    # ---- wiring ------------------------------------------------------------------------------

    def _lay(self) -> None:
        if self.wiring == "loopback":
            return
        self.inside = "10.77.0.1:5062"
        self.addresses = {"pbx-a": "10.77.0.11", "pbx-b": "10.77.0.12"}
        if self.wiring == "namespaces":
            for number, (name, address) in enumerate(self.addresses.items()):
                space = self._stack.enter_context(spaces.Namespace(name))
                spaces.link(spaces.End(None, f"node{number}"), spaces.End(space, "eth0"))
                add = "ip address add 10.77.0.1 peer {} dev {}"
                spaces.command(*add.format(address, f"node{number}").split())
                space.do(*f"ip address add {address} peer 10.77.0.1 dev eth0".split())
                if not self.icmp:
                    spaces.drop_icmp(space)
                self._spaces[name] = space
                self.captures.append(Capture(f"node{number}"))
            return
        self.address, self.phone, self.carrier = "10.78.0.1", "10.78.0.21", "10.78.0.31"
        wire, nodes, phones = (
            self._stack.enter_context(spaces.Namespace(name))
            for name in ("wire", "nodes", "phones")
        )
        spaces.link(spaces.End(None, "inside0", "10.77.0.1/24"), spaces.End(wire, "w0"))
        spaces.link(
            spaces.End(wire, "w1"), spaces.End(nodes, "eth0", "10.77.0.11/24 10.77.0.12/24")
        )
        spaces.link(spaces.End(None, "outside0", "10.78.0.1/24"), spaces.End(wire, "w2"))
        outside = f"{self.phone}/24 {self.carrier}/24"
        spaces.link(spaces.End(wire, "w3"), spaces.End(phones, "eth0", outside))
        self.relay = Relay(wire, "w0:w1", "w2:w3").start()
        self._stack.callback(self.relay.close)
        self._spaces = dict.fromkeys(self.addresses, nodes)
        self.outside = phones.within
        self.captures = [Capture("inside0"), Capture("outside0")]

    def _configuration(self) -> dict[str, Any]:
        listen = [f"udp://{self.address}:5060", f"tcp://{self.address}:5060"]
        sections: dict[str, Any] = {
            "front": {
                "listen": listen,
                "domains": ["example.com"],
                "inside": f"udp://{self.inside}",
            },
            "nodes": [
                {"name": name, "uri": f"sip:{address}:5060"}
                for name, address in self.addresses.items()
            ],
            "trunks": [
                {
                    "name": "carrier",
                    "uri": f"sip:{self.carrier}:5060",
                    "sources": [f"{self.carrier}/32"],
                }
            ],
        }
        return configuration(self.folder / "front", **{**sections, **self.changes})

    def _make_front(self) -> Any:
        return Front(self.folder / "front", self._configuration())

    # ---- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            self._lay()
            for capture in self.captures:
                self._stack.enter_context(capture)
            self.nodes = [
                Asterisk(
                    name,
                    address,
                    self.folder,
                    static=True,
                    number=number,
                    front=self.inside,
                    within=self._spaces[name].within if name in self._spaces else (),
                )
                for number, (name, address) in enumerate(self.addresses.items())
            ]
            await asyncio.gather(*[self.start_node(node) for node in self.nodes])
            self.front = self._make_front()
            await self.front.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def start_node(self, node: Asterisk) -> None:
        """Start a node and wait until it answers, over the cable if there is one."""
        await node.start()
        ends = time.monotonic() + ANSWER
        while node.within and not await answers_options(node.ip, limit=0.2):
            if time.monotonic() > ends:
                raise RuntimeError(f"{node.name} cannot be reached over its cable")

    async def __aexit__(self, *_: object) -> None:
        if self.front is not None:
            await self.front.stop()
        for node in self.nodes:
            node.kill()
        self._stack.close()

    # ---- what is done on it ------------------------------------------------------------------

    def start(self, agent: Agent, progress: Any = None) -> Run:
        """A SIPp of outside, to be entered with ``async with``."""
        return Elsewhere(agent, self.outside, progress)

    async def register(self, user: str = "1001") -> None:
        """The phone registers through the front."""
        agent = sipp.client(
            scen_name="register",
            srcaddr=(self.phone, 5060),
            destaddr=(self.address, 5060),
            domain="example.com",
            users=((user, password(user)),),
            call_count=1,
            timeout=10,
        )
        async with self.start(agent) as run:
            result = await run.wait()
        if not result.ok:
            raise RuntimeError(f"registration failed: {result}\n{self.front.log_end()}")

    def node(self, name: str) -> Asterisk:
        """The node of this name."""
        return next(node for node in self.nodes if node.name == name)

    def packets(self) -> list[Packet]:
        """Everything that was seen so far, in order."""
        found = [packet for capture in self.captures for packet in list(capture.packets)]
        return sorted(found, key=lambda packet: packet.at)
