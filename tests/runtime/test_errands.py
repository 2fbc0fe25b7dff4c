"""Commands run by the helper: what they say, how they end, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sipfront.runtime import errands as module
from sipfront.runtime.errands import ErrandError, Errands
from tests.runtime.support import until

SH = ["sh", "-c"]


@pytest.fixture
async def errands(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Errands]:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    made = Errands()
    await made.start()
    await until(lambda: made._writer is not None)
    yield made
    await made.close()
    assert made.pid is None


def alive(pid: int | None) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def number(file: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return 0


async def test_words_environment_input_and_code(errands: Errands) -> None:
    script = 'read line; echo "$line $X $1"; exit 3'
    ended = await errands.run([*SH, script, "sh", "$(id)"], {"X": "a b"}, 5.0, "in\n")
    assert (ended.code, ended.output) == (3, "in a b $(id)\n")
    assert (await errands.run([*SH, "kill -9 $$"], {}, 5.0)).code == -9
    flood = await errands.run([*SH, "yes | head -c 1000000"], {}, 5.0)
    assert len(flood.output) == 4096


async def test_many_at_once(errands: Errands) -> None:
    ends = await asyncio.gather(*(errands.run([*SH, f"exit {n}"], {}, 20.0) for n in range(40)))
    assert [ended.code for ended in ends] == list(range(40))


async def test_what_cannot_be_started(errands: Errands) -> None:
    with pytest.raises(ErrandError, match="no-such-program: No such file"):
        await errands.run(["no-such-program"], {}, 5.0)


async def test_time_is_over_for_the_whole_family(errands: Errands, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    began = time.monotonic()
    ended = await errands.run([*SH, f"sleep 60 & echo $! >{file}; wait"], {}, 0.3)
    assert ended.code is None
    assert time.monotonic() - began < 5
    await until(lambda: not alive(number(file)))


async def test_nobody_waits_any_more(errands: Errands, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    task = asyncio.create_task(errands.run([*SH, f"echo $$ >{file}; sleep 60"], {}, 60.0))
    await until(lambda: alive(number(file)))
    task.cancel()
    await until(lambda: not alive(number(file)))


async def test_a_killed_helper_is_replaced_and_its_children_go(
    errands: Errands, tmp_path: Path
) -> None:
    file, first = tmp_path / "pid", errands.pid
    assert first is not None
    task = asyncio.create_task(errands.run([*SH, f"echo $$ >{file}; exec sleep 60"], {}, 60.0))
    await until(lambda: alive(number(file)))
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ErrandError, match="the helper process has ended"):
        await task
    await until(lambda: not alive(number(file)))
    await until(lambda: errands.pid not in (None, first) and not errands.trouble)
    assert (await errands.run([*SH, "echo again"], {}, 5.0)).output == "again\n"


async def test_a_frozen_helper_does_not_hold_anybody(
    errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    assert errands.pid is not None
    os.kill(errands.pid, signal.SIGSTOP)
    with pytest.raises(ErrandError, match="does not answer"):
        await errands.run([*SH, "true"], {}, 0.1)


async def test_before_the_start() -> None:
    with pytest.raises(ErrandError, match="not started"):
        await Errands().run(["true"], {}, 1.0)


def test_nothing_outlives_a_killed_front(tmp_path: Path) -> None:
    """kill -9 of the process that uses it: the kernel ends the helper and its children."""
    file = tmp_path / "pids"
    program = f"""
        import asyncio
        from sipfront.runtime.errands import Errands

        async def main():
            errands = Errands()
            await errands.start()
            while errands._writer is None:
                await asyncio.sleep(0.01)
            words = ["sh", "-c", "echo $PPID $$ >{file}; exec sleep 60"]
            await errands.run(words, {{}}, 60.0)

        asyncio.run(main())
    """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(words) as process:
        limit = time.monotonic() + 20
        while not file.exists() or len(file.read_text().split()) < 2:
            assert time.monotonic() < limit
            time.sleep(0.02)
        process.kill()
    pids = [int(word) for word in file.read_text().split()]
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < limit
        time.sleep(0.02)
