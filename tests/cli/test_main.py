from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sipfront.cli import main

VERBS = ["run", "check", "version", "status", "switchover", "drain", "maintenance", "resume"]
ROOT = Path(__file__).resolve().parent.parent.parent


def test_without_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "a first day:" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5
    assert main(["--help"]) == 0
    assert f"    {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv",
    [
        ["fly"],
        ["run"],
        ["run", "a", "b"],
        ["drain"],
        ["status", "--jso"],
        ["check", "--nope"],
        ["--x"],
    ],
)
def test_bad_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "usage: sipfront" in capsys.readouterr().err


def test_version_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("sipfront ")


def test_a_reader_that_has_gone(tmp_path: Path) -> None:
    """`sipfront check --schema | head -1` ends without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sipfront", "check", "--schema"]
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            command, cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, timeout=30, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
