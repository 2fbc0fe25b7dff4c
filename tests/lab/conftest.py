"""The lab's fixtures: a pair of real PBXs for the whole run, phones and a front for each test.

The pair is started once and looked after between tests: a PBX that a test killed or froze is
brought back, channels that it left are waited for.  Everything else is made anew for each test.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab import prepare
from tests.lab.asterisk import DOMAIN, Asterisk, password
from tests.lab.capture import Capture
from tests.lab.front import ADDRESS, INSIDE, Front, certificate, configuration
from tests.lab.leaks import leaks
from tests.lab.phones.baresip import BaresipPhone
from tests.lab.phones.pjsua import PjsuaPhone

NODES = (("pbx-a", "127.0.0.11"), ("pbx-b", "127.0.0.12"))
#: The tone of each extension, far enough apart to be told apart in 100 ms.
TONES = {"1001": 350, "1002": 520, "1003": 1200, "1004": 1450, "1005": 1700, "carrier": 2000}


@pytest.fixture(scope="session")
def lab() -> Path:
    """Return the prepared lab."""
    if os.geteuid() != 0:
        pytest.skip("the lab of real peers needs root (chroot, addresses, namespaces)")
    folder = prepare.lab_folder()
    if not prepare.ready(folder):
        pytest.skip("the lab is not prepared: make lab")
    return folder


@dataclass
class Pair:
    """The two PBXs."""

    a: Asterisk
    b: Asterisk

    def __iter__(self) -> Iterator[Asterisk]:
        return iter((self.a, self.b))

    async def up(self) -> None:
        """Bring both to life and wait until they are idle."""
        for node in self:
            if node.process is not None and node.process.poll() is not None:
                node.process = None
            if node.process is None:
                node.launch()
            else:
                node.thaw()
        await asyncio.gather(*(node.started() for node in self))

    async def quiet(self) -> None:
        """End every call that is left."""
        for node in self:
            if node.process is not None and node.process.poll() is None:
                node.thaw()
                await node.cli("channel request hangup all")
                await node.idle()

    def kill(self) -> None:
        """End both at once."""
        for node in self:
            node.kill()


@pytest.fixture(scope="session")
def pbxs(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Make the two PBXs with permanent contacts at the front; ended with the run."""
    folder = tmp_path_factory.mktemp("pbx")
    a, b = (
        Asterisk(name, ip, folder, lab=lab, static=True, number=number)
        for number, (name, ip) in enumerate(NODES)
    )
    pair = Pair(a, b)
    yield pair
    pair.kill()


@pytest.fixture
async def pair(pbxs: Pair) -> AsyncIterator[Pair]:
    """Both PBXs, up and idle."""
    await pbxs.up()
    for node in pbxs:
        await node.cli("dialplan set global RING 30")
    yield pbxs
    await pbxs.quiet()


