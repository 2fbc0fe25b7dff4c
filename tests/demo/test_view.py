"""The live view in a real terminal: what it shows, and that its keys do what they say."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from sipfront.demo.station import Experience
from sipfront.demo.view import View
from sipfront.runtime import clock

ROOT = Path(__file__).resolve().parents[2]
ROWS, COLUMNS = 44, 130


def fake_stage() -> Any:
    def process(name: str, **more: Any) -> SimpleNamespace:
        return SimpleNamespace(name=name, **{"alive": True, "frozen": False, "delay": 0.0, **more})

    phones = [
        SimpleNamespace(name=name, registered=registered)
        for name, registered in (("1001", True), ("1002", False))
    ]
    return SimpleNamespace(
        front_at=("127.0.0.10", 5060),
        admin="http://127.0.0.10:8060",
        diagram=lambda call, notes, limit: [f"{call.caller} to {call.number} in {limit} lines"],
        nodes={"a": process("a", alive=False), "b": process("b", frozen=True)},
        phones=phones,
        trunk=SimpleNamespace(name="49"),
    )


def shown(view: View) -> str:
    console = Console(width=COLUMNS, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(view.picture())
    return console.export_text()


def test_a_front_that_does_not_answer_is_told() -> None:
    assert "the front does not answer" in shown(View(fake_stage(), 1.0))


def test_everything_that_is_known_is_there() -> None:
    view = View(fake_stage(), 1.0, Console(width=COLUMNS, height=ROWS))
    view.status = {
        "active": "b",
        "epoch": 7,
        "redundant": False,
        "why": "no: a is DOWN",
        "last_move": "a is left for b",
        "nodes": [
            {"name": "a", "role": "standby", "state": "DOWN", "standing": "fenced", "why": "gone"},
            {"name": "b", "role": "active", "state": "UP", "standing": "active", "heard": 0.25},
        ],
    }
    now = clock.now()
    view.load.calls += [
        Experience("1001", "600", now, 200, setup=0.25),
        Experience("1001", "600", now, 503),
        Experience("1001", "600", now, 200, setup=0.01, dropped=True),
    ]
    text = shown(view)
    for wanted in (
        "b is active, epoch 7",
        "no: a is DOWN",
        "a is left for b",
        "killed",
        "frozen",
        "3 calls made, 1 not set up",
        "1 cut off",
        "1 of 2 phones registered",
        "at most 250 ms",
        "a call: 1001 to 600, 10 ms to set up",
        "1001 to 600 in 9 lines",
        "▅✗▁",
        "q quit",
    ):
        assert wanted in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 36), (130, 44), (200, 50)])
def test_the_keys_stay_in_sight(width: int, height: int) -> None:
    view = View(fake_stage(), 1.0, Console(width=width, height=height))
    why = "a is DOWN (refused 4 times within 31 ms, last heard 96 ms ago)"
    node = {"role": "active", "state": "DOWN", "standing": "fenced", "why": why}
    view.status = {"active": "a", "why": why, "last_move": f"a is left: {why}; b is UP"}
    view.status["nodes"] = [{"name": name, **node} for name in ("a", "b")]
    view.load.calls += [Experience("1001", "600", clock.now(), 200, setup=0.25)] * 90
    view._events = [{"at": float(n), "event": "down", "text": why} for n in range(30)]
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(view.picture())
    lines = console.export_text().splitlines()
    assert len(lines) <= height
    assert lines[-1].rstrip().endswith("q quit")


async def test_an_unknown_key_does_nothing() -> None:
    view = View(fake_stage(), 1.0)
    view.press("z")
    view.press("k")  # nobody is active yet: nobody is killed
    await asyncio.gather(*view._busy)
    assert not view._quit.is_set()
    view.press("q")
    assert view._quit.is_set()


class Terminal:
    """A terminal of 130 by 44 with a demonstration in it."""

    def __init__(self, network: str) -> None:
        self.descriptor, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(inner)
        self.inner = inner
        command = [sys.executable, "-m", "sipfront", "demo", "--network", network]
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=inner, stdout=inner, stderr=inner, env=environment
        )
        self.text = ""

    def until(self, wanted: str, limit: float = 30.0) -> None:
        ends = time.monotonic() + limit
        while not re.search(wanted, self.text):
            assert time.monotonic() < ends, f"{wanted} was not shown:\n{self.text[-3000:]}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                data = os.read(self.descriptor, 65536).decode("utf-8", "replace")
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data)

    def press(self, key: str) -> None:
        self.text = ""
        os.write(self.descriptor, key.encode())


@pytest.fixture
def terminal(network: str) -> Iterator[Terminal]:
    terminal = Terminal(network)
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.process.wait()
    os.close(terminal.descriptor)
    os.close(terminal.inner)


def test_a_node_is_killed_by_a_key_and_revived(terminal: Terminal) -> None:
    terminal.until("pbx-a is active, epoch 1")
    terminal.until("[1-9][0-9]* calls made, 0 not set up")
    terminal.press("k")
    terminal.until("you killed pbx-a")
    terminal.until("pbx-b is active, epoch 2")
    terminal.until("redundant: no")
    terminal.press("r")
    terminal.until("you revived pbx-a")
    terminal.until("redundant: yes")
    terminal.press("o")
    terminal.until("pbx-a is active, epoch 3")
    terminal.press("q")
    ends = time.monotonic() + 15
    while terminal.process.poll() is None:
        assert time.monotonic() < ends
        if select.select([terminal.descriptor], [], [], 0.05)[0]:
            os.read(terminal.descriptor, 65536)
    assert terminal.process.returncode == 0
    assert termios.tcgetattr(terminal.inner) == terminal.before
