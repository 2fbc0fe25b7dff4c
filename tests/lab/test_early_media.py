"""A carrier that takes one early dialog hears early media of a PBX that dies; its call goes on.

To that carrier the description of the dead PBX was the answer (PJSIP ignores every further one
under the same To-tag), so without a re-INVITE after its ACK it would talk to nobody.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.capture import Capture
from tests.lab.conftest import TONES, Pair, Phones
from tests.lab.front import ADDRESS, CARRIER
from tests.lab.scenes import EAR, over


@pytest.fixture
def sections() -> dict[str, Any]:
    trunk = {"name": "carrier", "uri": f"sip:{CARRIER}:5060", "sources": [f"{CARRIER}/32"]}
    return {"trunks": [{**trunk, "two_early_dialogs": False}]}


async def test_the_caller_hears_itself(pair: Pair, phones: Phones, capture: Capture) -> None:
    carrier = await phones.carrier()
    call = await carrier.call(f"sip:609@{ADDRESS}:5060")
    await call.state("EARLY")
    await call.hears(440)
    pair.a.kill()
    await call.confirmed(limit=20)
    await call.hears(TONES["carrier"], limit=EAR)
    tags, invites = set(), 0
    for packet in capture.packets:
        if packet.target == (CARRIER, 5060) and packet.first_line.startswith(
            ("SIP/2.0 1", "SIP/2.0 2")
        ):
            if (packet.header("CSeq") or "").endswith("INVITE") and ";tag=" in (
                packet.header("To") or ""
            ):
                tags.add((packet.header("To") or "").partition(";tag=")[2])
        invites += packet.target == (CARRIER, 5060) and packet.first_line.startswith("INVITE")
    assert len(tags) == 1
    assert invites >= 1
    text = await phones.front.metrics()
    assert 'what="moved calls told the new description"} 1' in text
    await over(call)
    print(f"one To-tag, {invites} re-INVITE; the caller hears its own tone from the second PBX")
