"""The front as a user runs it: the command, a configuration file, a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml

IP = "127.0.0.10"
ADMIN = "http://127.0.0.10:8060"
#: How long the front may take until it is ready.  It needs one second.
START = 15.0


class FrontError(Exception):
    """The front did not do what it was asked; the text has the end of its log."""


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Make an authority and the front's certificate; return authority, certificate and key."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    certificate, key, request = folder / "front.pem", folder / "front.key", folder / "front.csr"
    names = folder / "names"
    names.write_text(f"subjectAltName=IP:{IP},DNS:example.com\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    sign = ["openssl", "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key)]
    for command in (
        [*new, "-x509", "-days", "2", "-subj", "/CN=lab", "-keyout", str(ca_key), "-out", str(ca)],
        [*new, "-subj", "/CN=example.com", "-keyout", str(key), "-out", str(request)],
        [*sign, "-days", "2", "-extfile", str(names), "-out", str(certificate)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return ca, certificate, key


class Front:
    """One front; ``change`` is laid over the usual configuration, section by section."""

    def __init__(
        self,
        folder: Path,
        change: dict[str, dict[str, Any] | list[Any] | Any] | None = None,
        *,
        within: Sequence[str] = (),
        ip: str = IP,
        admin: str = ADMIN,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ip = ip
        self.admin = admin
        self.within = tuple(within)
        self.ca, certificate, key = certificates(folder / "tls")
        self.config: dict[str, Any] = {
            "front": {
                "listen": [f"udp://{ip}:5060", f"tcp://{ip}:5060", f"tls://{ip}:5061"],
                "domains": ["example.com"],
                "inside": f"udp://{ip}:5062",
                "tls": {"certificate": str(certificate), "key": str(key)},
            },
            "nodes": [
                {"name": "pbx-a", "uri": "sip:127.0.0.11:5060"},
                {"name": "pbx-b", "uri": "sip:127.0.0.12:5060"},
            ],
            "trunks": [{"name": "carrier", "uri": "sip:127.0.2.1:5060"}],
            "registrations": {"continuity": "static"},
            "keys": str(folder / "keys"),
            "admin": {"listen": admin, "token_file": str(folder / "token")},
            "log": {"level": "debug"},
        }
        for section, value in (change or {}).items():
            if isinstance(value, dict):
                self.config.setdefault(section, {}).update(value)
            else:
                self.config[section] = value
        self.file = folder / "sipfront.yaml"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        if self.process is None:
            raise FrontError("the front is not running")
        return self.process.pid

    def write(self) -> None:
        """Write the configuration file."""
        self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def launch(self) -> None:
        """Start the process; :meth:`ready` waits until it serves."""
        self.write()
        command = [*self.within, "setpriv", "--pdeathsig", "KILL"]
        command += [sys.executable, "-m", "sipfront", "run", str(self.file)]
        environment = {**os.environ, "STATE_DIRECTORY": str(self.folder)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    async def ready(self, limit: float = START) -> float:
        """Wait until /readyz says yes; return the seconds that took."""
        begun = time.monotonic()
        last = "no answer"
        async with aiohttp.ClientSession() as session:
            while time.monotonic() - begun < limit:
                if self.process is None or self.process.poll() is not None:
                    raise FrontError(f"the front ended by itself:\n{self.log_end()}")
                try:
                    async with session.get(f"{self.admin}/readyz") as answer:
                        last = f"{answer.status} {await answer.text()}"
                        if answer.status == 200:
                            return time.monotonic() - begun
                except aiohttp.ClientError as error:
                    last = str(error)
                await asyncio.sleep(0.03)
        raise FrontError(f"not ready within {limit} s ({last}):\n{self.log_end()}")

    async def start(self) -> float:
        """Start it and wait until it is ready; return the seconds that took."""
        self.launch()
        return await self.ready()

    async def stop(self, limit: float = 8.0) -> None:
        """Ask it to end (SIGTERM); by force after ``limit``."""
        process = self.process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, limit)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log_end(self, lines: int = 40) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def get(self, path: str) -> Any:
        """Ask the HTTP side."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.admin}{path}") as answer,
        ):
            answer.raise_for_status()
            return await answer.json()

    async def command(self, *words: str, limit: float = 10.0) -> tuple[int, str]:
        """Run ``sipfront WORDS`` as an operator would; return exit code and output."""
        process = await asyncio.create_subprocess_exec(
            *(*self.within, sys.executable, "-m", "sipfront", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "STATE_DIRECTORY": str(self.folder)},
        )
        async with asyncio.timeout(limit):
            out, _ = await process.communicate()
        return process.returncode or 0, out.decode(errors="replace")
