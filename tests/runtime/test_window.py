from __future__ import annotations

import asyncio

import pytest

from sipfront.config.failover import Window
from sipfront.runtime import window


async def test_it_tells_how_it_is_and_when_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "LOOK", 0.001)
    hours = Window.model_validate({"from": "02:00", "to": "04:00", "zone": "UTC"})
    now = [3600.0]
    told: list[bool] = []
    changed = asyncio.Event()

    def tell(is_open: bool) -> None:
        told.append(is_open)
        changed.set()

    task = asyncio.create_task(window.watch(hours, tell, lambda: now[0]))
    for wanted, moment in ((False, 3 * 3600.0), (True, 5 * 3600.0), (False, 5 * 3600.0)):
        await asyncio.wait_for(changed.wait(), 5)
        changed.clear()
        assert told[-1] is wanted
        now[0] = moment
    await asyncio.sleep(0)
    task.cancel()
    assert told == [False, True, False]
