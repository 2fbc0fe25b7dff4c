"""Probes that hang, a hook that hangs, a webhook that is down: real calls do not notice, and health
says degraded and why.  (A full disk: tests/runtime/test_trouble.py.)
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.talk import HELD, NEW, Talk
from tests.lab.conftest import Pair
from tests.lab.faulting import BUSY
from tests.lab.front import Front, configuration

#: On a machine that is busy a front takes a while to start.
LIMIT = 60.0


async def until(front: Front, good: Callable[[Any], bool], *words: str) -> dict[str, Any]:
    """The status, once it is so and what troubles the front has these words."""
    ends = time.monotonic() + LIMIT
    while True:
        status = await front.status()
        if good(status) and all(word in status["trouble"] for word in words):
            return dict(status)
        assert time.monotonic() < ends, (status["trouble"], front.log_end(5))
        await asyncio.sleep(0.1)


async def test_probes_and_hooks_that_hang(pair: Pair, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.32", 8080)) as deaf:  # takes connections and says nothing
        hang = ["sh", "-c", "trap '' TERM; sleep 60"]
        config = configuration(
            tmp_path / "front",
            probes=[
                {"probe": "command", "command": hang, "interval": "1s", "timeout": "500ms",
                 "required": False},
                {"probe": "http", "url": f"http://{deaf.getsockname()[0]}:8080/",
                 "interval": "1s", "timeout": "500ms", "required": False},
            ],
            hooks={
                "demote": {"command": hang, "timeout": "500ms", "retries": 0},
                "notify": {"url": "http://127.0.0.32:8081/", "timeout": "500ms", "retries": 0},
            },
        )  # fmt: skip
        front = Front(tmp_path / "front", config)
        try:
            await front.start()
            await until(front, lambda status: status["redundant"] and len(status["probes"]) == 4)
            talk = Talk(front, "pbx-a")
            try:
                await talk.begin()
                assert "error" not in await front.switchover("pbx-b")
                status = await until(
                    front,
                    lambda status: not status["healthy"],
                    "the demote hook failed: did not end",
                    "the notify hook failed",
                )
                heard = await talk.end()
            finally:
                await talk.stop()
            print("\n  " + status["trouble"])
            print(f"  {heard}")
            assert (heard.went_on, heard.answered) == (HELD, NEW)
            assert heard.elsewhere
            said = {row["kind"]: row["text"] for row in status["probes"]}
            assert said["command"] == "did not end within 0.5 s"
            assert not any(row["outcome"] == "good" for row in status["probes"])
            ready = await asyncio.to_thread(front._get, "/readyz")
            assert "pbx-b is active; degraded: the " in ready["why"]
            assert "health_degraded" in {event["event"] for event in await front.events()}
            if os.getloadavg()[0] / (os.cpu_count() or 1) <= BUSY:
                assert heard.slowest < 0.5
        finally:
            await front.stop()
