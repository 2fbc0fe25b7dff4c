"""Across networks: phones in other namespaces, one behind NAT; a lossy wire; silent firewalls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.asterisk import DOMAIN, Asterisk, password
from tests.lab.capture import Capture
from tests.lab.conftest import TONES, Pair, folders, front_section
from tests.lab.front import Front, configuration
from tests.lab.leaks import Places, leaks
from tests.lab.netns import Namespace, Network
from tests.lab.phones.pjsua import PjsuaPhone
from tests.lab.phones.raw import RawPhone
from tests.lab.relay import Wire
from tests.lab.scenes import answered, hear, over

FRONT, NODE_A, NODE_B = "10.99.0.10", "10.99.0.11", "10.99.0.12"
PLACES = Places(
    (FRONT,),
    (NODE_A.encode(), NODE_B.encode()),
    f"{FRONT}:5062".encode(),
    re.compile(rb"10\.(?:66|97)\.\d+\.\d+"),
)


class FarFront(Front):
    """A front in a namespace, asked there."""

    def __init__(self, folder: Path, config: dict[str, Any], namespace: Namespace) -> None:
        super().__init__(folder, config, namespace.within)
        self.namespace = namespace

    def _get(self, path: str) -> Any:
        return self.namespace.call(lambda: super(FarFront, self)._get(path))

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self.namespace.call(lambda: super(FarFront, self)._post(path, body))


@dataclass
class World:
    """A pair and a front in a namespace of their own, and an internet around them."""

    network: Network
    router: Namespace
    office: Namespace  #: phones at 10.97.1.2, reached as they are
    home: Namespace  #: phones at 10.66.0.2, behind NAT
    node_spaces: tuple[Namespace, Namespace]
    pair: Pair
    front: FarFront
    folder: Path
    stack: AsyncExitStack

    async def phone(self, user: str, ip: str, space: Namespace, **more: Any) -> PjsuaPhone:
        """Start and register a phone in ``space``."""
        phone = PjsuaPhone(
            user,
            ip,
            self.folder,
            registrar=f"{FRONT}:5060",
            password=password(user),
            tone=TONES[user],
            within=space.within,
            debug=True,
            **more,
        )
        await self.stack.enter_async_context(phone)
        await phone.register()
        await phone.policy(180)
        return phone


@pytest.fixture
async def world(lab: Path, tmp_path: Path) -> AsyncIterator[World]:
    """The front and each node in a namespace of its own, behind one router."""
    with Network() as network:
        async with AsyncExitStack() as stack:
            router = network.namespace("r")
            router.forward()
            spaces = []
            for number, ip in enumerate((FRONT, NODE_A, NODE_B)):
                space = network.namespace(f"h{number}", ip)
                net = f"10.98.{number}"
                network.link(router, f"{net}.1/24", space, f"{net}.2/24")
                space.ip("route", "add", "default", "via", f"{net}.1", "src", ip)
                router.route(f"{ip}/32", f"{net}.2")
                spaces.append(space)
            nodes = [
                Asterisk(
                    name,
                    ip,
                    tmp_path,
                    lab=lab,
                    static=True,
                    front=f"{FRONT}:5062",
                    number=number,
                    within=space.within,
                )
                for number, (name, ip, space) in enumerate(
                    (("pbx-a", NODE_A, spaces[1]), ("pbx-b", NODE_B, spaces[2]))
                )
            ]
            pair = Pair(*nodes)
            stack.callback(pair.kill)
            await pair.up()
            folder = tmp_path / "front"
            listen = [f"udp://{FRONT}:5060", f"tcp://{FRONT}:5060"]
            config = configuration(
                folder,
                front={"listen": listen, "domains": [DOMAIN], "inside": f"udp://{FRONT}:5062"},
                nodes=[
                    {"name": "pbx-a", "uri": f"sip:{NODE_A}:5060"},
                    {"name": "pbx-b", "uri": f"sip:{NODE_B}:5060"},
                ],
                trunks=[],
                admin={"listen": "http://127.0.0.1:8060", "token_file": str(folder / "token")},
            )
            front = FarFront(folder, config, spaces[0])
            await front.start()
            stack.push_async_callback(front.stop)
            capture = spaces[0].call(Capture("").start)
            stack.callback(capture.stop)
            office = network.namespace("o")
            network.link(router, "10.97.1.1/24", office, "10.97.1.2/24")
            office.ip("route", "add", "default", "via", "10.97.1.1")
            nat = network.namespace("n")
            network.link(router, "10.97.2.1/24", nat, "10.97.2.2/24")
            nat.ip("route", "add", "default", "via", "10.97.2.1")
            home = network.namespace("w")
            network.link(nat, "10.66.0.1/24", home, "10.66.0.2/24")
            home.ip("route", "add", "default", "via", "10.66.0.1")
            nat.nat("10.66.0.0/24")
            yield World(
                network, router, office, home, (spaces[1], spaces[2]), pair, front, tmp_path, stack
            )
        assert capture.packets
        found = leaks(capture.packets, [phone / "log" for phone in folders(tmp_path)], PLACES)
        assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_phone_behind_nat_before_and_after_a_failover(world: World, transport: str) -> None:
    here = await world.phone("1001", "10.97.1.2", world.office)
    away = await world.phone("1002", "10.66.0.2", world.home, transport=transport)
    for _ in ("before", "after"):
        for caller, to, callee in ((here, "1002", away), (away, "1001", here)):
            calls = await answered(caller, to, callee)
            await over(*calls)
        if (await world.front.status())["active"] == "pbx-a":
            world.pair.a.kill()
            await world.front.until_active("pbx-b")


async def test_kill_with_icmp_dropped(world: World) -> None:
    phone = await world.phone("1001", "10.97.1.2", world.office)
    for space in world.node_spaces:
        space.drop_icmp()
    world.pair.a.kill()
    call = await phone.call("601")
    await call.confirmed()
    await call.hears(1004)
    await world.front.until_active("pbx-b", 5)
    await over(call)


async def test_a_phone_on_a_bad_line(world: World) -> None:
    mobile = world.network.namespace("m")
    async with Wire(world.router, "10.97.3.1", mobile, "10.97.3.2") as wire:
        mobile.ip("route", "add", "default", "via", "10.97.3.1")
        here = await world.phone("1001", "10.97.1.2", world.office)
        away = await world.phone("1003", "10.97.3.2", mobile)
        wire.faults(loss=0.1, delay=0.02, jitter=0.03)
        for _ in range(3):
            for caller, to, callee in ((here, "1003", away), (away, "1001", here)):
                mark = callee.mark()
                there = await caller.call(to)
                met = await callee.incoming(since=mark)
                await met.answer()
                await there.confirmed()
                await met.confirmed()
                await over(there, met)
        assert wire.there.lost
        assert wire.back.lost
        # And when it is good again, it sounds as it should; a cut of the line is survived.
        wire.faults()
        calls = await answered(here, "1003", away)
        wire.cut()
        await asyncio.sleep(1)  # the fault itself
        wire.cut(False)
        await hear(*calls)
        await over(*calls)
        assert (await world.front.status())["active"] == "pbx-a"


async def test_a_phone_over_ipv6(lab: Path, pair: Pair, tmp_path: Path, capture: Capture) -> None:
    folder = tmp_path / "front"
    section = front_section(folder)
    section["listen"] += ["udp://[::1]:5060", "tcp://[::1]:5060"]
    front = Front(folder, configuration(folder, front=section))
    await front.start()
    try:
        async with RawPhone("1001", "::1", server=("::1", 5060)) as phone:
            phone.react = lambda request: (
                [phone.answer(request, 486, "Busy Here")] if request.method == "INVITE" else []
            )
            answer = await phone.register(password("1001"))
            assert "sip:1001@[::1]:" in answer.header("Contact")
            async with RawPhone("1002", "127.0.1.9") as other:
                answer = await other.ask_with(
                    password("1002"), "INVITE", "sip:1001@example.com", body=other.sdp()
                )
                assert answer.status == 486
            asked = next(message for message in phone.inbox if message.method == "INVITE")
            assert asked.first_line.startswith("INVITE sip:1001@[::1]:")
            assert "@[::1]:5060" in asked.header("Contact")
            assert asked.header("Via").startswith("SIP/2.0/UDP [::1]:5060")
    finally:
        await front.stop()
    capture.stop()
    assert any(packet.target[0] == "::1" for packet in capture.packets)
    found = leaks(capture.packets)
    assert not found, "\n".join(found[:20])
