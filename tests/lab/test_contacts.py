"""What real PBXs believe about the Contacts that the front gave them: who is there."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from tests.lab.asterisk import Asterisk, password
from tests.lab.phones.streams import StreamPhone
from tests.lab.test_registrations import LIMIT, Scene, rings_too, says_yes, scene

#: How often the PBXs ask whether a phone is there, and how long they wait (seconds).
QUALIFY = "qualify_frequency = 2\nqualify_timeout = 1.0\n"


async def believed(node: Asterisk, user: str, status: str) -> float:
    """Wait until a node shows a phone's contact so; the seconds that took."""
    begun = time.monotonic()
    pattern = rf"Contact:\s+{user}/\S+\s+\S+\s+{status}\s"
    while not re.search(pattern, shown := await node.cli("pjsip list contacts")):
        assert time.monotonic() < begun + LIMIT, shown
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def both(at: Scene, user: str, status: str) -> float:
    """The same for both nodes."""
    return max(await asyncio.gather(*(believed(node, user, status) for node in (at.a, at.b))))


async def test_both_nodes_know_whether_a_phone_is_there(lab: Path, tmp_path: Path) -> None:
    """Asterisk calls nobody whom it believes to be gone, and takes any answer for presence."""
    async with scene(lab, tmp_path, "mirror", QUALIFY) as at:
        carrier = await at.phones.carrier()
        async with StreamPhone("1001", "127.0.1.51") as phone:
            says_yes(phone)
            await phone.register(password("1001"))
            print(f"both nodes know that it is there after {await both(at, '1001', 'Avail'):.1f} s")
            counters = (await at.front.status())["counters"]
            assert counters["refused: phone known to be there"], "the standby's question"
            asked = [m for m in phone.inbox if m.method == "OPTIONS"]
            await phone.cut()
            print(
                f"its connection is cut: both know after {await both(at, '1001', 'Unavail'):.1f} s"
            )
            await phone.connect()
            await phone.register(password("1001"))
            print(f"it is back: both know after {await both(at, '1001', 'Avail'):.1f} s")
            decided = await at.kill(at.a)
            took = await rings_too(carrier, phone, decided)
            print(
                f"{took:.2f} s after the decision it rings; the active node asked it {len(asked)}"
            )
