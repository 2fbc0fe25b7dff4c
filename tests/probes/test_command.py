from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from probes.command import command

SH = ("sh", "-c")


def alive(pid: Path) -> bool:
    child = Path(f"/proc/{pid.read_text().strip()}/stat")
    return child.exists() and " Z " not in child.read_text()


@pytest.mark.parametrize(
    ("code", "good"), [(0, True), (1, True), (2, False), (3, None), (127, None)]
)
async def test_the_codes_of_monitoring_plugins(code: int, good: bool | None) -> None:
    result = await command([*SH, f"echo 'PBX - well | calls=3'; echo more; exit {code}"])
    assert result.good is good
    assert result.text.startswith("PBX - well")
    assert "calls=3" not in result.text


async def test_who_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()
    result = await command([*SH, f"sleep 60 & echo $! >{pid}; wait"], timeout=0.3)
    assert (result.good, result.text) == (False, "did not end within 0.3 s")
    assert time.monotonic() - began < 5
    assert not alive(pid)


async def test_what_cannot_be_run() -> None:
    assert (await command(["no-such-program"])).good is None
    killed = await command([*SH, "kill -9 $$"])
    assert (killed.good, killed.text) == (None, "signal 9")


async def test_its_environment_and_no_shell() -> None:
    code = "import os; print(os.environ['SIPFRONT_NODE'], len(os.environ['PATH']) > 0)"
    result = await command([sys.executable, "-c", code], env={"SIPFRONT_NODE": "$(id) pbx-a"})
    assert result.text == "$(id) pbx-a True"


async def test_a_flood_of_output_is_cut() -> None:
    result = await command([*SH, "yes | head -c 1000000; exit 2"])
    assert (result.good, result.text) == (False, "y")
