"""Both PBXs register at one carrier, or the front does: a failover costs no registration, no call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.lab.capture import Capture
from tests.lab.conftest import Pair, front_section
from tests.lab.front import CARRIER, Front, configuration
from tests.lab.leaks import leaks
from tests.lab.phones.registrar import Carrier

USER, PASSWORD = "4930123456", "account secret"
#: What the carrier grants, seconds: short, so that the test sees the new node refresh it.
GRANTS = 40


@asynccontextmanager
async def serving(pair: Pair, folder: Path, **trunk: object) -> AsyncIterator[Front]:
    """A front whose one trunk registers."""
    trunks = [{"name": "carrier", "uri": f"sip:{CARRIER}:5060", **trunk}]
    section = front_section(folder)
    front = Front(folder, configuration(folder, front=section, trunks=trunks))
    await front.start()
    try:
        yield front
    finally:
        await pair.quiet()
        await front.stop()


async def until(found: Callable[[], bool], limit: float, what: str) -> None:
    ends = time.monotonic() + limit
    while not found():
        assert time.monotonic() < ends, f"not within {limit} s: {what}"
        await asyncio.sleep(0.05)


async def killed_and_called(pair: Pair, front: Front, carrier: Carrier) -> None:
    """The first calls after the kill of the active node, and what they cost."""
    answer, took = await carrier.call()
    assert answer.status == 200, answer.text
    await carrier.hang_up(answer)
    before = len(carrier.accepted)
    pair.a.kill()
    killed = time.monotonic()
    lost = 0
    times = []
    for _ in range(5):
        answer, took = await carrier.call()
        times.append(took)
        if answer.status == 200:
            await carrier.hang_up(answer)
        else:
            lost += 1
    await front.until_active("pbx-b")
    print(
        f"calls in after the kill: {len(times)}, lost {lost}, the first answered after "
        f"{times[0]:.3f} s, the others after {max(times[1:]):.3f} s at most; REGISTERs at the "
        f"carrier because of it: {sum(at > killed for at in carrier.accepted)}"
    )
    assert lost == 0
    assert len(carrier.accepted) == before


async def test_each_pbx_registers_and_the_carrier_sees_one(
    pair: Pair, tmp_path: Path, capture: Capture
) -> None:
    carrier = Carrier(USER, PASSWORD, CARRIER, grants=GRANTS)
    async with carrier, serving(pair, tmp_path / "front", register="node") as front:
        try:
            for node in pair:
                await node.registers(CARRIER, PASSWORD)
            await until(lambda: carrier.registered, 15, "a registration at the carrier")
            await wanted(front, ["pbx-a", "pbx-b"])
            contact = carrier.contact
            assert "127.0.0.11" not in contact
            await killed_and_called(pair, front, carrier)
            last = carrier.accepted[-1]
            # The standby was told half of what was granted; it refreshes what the other one made.
            await until(lambda: carrier.accepted[-1] > last, GRANTS, "a refresh by the new node")
            assert carrier.accepted[-1] - last < GRANTS
            assert carrier.contact == contact
            print(
                f"refreshed by the new node {carrier.accepted[-1] - last:.1f} s after the old one"
            )
            call = [p for p in capture.packets if p.target[0] == pair.b.ip]
            lines = [p.first_line for p in call if p.first_line.startswith("INVITE")]
            assert lines
            assert all("INVITE sip:601@127.0.0.12:5060;line=" in line for line in lines), lines
            # Shut down in order, a PBX takes its own registration back, not the account's.
            await pair.a.start()
            await wanted(front, ["pbx-a", "pbx-b"])
            await pair.a.cli("pjsip send unregister carrier-account")
            await wanted(front, ["pbx-b"])
            answer, _ = await carrier.call()
            assert answer.status == 200, answer.text
            await carrier.hang_up(answer)
        finally:
            await pair.up()
            for node in pair:
                await node.registers("", "")
    capture.stop()
    assert not leaks(capture.packets, [])


async def nodes_of(front: Front) -> list[str]:
    (trunk,) = (await front.status())["trunks"]
    (one,) = trunk["registrations"]
    assert one["registered"], one
    return sorted(one["nodes"])


async def wanted(front: Front, names: list[str]) -> None:
    """Wait until the front knows of these nodes how they would like to be called."""
    async with asyncio.timeout(30):
        while await nodes_of(front) != names:  # noqa: ASYNC110 - the front is asked, it tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("place", ["file", "here"])
async def test_the_front_registers_itself(
    pair: Pair, tmp_path: Path, capture: Capture, place: str
) -> None:
    # The number of the account is the extension that its calls go to.
    given = {"user": "601", "password": PASSWORD}
    trunk: dict[str, object] = {"register": "front", "credentials": given}
    if place == "file":
        file = tmp_path / "carrier.yaml"
        file.touch(mode=0o600)
        file.write_text(f"user: '601'\npassword: {PASSWORD}\n")
        trunk = {"register": "front", "credentials_file": str(file)}
    carrier = Carrier("601", PASSWORD, CARRIER)
    async with carrier, serving(pair, tmp_path / "front", **trunk) as front:
        await until(lambda: carrier.registered, 5, "a registration at the carrier")
        if place == "file":
            await killed_and_called(pair, front, carrier)
            assert "sipfront_trunk_registered{" in await front.metrics()
        else:
            # Restarted, the front is called by the same Contact.
            contact = carrier.contact
            front.kill()
            await front.start()
            answer, _ = await carrier.call()
            assert answer.status == 200, answer.text
            await carrier.hang_up(answer)
            assert carrier.contact == contact
    assert PASSWORD not in front.log.read_text()
    capture.stop()
    assert not leaks(capture.packets, [])
