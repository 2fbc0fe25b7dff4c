"""The driver against the real SIPp, on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probes.sipp import Outcome, Run, SippError, Stats, client, server

pytestmark = pytest.mark.usefixtures("sipp")


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of our own that must be empty at the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(what: Callable[[], bool], limit: float = 20.0) -> None:
    async with asyncio.timeout(limit):
        while not what():  # noqa: ASYNC110 -- what is waited for is another process
            await asyncio.sleep(0.02)


async def test_two_servers_share_an_address_without_a_race(nothing_left: Path) -> None:
    async with asyncio.TaskGroup() as group:

        async def up() -> tuple[str, int | None]:
            async with server(srcaddr="127.8.1.1").start() as run:
                await asyncio.sleep(0)
                runs.append(run)
                await until(lambda: len(runs) == 4)
                return run.address

        runs: list[Run] = []
        tasks = [group.create_task(up()) for _ in range(4)]
    assert len({task.result() for task in tasks}) == 4


async def test_a_call_with_live_statistics_and_timings(nothing_left: Path) -> None:
    seen: list[Stats] = []
    async with server(srcaddr="127.8.2.1", ring=120, linger=50, timings=True).start() as called:
        caller = client(
            srcaddr="127.8.2.2", destaddr=called.address, call_count=4, rate=10,
            pause_duration=1500, timings=True,
        )  # fmt: skip
        async with caller.start(seen.append) as run:
            await until(lambda: run.stats is not None and run.stats.current == 4)
            assert len(run.calls()) == 4
            result = await run.wait()
        served = await called.stop()
    assert result.outcome is Outcome.SUCCESS
    assert result.ok
    assert result.stats is not None
    assert (result.stats.created, result.stats.successful) == (4, 4)
    assert [stats.at for stats in seen] == sorted(stats.at for stats in seen)
    assert len(seen) >= 3
    for call in result.calls:
        assert call.status == 200
        assert call.ended_here
        assert call.set_up is not None
        assert call.set_up >= 0.1
        assert call.post_dial is not None
        assert call.post_dial < call.set_up
    # The other side tells of the same calls.
    assert [call.call_id for call in served.calls] == [call.call_id for call in result.calls]
    assert served.stats is not None
    assert served.stats.successful == 4


async def test_nobody_there_is_a_failed_call_with_a_reason(nothing_left: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.8.3.1", 0))
        agent = client(
            srcaddr="127.8.3.2", destaddr=deaf.getsockname(), extra=("-max_invite_retrans", "1")
        )
        result = await agent.run()
    assert result.outcome is Outcome.CALLS_FAILED
    assert result.stats is not None
    assert result.stats.failures == {"MaxUDPRetrans": 1}
    assert "retransmission" in result.errors


async def test_a_port_in_use_is_said(nothing_left: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind(("127.8.4.1", 0))
        with pytest.raises(SippError, match=r"could not be bound.*port \d"):
            async with server(srcaddr=mine.getsockname()).start():
                pass


async def test_a_bad_scenario_is_fatal(
    nothing_left: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bad = tmp_path_factory.mktemp("scenarios") / "bad.xml"
    bad.write_text("<scenario><send></scenario>")
    with pytest.raises(SippError, match="fatal error"):
        async with server(srcaddr="127.8.5.1", scen_file=bad).start():
            pass


async def test_a_time_limit_stops_it(nothing_left: Path) -> None:
    result = await server(srcaddr="127.8.6.1", timeout=1).run()
    assert result.outcome is Outcome.STOPPED


async def test_leaving_the_block_ends_it(nothing_left: Path) -> None:
    async with server(srcaddr="127.8.7.1").start() as run:
        pid = run.pid
        assert alive(pid)
    assert not alive(pid)
    assert (await run.wait()).outcome is Outcome.KILLED


async def test_stopping_is_gentle_then_hard(nothing_left: Path) -> None:
    async with server(srcaddr="127.8.8.1").start() as idle:
        assert (await idle.stop()).outcome is Outcome.NO_CALLS
    async with server(srcaddr="127.8.8.2").start() as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        assert (await frozen.stop(grace=0.2)).outcome is Outcome.KILLED


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.005, 0.02, 0.1, 0.5])
async def test_cancelled_at_any_moment_nothing_is_left(nothing_left: Path, delay: float) -> None:
    children = set(own_children())
    task = asyncio.create_task(server(srcaddr="127.8.9.1").run())
    await asyncio.sleep(delay)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(own_children()) <= children


def own_children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def test_it_dies_with_its_parent() -> None:
    code = textwrap.dedent("""
        import asyncio
        from probes.sipp import server
        async def main():
            async with server(srcaddr="127.8.10.1", logdir="logs").start() as run:
                print(run.pid, flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
    """)
    root = Path(__file__).resolve().parents[3]
    with tempfile.TemporaryDirectory() as folder:
        parent = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert alive(pid)
        finally:
            parent.kill()
            parent.wait()
            if parent.stdout is not None:
                parent.stdout.close()
        asyncio.run(until(lambda: not alive(pid)))


async def test_files_are_kept_only_when_asked_for(tmp_path: Path) -> None:
    async with server(srcaddr="127.8.11.1", logdir=tmp_path / "kept").start():
        pass
    assert (tmp_path / "kept" / "scenario.xml").exists()


async def test_without_sipp_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SippError, match="apt-get install sip-tester"):
        await server().run()
