"""``top``: one picture without a terminal, and a real terminal with its keys."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sipfront.cli import main
from tests.cli.conftest import Front

ROOT = Path(__file__).resolve().parents[2]


def test_one_picture(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", *front.where]) == 0
    out = capsys.readouterr().out
    assert "a is active, epoch 1" in out
    assert "3 calls, 20 phones" in out
    assert "word: event 1999" in out


def test_as_json(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--json", *front.where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"]["active"] == "a"
    assert len(told["events"]) == 100


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--url", "http://127.0.0.1:9"]) == 1
    assert "no front answers" in capsys.readouterr().err


def test_in_a_terminal_until_q(front: Front) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sipfront", "top", "--every", "0.1", *front.where],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )
    os.close(theirs)
    try:
        wanted, seen, limit = b"b is active", b"", time.monotonic() + 30
        front.pair.switchover("b", force=True)
        while wanted not in seen:
            assert time.monotonic() < limit, seen[-2000:]
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65536)
        os.write(ours, b"q")
        while process.poll() is None:
            assert time.monotonic() < limit
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    os.read(ours, 65536)
                except OSError:
                    break
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
