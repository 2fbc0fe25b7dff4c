"""A disk without room for state, call records and log: signalling goes on, and it is said."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipfront.runtime import log as logs
from sipfront.runtime.server import default_engine
from sipfront.store.calls import CallRow
from sipfront.store.port import Row
from tests.runtime.support import address, message, pair, peer, until
from tests.runtime.test_server import front, kinds, nodes

LIMIT = 30.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room; what is to be removed so that there is some again."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(1024))
    return ballast


def call(number: int) -> CallRow:
    """A record of a call, so long that a page is soon full."""
    empty = dict.fromkeys(CallRow._fields, "")
    values = {
        "id": f"call-{number}",
        "began": time.time(),
        "rang": None,
        "answered": None,
        "ended": time.time(),
    }
    values |= {"status": 200, "epoch": 1, "outside": 0, "callee": "x" * 3000}
    return CallRow(**(empty | values))  # type: ignore[arg-type]


async def test_a_full_disk(disk: Path) -> None:
    host = address()
    async with nodes(host), front(pair(disk, host), make_engine=default_engine) as server:
        stream = (disk / "log").open("w")
        logs.setup("text", "info", stream)
        try:
            await until(lambda: server.control.status()["redundant"], limit=LIMIT)
            assert server.control.status()["trouble"] == ""
            assert server.recorder is not None
            store, records, count = server.store, server.recorder.store, 0

            def all_full() -> bool:
                """Whoever fails gives up room that others take: it is filled again each time."""
                nonlocal count
                count += 1
                fill(disk)
                logging.getLogger("sipfront.test").info("x" * 5000)
                store.put([Row("test", b"%d" % count, bytes(3000))])
                records.put([call(count)])
                said = server.control.status()["trouble"]
                return all(
                    word in said
                    for word in (
                        "state is not being saved",
                        "call records are not being written",
                        "the log cannot be written",
                    )
                )

            await until(all_full, limit=LIMIT)
            status = server.control.status()
            assert not status["healthy"]
            ready, why = server.control.ready()
            assert ready
            assert why.startswith("pbx-a is active; degraded: state is not being saved")
            phone = await peer(address(), 5060)
            phone.send(message(), (host, 5060))
            await until(lambda: phone.got, limit=LIMIT)
            phone.close()

            (disk / "ballast").unlink()

            def room() -> bool:
                logging.getLogger("sipfront.test").info("x")
                return bool(server.control.status()["healthy"])

            await until(room, limit=LIMIT)
            assert server.control.status()["trouble"] == ""
            await until(lambda: not store.waiting() and not records.waiting(), limit=LIMIT)
            assert records.count() == count
            await until(lambda: "store_recovered" in kinds(server), limit=LIMIT)
            assert {"store_degraded", "records_degraded"} <= set(kinds(server))
            assert "log_lines_lost" in (disk / "log").read_text()
        finally:
            logs.shutdown()
            stream.close()
