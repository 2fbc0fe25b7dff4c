"""Calls made are calls written down: each once, whoever is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from sipfront.demo.load import Load
from sipfront.demo.stage import Stage
from sipfront.runtime import clock

RATE = 6.0
#: A call in set-up when the front was killed is given up 40 s after its restart.
LIMIT = 45.0
#: Calls whose end may not be seen then, at this rate and hold.
LAST = 4


async def records(stage: Stage) -> list[dict[str, Any]]:
    found = await stage._get("/api/v1/calls/records?limit=1000")
    return list(found.get("calls", []))


async def all_over(stage: Stage, made: int) -> list[dict[str, Any]]:
    """The records, once there are as many as calls and all have ended; else as they are."""
    ends = clock.now() + LIMIT
    while True:
        found = await records(stage)
        if len(found) >= made and all(call["end"] for call in found):
            return found
        if clock.now() > ends:
            return found
        await asyncio.sleep(0.2)


async def test_each_call_is_written_down_once(network: str) -> None:
    """A node is frozen and thawed, roles are changed, a node and then the front are killed."""
    async with Stage(network) as stage:
        load = Load(stage, RATE)
        load.start()
        await asyncio.sleep(1)
        node = await stage.active()
        node.freeze()
        await stage.until(lambda status: status["active"] != node.name, "the other node")
        node.thaw()
        await stage.until(lambda status: bool(status["redundant"]), "a pair again", limit=30)
        await stage.switch_over()
        await asyncio.sleep(1)
        node = await stage.active()
        await node.kill()
        await stage.until(lambda status: status["active"] != node.name, "the other node")
        await asyncio.sleep(1)
        await stage.front.kill()
        await stage.start_front()
        await asyncio.sleep(2)
        await load.stop()
        found = await all_over(stage, len(load.calls))
        print(f"{len(load.calls)} calls made, {len(found)} records")
        print(Counter(call["ended_by"] for call in found), Counter(call["done"] for call in found))
        made = Counter(call.call_id for call in load.calls)
        written = Counter(call["call_id"] for call in found)
        # Who heard nothing for 30 s (a front that starts slowly) may have said it to nobody.
        heard = {call.call_id for call in load.calls if call.status or call.rang is not None}
        assert heard <= set(written), "calls without a record"
        assert written - made == Counter(), "records without a call"
        # A BYE that is given up while nobody is there to hear it was never seen: the dialog stays
        # known until it is looked for in vain.
        up = [call for call in found if not call["end"]]
        assert len(up) <= LAST, "calls that are not over"
