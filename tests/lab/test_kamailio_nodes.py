"""Kamailio as a second kind of node: a proxy, which sends the caller's Call-ID back to the front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.lab.capture import Capture
from tests.lab.conftest import NODES, Phones, folders, front_section
from tests.lab.front import ADDRESS, Front, configuration
from tests.lab.kamailio import Kamailio
from tests.lab.leaks import leaks
from tests.lab.scenes import answered, hear, over


@pytest.fixture
async def nodes(lab: Path, pbxs: object, tmp_path: Path) -> AsyncIterator[list[Kamailio]]:
    """Two Kamailios, in the place of the Asterisks."""
    pbxs.kill()  # type: ignore[attr-defined]
    nodes = [Kamailio(name, ip, tmp_path, lab=lab) for name, ip in NODES]
    try:
        for node in nodes:
            node.launch()
        for node in nodes:
            await node.started()
        yield nodes
    finally:
        for node in nodes:
            node.kill()


async def test_phones_and_trunk_before_and_after_a_kill(
    nodes: list[Kamailio], tmp_path: Path, capture: Capture
) -> None:
    folder = tmp_path / "front"
    front = Front(folder, configuration(folder, front=front_section(folder)))
    async with AsyncExitStack() as stack:
        await front.start()
        stack.push_async_callback(front.stop)
        chain = front.config["front"]["tls"]["certificate"]
        phones = Phones(tmp_path, f"{ADDRESS}:5060", stack, ca=chain, server=front)
        one = await phones.registered("1001")
        other = await phones.registered("1002", "tls")
        carrier = await phones.carrier()
        for _ in ("before", "after"):
            for caller, to, callee in (
                (one, "1002", other),
                (other, "1001", one),
                (carrier, "sip:1001@127.0.0.10:5060", one),
                (one, "900123", carrier),
            ):
                there, here = await answered(caller, to, callee)
                await there.reinvite()
                await hear(there, here)
                await over(here, there)
            if nodes[0].process is not None:
                nodes[0].kill()
                await front.until_active("pbx-b")
    capture.stop()
    found = leaks(capture.packets, [phone / "log" for phone in folders(tmp_path)])
    assert not found, "\n".join(found[:20])
