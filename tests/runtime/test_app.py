"""``sipfront run`` as a process: ready, reload, stop, and sentences instead of tracebacks."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.support import address, certificate

Start = Callable[..., "Process"]

RUN = """
import sys
from sipfront.config.load import load
from sipfront.runtime.app import run
from sipfront.runtime.errors import StartupError
from tests.runtime.support import EchoEngine
config, _ = load(sys.argv[1])
try:
    code = run(config, sys.argv[1], make_engine=EchoEngine)
except StartupError as error:
    print(error, file=sys.stderr)
    code = 2
sys.exit(code)
"""
ROOT = Path(__file__).resolve().parents[2]
LIMIT = 15.0


class Process:
    """One front, its log read line by line, its readiness by the socket of systemd."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "sipfront.yaml"
        self.file.write_text(text)
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.settimeout(LIMIT)
        self.notices.bind(str(folder / "notify"))
        env = dict(
            os.environ,
            NOTIFY_SOCKET=str(folder / "notify"),
            STATE_DIRECTORY=str(folder / "state"),
            PYTHONPATH=os.pathsep.join([*filter(None, sys.path), str(ROOT)]),
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(self.file)], env=env, stderr=log, cwd=folder
            )

    def told(self, state: str) -> None:
        assert self.notices.recv(200).decode().split("\n")[0] == state, self.log.read_text()

    def logged(self, text: str) -> None:
        until = time.monotonic() + LIMIT
        while text not in self.log.read_text():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.01)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(LIMIT)
        return code, self.log.read_text()

    def close(self) -> None:
        self.notices.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def host() -> str:
    return address()


def text(host: str, more: str = "", listen: str = "", tls: str = "") -> str:
    return f"""
front:
  listen: [udp://{host}:5060{listen}]
  domains: [example.com]
  inside: udp://{host}:5062
{tls}
nodes: [{{name: pbx-a, uri: "sip:{host}:5081"}}, {{name: pbx-b, uri: "sip:{host}:5082"}}]
{more}
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Process] = []

    def make(content: str, folder: str = "") -> Process:
        where = tmp_path / folder if folder else tmp_path
        where.mkdir(exist_ok=True)
        started.append(Process(where, content))
        return started[-1]

    yield make
    for process in started:
        process.close()


def test_ready_reload_stop(start: Start, tmp_path: Path, host: str) -> None:
    cert, key = certificate(tmp_path, "one.example.com")
    tls = f"  tls: {{certificate: {cert}, key: {key}}}"
    running = start(text(host, listen=f", tls://{host}:5061", tls=tls))
    running.told("READY=1")
    assert (tmp_path / "state" / "keys").stat().st_mode & 0o777 == 0o700
    running.file.write_text(
        text(
            host,
            listen=f", tls://{host}:5061",
            tls=tls,
            more="log: {format: json}\nfailover: {park: 2s}",
        )
    )
    running.process.send_signal(signal.SIGHUP)
    running.told("RELOADING=1")
    running.told("READY=1")
    running.logged('"event": "certificates"')
    running.logged("a restart is needed for changes in failover")
    cert.write_text("broken")
    running.process.send_signal(signal.SIGHUP)
    running.told("RELOADING=1")
    running.told("READY=1")
    running.logged("cannot be loaded")
    running.file.write_text("nodes: []")
    running.process.send_signal(signal.SIGHUP)
    running.told("RELOADING=1")
    running.told("READY=1")
    running.logged("exactly two nodes")
    running.process.send_signal(signal.SIGTERM)
    running.told("STOPPING=1")
    code, log = running.end()
    assert code == 0
    assert "Traceback" not in log
    assert '"event": "stopped"' in log


def test_a_second_front_says_one_sentence_and_exits_2(start: Start, host: str) -> None:
    running = start(text(host))
    running.told("READY=1")
    second = start(text(host), "second")
    code, log = second.end()
    assert code == 2
    first, last = log.splitlines()  # it waited for a while: a front that ends frees its port
    assert "port_in_use" in first
    assert last == f"cannot listen on udp://{host}:5060: the port is in use by another program"


def test_a_front_that_ends_hands_its_ports_over(start: Start, host: str) -> None:
    running = start(text(host))
    running.told("READY=1")
    second = start(text(host), "second")
    second.logged("port_in_use")
    running.process.send_signal(signal.SIGTERM)
    second.told("READY=1")
    second.process.send_signal(signal.SIGTERM)
    assert second.end()[0] == 0


def test_kill_9_and_again_at_once(start: Start, tmp_path: Path, host: str) -> None:
    for _ in range(3):
        running = start(text(host, listen=f", tcp://{host}:5060"))
        running.told("READY=1")
        running.process.kill()
        running.process.wait()
        running.notices.close()
        (tmp_path / "notify").unlink()
        assert "port_in_use" not in running.log.read_text()


def test_a_newer_store_is_one_sentence_and_exit_2(start: Start, tmp_path: Path, host: str) -> None:
    (tmp_path / "state").mkdir()
    connection = sqlite3.connect(tmp_path / "state" / "state.db")
    connection.execute("PRAGMA user_version=7")
    connection.close()
    code, log = start(text(host)).end()
    assert (code, log.count("\n")) == (2, 1)
    assert "state.db is of version 7, this program knows 1" in log


def test_an_address_of_nobody_and_an_unreadable_key(
    start: Start, tmp_path: Path, host: str
) -> None:
    code, log = start(text("198.51.100.7")).end()
    assert (code, log.count("\n")) == (2, 1)
    assert "no address of this machine" in log
    keys = tmp_path / "open"
    keys.mkdir(mode=0o755)
    code, log = start(text(host, more=f"keys: {keys}"), "other").end()
    assert (code, log.count("\n")) == (2, 1)
    assert "can be read by others" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a right away")
def test_no_right_to_bind(start: Start, tmp_path: Path, host: str) -> None:
    low = text(host).replace(":5060", ":81")
    file = tmp_path / "low.yaml"
    file.write_text(low)
    tmp_path.chmod(0o755)
    script = (
        "import os, resource, sys\n"
        "from sipfront.runtime import udp\n"
        "from sipfront.runtime.errors import StartupError\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        f"    udp.bind('{host}', 81)\n"
        "except StartupError as error:\n"
        "    print(error); sys.exit(2)\n"
    )
    limit = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text().strip()
    if int(limit) <= 81:
        pytest.skip("every port is free for everybody here")
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([*filter(None, sys.path), str(ROOT)]))
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 2, done.stderr
    assert "no right to do that" in done.stdout
