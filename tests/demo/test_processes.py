"""Nodes as processes: they start, die, freeze, obey, and go with their parent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from sipfront.demo.phone import DemoPhone
from sipfront.demo.processes import NodeProcess, ProcessError
from tests.demo.conftest import until


async def test_a_node_is_killed_and_comes_back(network: str) -> None:
    node = NodeProcess("pbx", f"{network}.11", 5060, ["--user", "1001:one"])
    phone = DemoPhone("1001", "one", (f"{network}.11", 5060), bind=(f"{network}.101", 5060))
    await phone.open()
    await node.start()
    try:
        call = await phone.call("600", 0.1)
        assert call.heard == phone.tone
        node.tell("stats")
        await until(lambda: node.stats.get("calls") == 1)
        first = node.pid
        await node.kill()
        assert not node.alive
        await node.start()
        assert node.pid != first
        node.freeze()
        asking = asyncio.get_running_loop().create_task(phone.register())
        await until(lambda: phone.agent.counters.get("sent again"))
        node.thaw()
        assert await asking == 200
        node.tell("refuse 503")
        await until_refused(phone)
    finally:
        await phone.close()
        await node.kill()


async def until_refused(phone: DemoPhone) -> None:
    ends = time.monotonic() + 5
    while (await phone.call("600", 0.0, listen=False)).status != 503:
        assert time.monotonic() < ends


async def test_a_node_that_cannot_start_is_told(network: str) -> None:
    one = NodeProcess("one", f"{network}.11", 5060, [])
    two = NodeProcess("two", f"{network}.11", 5060, [])
    await one.start()
    try:
        with pytest.raises(ProcessError, match="two did not start"):
            await two.start()
    finally:
        await one.kill()


def test_whoever_is_leashed_dies_with_its_parent() -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'sipfront.demo.leash', 'sleep', '60'])\n"
        "time.sleep(0.5)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert os.path.exists(f"/proc/{child}")
    finally:
        parent.kill()
        parent.wait()
    ends = time.monotonic() + 5
    while os.path.exists(f"/proc/{child}") and " Z " not in _stat(child):
        assert time.monotonic() < ends
        time.sleep(0.01)


def _stat(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read()
    except FileNotFoundError:
        return " Z "
