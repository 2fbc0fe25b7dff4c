"""The front of the lab: a real ``sipfront run`` with a configuration written for the test.

It lives in a process of its own, which dies with the test; its log is a file in the test's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.lab import prepare
from tests.lab.asterisk import DOMAIN
from tests.lab.chroot import PeerError

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.10"
INSIDE = f"{ADDRESS}:5062"
NODES = {"pbx-a": "127.0.0.11", "pbx-b": "127.0.0.12"}
CARRIER = "127.0.2.1"
ADMIN = f"{ADDRESS}:8060"
START = 30.0


def configuration(folder: Path, **changes: Any) -> dict[str, Any]:
    """The lab's configuration; ``changes`` replace whole sections."""
    config: dict[str, Any] = {
        "front": {
            "listen": [f"udp://{ADDRESS}:5060", f"tcp://{ADDRESS}:5060"],
            "domains": [DOMAIN],
            "inside": f"udp://{INSIDE}",
        },
        "nodes": [{"name": name, "uri": f"sip:{address}:5060"} for name, address in NODES.items()],
        "trunks": [{"name": "carrier", "uri": f"sip:{CARRIER}:5060", "sources": [f"{CARRIER}/32"]}],
        "keys": str(folder / "keys"),
        "store": f"sqlite://{folder / 'state.db'}",
        "admin": {"listen": f"http://{ADMIN}", "token_file": str(folder / "token")},
    }
    config.update(changes)
    return config


def certificate(folder: Path, name: str = ADDRESS) -> tuple[Path, Path]:
    """A self-signed certificate for the front (openssl), and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / "front.crt", folder / "front.key"
    alt = f"subjectAltName=IP:{name}" if name[0].isdigit() else f"subjectAltName=DNS:{name}"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(
        [*command.split(), *files, "-subj", f"/CN={name}", "-addext", alt],
        check=True,
        capture_output=True,
    )
    return cert, key


class Front:
    """One front process."""

    def __init__(
        self, folder: Path, config: dict[str, Any] | None = None, within: tuple[str, ...] = ()
    ) -> None:
        """``within``: a command that runs others elsewhere (``ip netns exec NAME``)."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.within = within
        self.config = config or configuration(folder)
        self.log = folder / "front.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.admin = str(self.config["admin"]["listen"])

    async def start(self) -> float:
        """Start it and wait until it has an active node; the seconds that took."""
        prepare.occupy()
        path = self.folder / "sipfront.yaml"
        path.write_text(yaml.safe_dump(self.config, sort_keys=False))
        begun = time.monotonic()
        self._launch(path)
        assert self.process is not None
        while True:
            if await asyncio.to_thread(self._ready):
                return time.monotonic() - begun
            if self.process.poll() is not None or time.monotonic() - begun > START:
                self.kill()  # or it would serve the next test, late
                raise PeerError(f"the front did not start:\n{self.log_end()}")
            await asyncio.sleep(0.05)

    def _launch(self, path: Path) -> None:
        command = [*self.within, "setpriv", "--pdeathsig", "KILL"]
        command += [sys.executable, "-m", "sipfront", "run", str(path)]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                # What it must know at once is gone with the folder, too.
                env={**os.environ, "PYTHONUNBUFFERED": "1", "RUNTIME_DIRECTORY": str(self.folder)},
            )

    def _ready(self) -> bool:
        try:
            self._get("/readyz")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.admin + path, timeout=2) as answer:
            text = answer.read().decode()
        return json.loads(text) if text[:1] in "{[" else text

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        token = (self.folder / "token").read_text().strip()
        request = urllib.request.Request(
            self.admin + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    async def status(self) -> Any:
        """What ``sipfront status --json`` says."""
        return await asyncio.to_thread(self._get, "/api/v1/status")

    async def events(self) -> list[dict[str, Any]]:
        """The newest events, oldest first."""
        answer = await asyncio.to_thread(self._get, "/api/v1/events?limit=500")
        events = answer["events"] if isinstance(answer, dict) else answer
        return list(events)

    async def records(self, since: float) -> list[dict[str, Any]]:
        """The call records that began since then, newest first."""
        found: list[dict[str, Any]] = []
        before = 0
        while True:
            query = f"limit=1000&since={since:.3f}&before={before}"
            page = (await asyncio.to_thread(self._get, f"/api/v1/calls/records?{query}"))["calls"]
            found += page
            before = page[-1]["n"] if page else 0
            if len(page) < 1000 or not before:
                return found

    async def metrics(self) -> str:
        """The text of /metrics."""
        return str(await asyncio.to_thread(self._get, "/metrics"))

    async def switchover(self, to: str | None = None, force: bool = False) -> Any:
        """Change the roles by hand."""
        body: dict[str, Any] = {"force": force}
        if to:
            body["to"] = to
        return await asyncio.to_thread(self._post, "/api/v1/switchover", body)

    async def until_active(self, name: str, limit: float = 10.0) -> None:
        """Wait until a node is the active one."""
        end = time.monotonic() + limit
        while (await self.status()).get("active") != name:
            if time.monotonic() > end:
                raise PeerError(f"{name} did not become active:\n{self.log_end()}")
            await asyncio.sleep(0.02)

    @property
    def pid(self) -> int:
        """The process's number."""
        if self.process is None:
            raise PeerError("the front is not running")
        return self.process.pid

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def log_end(self, lines: int = 40) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