@dataclass
class Phones:
    """Makes phones and closes them in the end."""

    folder: Path
    registrar: str
    stack: AsyncExitStack
    made: list[PjsuaPhone | BaresipPhone] = field(default_factory=list)
    ca: str = ""
    server: Front | None = None

    @property
    def front(self) -> Front:
        """The front they go to."""
        assert self.server is not None
        return self.server

    def _place(self, user: str) -> str:
        return f"127.0.1.{len(self.made) + 1}"

    def _where(self, transport: str) -> str:
        host, _, port = self.registrar.rpartition(":")
        return f"{host}:{int(port) + 1}" if transport == "tls" else self.registrar

    async def pjsua(self, user: str, transport: str = "udp", **more: Any) -> PjsuaPhone:
        """Start a PJSIP phone (not registered yet)."""
        settings: dict[str, Any] = {
            "registrar": self._where(transport),
            "password": password(user),
            "transport": transport,
            "tone": TONES.get(user, 2300),
            "debug": True,
        }
        if transport == "tls":
            settings["ca"] = self.ca
        settings.update(more)
        phone = PjsuaPhone(user, settings.pop("ip", self._place(user)), self.folder, **settings)
        self.made.append(phone)
        return await self.stack.enter_async_context(phone)

    async def baresip(self, user: str, transport: str = "udp", **more: Any) -> BaresipPhone:
        """Start a baresip phone (not registered yet)."""
        settings: dict[str, Any] = {
            "registrar": self._where(transport),
            "password": password(user),
            "transport": transport,
            "tone": TONES.get(user, 2300),
            "ca": self.ca,
            **more,
        }
        phone = BaresipPhone(user, settings.pop("ip", self._place(user)), self.folder, **settings)
        self.made.append(phone)
        return await self.stack.enter_async_context(phone)

    async def registered(
        self, user: str, transport: str = "udp", *, answer: int | None = 180, **more: Any
    ) -> PjsuaPhone:
        """Start a PJSIP phone, register it, and say what it does with incoming calls."""
        phone = await self.pjsua(user, transport, **more)
        await phone.register()
        await phone.policy(answer)
        return phone

    async def carrier(self, ip: str = "127.0.2.1", **more: Any) -> PjsuaPhone:
        """Start the trunk's peer: it listens at its known address and registers nowhere."""
        phone = PjsuaPhone(
            "carrier",
            ip,
            self.folder,
            domain=ip,
            tone=TONES["carrier"],
            port=5060,
            debug=True,
            **more,
        )
        return await self.stack.enter_async_context(phone)


@pytest.fixture
async def lone(lab: Path, tmp_path: Path) -> AsyncIterator[Asterisk]:
    """A PBX that knows no front: phones come to it directly, to prove the peers themselves."""
    node = Asterisk("pbx-c", "127.0.0.13", tmp_path, lab=lab, number=2)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@pytest.fixture
async def direct(lone: Asterisk, tmp_path: Path) -> AsyncIterator[Phones]:
    """Phones that go to the lone PBX."""
    async with AsyncExitStack() as stack:
        yield Phones(tmp_path, f"{lone.ip}:5060", stack)


def folders(folder: Path) -> list[Path]:
    """Return the folders of the PJSIP phones of a test."""
    return sorted(folder.glob("phone-*"))


def front_section(folder: Path) -> dict[str, Any]:
    """Return the configuration of a front that serves all transports."""
    chain, key = certificate(folder)
    listen = [f"udp://{ADDRESS}:5060", f"tcp://{ADDRESS}:5060", f"tls://{ADDRESS}:5061"]
    return {
        "listen": listen,
        "domains": [DOMAIN],
        "inside": f"udp://{INSIDE}",
        "tls": {"certificate": str(chain), "key": str(key)},
    }


@pytest.fixture
def sections() -> dict[str, Any]:
    """Sections of the front's configuration that a test's own file replaces."""
    return {}


@pytest.fixture
async def front(
    pair: Pair, tmp_path: Path, capture: Capture, sections: dict[str, Any]
) -> AsyncIterator[Front]:
    """A running front before the pair; when it ends, everything it sent is searched for leaks."""
    folder = tmp_path / "front"
    changes = {"front": front_section(folder), "log": {"level": "debug"}, **sections}
    config = configuration(folder, **changes)
    front = Front(folder, config)
    await front.start()
    try:
        yield front
    finally:
        # What a node still has to say about a call, it says to this front, not to the next one.
        await pair.quiet()
        await front.stop()
    capture.stop()
    log = front.log_end(100_000).splitlines()
    wrong = [line for line in log if " error " in line or line.startswith("Traceback")]
    assert not wrong, "\n".join(wrong[:20])
    found = leaks(capture.packets, [phone / "log" for phone in folders(tmp_path)])
    assert not found, "\n".join(found[:20])


@pytest.fixture
async def phones(front: Front, tmp_path: Path) -> AsyncIterator[Phones]:
    """Phones and the trunk's peer at the front."""
    chain = front.config["front"]["tls"]["certificate"]
    async with AsyncExitStack() as stack:
        yield Phones(tmp_path, f"{ADDRESS}:5060", stack, ca=chain, server=front)


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    """What goes over loopback during the test; kept as text beside the test's files."""
    with Capture() as running:
        yield running
    running.save(tmp_path / "capture.txt")
