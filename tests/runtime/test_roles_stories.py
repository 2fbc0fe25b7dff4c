"""A front is killed soon after a switch-over: what bound its next decision binds it still."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sipfront.control.past import Past
from sipfront.runtime.roles import stored_past
from sipfront.store.port import Row
from tests.runtime.support import address
from tests.runtime.test_server import nodes

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0


class Front:
    """``sipfront run`` as a process, asked over its API."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.at = folder, f"http://{host}:8060/api/v1"
        self.file = folder / "sipfront.yaml"
        # The demote hook ends well as soon as there is a file, and says each time that it ran.
        script = f"echo ran >> {folder}/hooked; test -e {folder}/willing"
        self.file.write_text(
            f"""
front: {{listen: [udp://{host}:5060], domains: [example.com], inside: "udp://{host}:5062"}}
nodes: [{{name: pbx-a, uri: "sip:{host}:5081"}}, {{name: pbx-b, uri: "sip:{host}:5082"}}]
hooks: {{demote: {{command: [sh, -c, "{script}"], required: true, retries: 0}}}}
failover: {{hold_down: 1h}}
keys: {folder}/keys
store: sqlite://{folder}/state.db
admin: {{listen: "http://{host}:8060", token_file: {folder}/token}}
"""
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "sipfront", "run", str(self.file)]
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stderr=log,
                stdout=log,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.at + path)
        if body is not None:
            request.data = json.dumps(body).encode()
            token = (self.folder / "token").read_text().strip()
            request.add_header("Authorization", f"Bearer {token}")
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    async def until(self, good: Any) -> dict[str, Any]:
        ends = time.monotonic() + LIMIT
        status: Any = None
        while True:
            try:
                status = await asyncio.to_thread(self.ask, "/status")
                if good(status):
                    return dict(status)
            except OSError:
                pass
            assert time.monotonic() < ends, (status, (self.folder / "log").read_text()[-3000:])
            await asyncio.sleep(0.02)

    async def stored(self, good: Callable[[Past], bool]) -> None:
        """Wait until the file says so: a kill takes what was not written."""
        ends = time.monotonic() + LIMIT
        while not good(self._stored()):
            assert time.monotonic() < ends, self._stored()
            await asyncio.sleep(0.02)

    def _stored(self) -> Past:
        file = sqlite3.connect(f"file:{self.folder}/state.db?mode=ro", uri=True)
        with contextlib.closing(file):
            found = file.execute("SELECT kind, key, value FROM rows WHERE kind = 'past'")
            return stored_past([Row(*row) for row in found], ("pbx-a", "pbx-b"))

    async def switchover(self, to: str) -> str:
        return json.dumps(await asyncio.to_thread(self.ask, "/switchover", {"to": to}))


def test_killed_after_a_switch_over(tmp_path: Path) -> None:
    asyncio.run(_killed(tmp_path))


async def _killed(tmp_path: Path) -> None:
    host = address()
    front = Front(tmp_path, host)
    hooked = tmp_path / "hooked"
    async with nodes(host):
        try:
            front.start()
            await front.until(lambda status: status["redundant"])
            assert "epoch 2" in await front.switchover("pbx-b")
            await front.stored(lambda past: bool(past.owed and past.owed[0].failed))
            front.kill()
            (tmp_path / "willing").touch()
            ran = hooked.read_text()

            front.start()
            # The hook that failed is run again, and only then the node may take over.
            status = await front.until(lambda status: status["redundant"])
            assert (status["active"], status["epoch"]) == ("pbx-b", 2)
            assert len(hooked.read_text()) > len(ran)
            assert "hold-down: another" in await front.switchover("pbx-a")

            await front.stored(lambda past: not past.owed)
            front.kill()
            ran = hooked.read_text()
            front.start()
            await front.until(lambda status: status["redundant"])
            assert "hold-down: another" in await front.switchover("pbx-a")
            assert hooked.read_text() == ran  # who was demoted is not demoted again
        finally:
            front.kill()
