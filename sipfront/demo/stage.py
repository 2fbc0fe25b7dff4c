"""The stage: front, two nodes, six phones and a trunk, all on loopback, put up and taken down."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml

from probes.tones import VOICES
from sipfront.demo.phone import DemoPhone
from sipfront.demo.processes import START, FrontProcess, NodeProcess, ProcessError
from sipfront.demo.trunk import DemoTrunk
from sipfront.demo.watcher import Watcher, labelled
from sipfront.runtime import clock
from sipfront.screen.ladder import FRONT, Seen, answered, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sipfront.demo.station import Experience

DOMAIN = "demo.example"
PHONES = 6
SIP, INSIDE, ADMIN = 5060, 5062, 8060
#: The networks that are tried, one after the other, until nobody else uses one.
NETWORKS = tuple(f"127.0.{third}" for third in range(7, 60))
#: Seconds between two looks at something that is waited for.
LOOK = 0.02


def free_network() -> str:
    """The first network of loopback in which the addresses of front and nodes are free.

    The nodes are asked for too: they start first, and another demonstration may be at that point.
    """
    wanted = [(10, socket.SOCK_DGRAM, SIP), (10, socket.SOCK_STREAM, ADMIN)]
    wanted += [(last, socket.SOCK_DGRAM, SIP) for last in (11, 12, 101)]
    for network in NETWORKS:
        with contextlib.ExitStack() as stack:
            try:
                for last, kind, port in wanted:
                    held = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    held.bind((f"{network}.{last}", port))
            except OSError:
                continue
            return network
    raise ProcessError("no loopback network is free for the demonstration")


class Stage:
    """Everything that takes part."""

    def __init__(self, network: str | None = None, folder: Path | None = None) -> None:
        self.network = network or free_network()
        self._made = None if folder else tempfile.TemporaryDirectory(prefix="sipfront-demo-")
        self.folder = folder or Path(self._made.name if self._made else ".")
        self.front_at = (f"{self.network}.10", SIP)
        self.admin = f"http://{self.network}.10:{ADMIN}"
        self.passwords = {str(1001 + index): secrets.token_hex(6) for index in range(PHONES)}
        self.front = FrontProcess(self._configure(), self.folder / "front.log")
        arguments = ["--front", f"{self.network}.10:{INSIDE}", "--domain", DOMAIN]
        for user, password in self.passwords.items():
            arguments += ["--user", f"{user}:{password}"]
        self.nodes = {
            name: NodeProcess(name, f"{self.network}.{last}", SIP, arguments)
            for name, last in (("pbx-a", 11), ("pbx-b", 12))
        }
        self.phones = [
            DemoPhone(
                user,
                password,
                self.front_at,
                bind=(f"{self.network}.{101 + index}", SIP),
                domain=DOMAIN,
                tone=VOICES[index],
                lines=20,
            )
            for index, (user, password) in enumerate(self.passwords.items())
        ]
        self.trunk = DemoTrunk(self.front_at, bind=(f"{self.network}.201", SIP))
        self._session: aiohttp.ClientSession | None = None
        #: what everybody saw of the newest calls
        self.watcher = Watcher()
        for node in self.nodes.values():
            node.watcher = self.watcher
        for station in (*self.phones, self.trunk):
            station.agent.watch = self._watch(station.name)

    def _watch(self, party: str) -> Callable[[bool, bytes], None]:
        def seen(sent: bool, data: bytes) -> None:
            if (found := labelled(data)) is not None:
                self.watcher.note(found[0], Seen(clock.wall(), party, sent, found[1]))

        return seen

    def diagram(
        self, call: Experience, notes: Iterable[tuple[float, str]] = (), limit: int = 40
    ) -> list[str]:
        """One call as lines of text."""
        messages = answered(self.watcher.of(call.call_id), call.caller)
        return draw(messages, [call.caller, FRONT, *self.nodes], notes, limit)

    def _configure(self) -> Path:
        host = f"{self.network}.10"
        config = {
            "front": {
                "listen": [f"udp://{host}:{SIP}", f"tcp://{host}:{SIP}"],
                "domains": [DOMAIN],
                "inside": f"udp://{host}:{INSIDE}",
            },
            "nodes": [
                {"name": "pbx-a", "uri": f"sip:{self.network}.11:{SIP}"},
                {"name": "pbx-b", "uri": f"sip:{self.network}.12:{SIP}"},
            ],
            "trunks": [{"name": "carrier", "uri": f"sip:{self.network}.201:{SIP}"}],
            # Here roles change for fun; in production they are kept from swinging.
            "failover": {"hold_down": "0s", "max_per_hour": 1000},
            "keys": str(self.folder / "keys"),
            "store": f"sqlite://{self.folder / 'state.db'}",
            "admin": {"listen": self.admin, "token_file": str(self.folder / "token")},
        }
        file = self.folder / "sipfront.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False))
        return file

    # -- up and down ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._set_up()
        except BaseException:
            await self.strike()
            raise
        return self

    async def _set_up(self) -> None:
        await asyncio.gather(*[node.start() for node in self.nodes.values()])
        await self.start_front()
        await self.until(lambda status: bool(status.get("redundant")), "a redundant pair")
        for station in (*self.phones, self.trunk):
            await station.open()
        statuses = await asyncio.gather(*[phone.stay_registered() for phone in self.phones])
        if any(status != 200 for status in statuses):
            raise ProcessError(f"the phones could not register: {statuses}")

    async def __aexit__(self, *_: object) -> None:
        await self.strike()

    async def strike(self) -> None:
        """Take everything down."""
        for station in (*self.phones, self.trunk):
            await station.close()
        if self._session is not None:
            await self._session.close()
        await self.front.stop()
        for node in self.nodes.values():
            await node.kill()
        if self._made is not None:
            self._made.cleanup()

    async def start_front(self) -> None:
        """Start the front (again) and wait until it serves."""
        await self.front.start()
        ends = clock.now() + START
        while not await self._ready():
            if not self.front.alive or clock.now() > ends:
                raise ProcessError(f"the front did not start:\n{self.front.log_end()}")
            await asyncio.sleep(LOOK)

    # -- the front's admin side ----------------------------------------------------------------

    async def _ready(self) -> bool:
        try:
            async with self._http().get(self.admin + "/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3))
        return self._session

    async def status(self) -> dict[str, Any]:
        """What ``sipfront status --json`` says; empty when the front does not answer."""
        return await self._get("/api/v1/status")

    async def events(self) -> list[dict[str, Any]]:
        """The front's newest events, oldest first."""
        return list((await self._get("/api/v1/events?limit=500")).get("events", []))

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            async with self._http().get(self.admin + path) as answer:
                found = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def switch_over(self) -> str:
        """Make the other node the active one; what the front says to it."""
        token = (self.folder / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._http().post(
                self.admin + "/api/v1/switchover", json={}, headers=headers
            ) as answer:
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return f"not done: {error}"
        return str(said.get("text") or said.get("error"))

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], what: str, limit: float = 15.0
    ) -> dict[str, Any]:
        """Wait until the status is as wanted; the status."""
        ends = clock.now() + limit
        while not wanted(status := await self.status()):
            if clock.now() > ends:
                raise ProcessError(f"waited {limit:g} s in vain for {what}; {status.get('why')}")
            await asyncio.sleep(LOOK)
        return status

    async def active(self) -> NodeProcess:
        """The node that carries the traffic."""
        status = await self.until(
            lambda status: status.get("active") in self.nodes, "an active node"
        )
        return self.nodes[str(status["active"])]

    def other(self, node: NodeProcess) -> NodeProcess:
        """The other node."""
        return next(other for other in self.nodes.values() if other is not node)
