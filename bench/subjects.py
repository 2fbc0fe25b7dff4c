"""Whom a load is sent through: the front itself in each build, and the blind relays.

Each is one session of processes at an address of its own, all up at the same time, so that runs
can alternate between them.  Kamailio is in :mod:`bench.peers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from bench import usage
from bench.builds import ROOT, Build
from sipfront.runtime.setups import where
from tests.lab.front import certificate as made_certificate

#: Everything is on addresses that the lab of real peers does not use.
CALLER = "127.0.10.1"
NODES = ("127.0.10.11", "127.0.10.12")
DOMAIN = "example.com"
PORT, TLS_PORT = 5060, 5061
INSIDE_PORT = 5062
#: Seconds that a subject may take to start.
START = 30.0


#: Everything that is measured goes before what else the machine does.
PRIORITY = -10


class SubjectError(Exception):
    """A subject cannot be run here; the text says what is missing or what it said."""


class Subject:
    """One program between the two sides."""

    name = ""
    #: why its figure may not be compared in every respect
    remark = ""
    #: who stands behind it
    nodes: tuple[str, ...] = NODES
    #: by what it can be called
    speaks: frozenset[str] = frozenset({"udp"})

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder / type(self).__name__.lower() / address
        self.address = address
        self.version = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.folder / "log"

    @property
    def session(self) -> int:
        """The session of all its processes."""
        assert self.process is not None, "started"
        return self.process.pid

    async def start(self) -> None:
        """Start it and wait until it works."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Wait until it sends to the nodes (again)."""

    def launch(self, command: list[str], cwd: Path | None = None, **env: str) -> None:
        """Start a command as a session of its own that dies with us; its output is the log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        setpriv = shutil.which("setpriv")
        dying = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*dying, *command],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **env},
            )
        prefer_session(self.process.pid)

    async def until(self, good: Any, what: str) -> None:
        """Wait until ``good()`` is true."""
        end = time.monotonic() + START
        while not await asyncio.to_thread(good):
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > end:
                raise SubjectError(f"{self.name} {what}:\n{self.log_end()}")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End it with everything that it started."""
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, 5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log_end(self, lines: int = 20) -> str:
        """The end of what it said."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return usage.cpu(self.session)

    def memory(self) -> int:
        """Octets of memory now."""
        return usage.memory(self.session)


def prefer_session(pid: int | str) -> None:
    """Let the session of a process go before others, where that is allowed.

    The scheduler shares the processor among sessions first (sched_autogroup): a priority of a
    process alone says nothing to those of other sessions.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(PRIORITY))


class Sipfront(Subject):
    """The front: ``sipfront run`` with everything on (hiding, dialogs, store, API, metrics)."""

    speaks = frozenset({"udp", "tcp", "tls"} if shutil.which("openssl") else {"udp", "tcp"})

    def __init__(self, folder: Path, address: str, build: Build) -> None:
        super().__init__(folder, address)
        self.build = build
        self.name = f"sipfront, {build.name}"
        self.admin = f"http://{address}:8060"
        #: what goes before ``-m sipfront``: a profiler, for one
        self.under: list[str] = [sys.executable]

    def config(self) -> dict[str, Any]:
        """Its configuration."""
        front: dict[str, Any] = {
            "listen": [f"udp://{self.address}:{PORT}", f"tcp://{self.address}:{PORT}"],
            "domains": [DOMAIN],
            "inside": f"udp://{self.address}:{INSIDE_PORT}",
        }
        if shutil.which("openssl"):
            certificate, key = made_certificate(self.folder, self.address)
            front["listen"].append(f"tls://{self.address}:{TLS_PORT}")
            front["tls"] = {"certificate": str(certificate), "key": str(key)}
        return {
            "front": front,
            "nodes": [
                {"name": f"pbx-{letter}", "uri": f"sip:{node}:{PORT}"}
                for letter, node in zip("ab", self.nodes, strict=True)
            ],
            "registrations": {"rate": 10_000},  # the load is the measurement's own
            "keys": str(self.folder / "keys"),
            "store": f"sqlite://{self.folder / 'state.db'}",
            "admin": {"listen": self.admin, "token_file": str(self.folder / "token")},
        }

    async def start(self) -> None:
        """Start it and wait until it knows that both nodes are up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "sipfront.yaml"
        file.write_text(yaml.safe_dump(self.config(), sort_keys=False))
        command = [*self.under, "-m", "sipfront", "run", str(file)]
        self.launch(command, self.folder, **self.build.environment())
        self.version = self.build.version()
        await self.ready()

    async def stop(self) -> None:
        """End it; what it kept in memory for the next one is of no use."""
        await super().stop()
        journal = where(f"sqlite://{self.folder / 'state.db'}")
        if journal is not None:
            journal.unlink(missing_ok=True)

    async def ready(self) -> None:
        """Wait until both nodes are up."""
        await self.until(lambda: self.states() == ["up", "up"], "does not see both nodes up")

    def states(self) -> list[str]:
        """How it finds its nodes."""
        try:
            with urllib.request.urlopen(f"{self.admin}/api/v1/status", timeout=2) as answer:
                nodes = json.loads(answer.read())["nodes"]
        except (OSError, ValueError, KeyError):
            return []
        return [str(node["state"]).lower() for node in nodes]

    def counter(self, what: str) -> int:
        """What it has counted under a name so far; 0 when it cannot be asked."""
        try:
            with urllib.request.urlopen(f"{self.admin}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return 0
        rows = (line for line in text.splitlines() if f'what="{what}"' in line)
        return int(sum(float(row.rpartition(" ")[2]) for row in rows))


class Blind(Subject):
    """A relay that understands nothing."""

    def command(self) -> list[str]:
        """The command that runs it, without its arguments."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start it."""
        words = [self.address, str(PORT), str(INSIDE_PORT), self.nodes[0], str(PORT)]
        command = await asyncio.to_thread(self.command)
        self.launch([*command, *words], ROOT)
        await self.until(lambda: "ready" in self.log_end(), "did not start")


class BlindC(Blind):
    """The one in C, compiled when it is needed."""

    name = "blind relay, C"

    def command(self) -> list[str]:
        """Compile it; raises SubjectError where there is no compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise SubjectError("no C compiler; on Debian: apt-get install gcc libc6-dev")
        self.folder.mkdir(parents=True, exist_ok=True)
        program = self.folder / "blind"
        words = [compiler, "-O2", "-o", str(program), str(ROOT / "bench/blind.c")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SubjectError(f"{' '.join(words)}: {done.stderr}")
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
        self.version = said.stdout.partition("\n")[0]
        return [str(program)]


class BlindUvloop(Blind):
    """The one in Python on uvloop."""

    name = "blind relay, uvloop"

    def command(self) -> list[str]:
        """No preparation."""
        from importlib.metadata import version

        self.version = f"uvloop {version('uvloop')}"
        return [sys.executable, "-m", "bench.blind"]
