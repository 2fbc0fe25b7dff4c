"""The whole demonstration as a command: it ends with 0 when the promise holds, and with 1 when not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 55.0


def demo(network: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sipfront", "demo", "--script", "--network", network, *more]
    return subprocess.run(
        command, cwd=ROOT, text=True, capture_output=True, timeout=LIMIT, check=False
    )


def test_the_active_node_is_killed_and_nobody_notices(network: str, tmp_path: Path) -> None:
    done = demo(network, "--faults", "kill,switchover", "--folder", str(tmp_path))
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert "kill -9 of pbx-a" in said
    assert "front: failover: pbx-a is left for pbx-b" in said
    assert "front: switch-over" in said
    assert "0 not set up" in said
    assert "the promise held" in said
    assert (tmp_path / "front.log").exists()


def test_a_frozen_node_is_left_and_comes_back(network: str) -> None:
    done = demo(network, "--faults", "freeze")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pbx-a thawed" in done.stdout
    assert "roles changed" in done.stdout


def test_the_front_itself_is_killed_and_calls_go_on(network: str) -> None:
    done = demo(network, "--faults", "front")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the front serves again" in done.stdout
    assert "a call that was up went on" in done.stdout


def test_a_standby_that_refuses_calls_breaks_the_promise(network: str) -> None:
    done = demo(network, "--faults", "kill", "--plant", "refuse")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN: not set up" in done.stdout
    assert "the promise did NOT hold" in done.stdout


def test_bad_usage_is_a_sentence(network: str) -> None:
    done = demo(network, "--faults", "flood")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "sipfront: --faults flood: there are kill, freeze, switchover, front"
    )


def test_a_network_in_use_is_a_sentence(network: str) -> None:
    busy = subprocess.Popen(
        [sys.executable, "-m", "sipfront.demo.node", "--listen", f"{network}.11:5060"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert busy.stdout is not None
        assert b"ready" in busy.stdout.readline()
        done = demo(network)
        assert done.returncode == 2
        assert "sipfront demo: pbx-a did not start" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        busy.kill()
        busy.wait()
