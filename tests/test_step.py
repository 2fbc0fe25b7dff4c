"""What `make` shows of the steps that take long."""

from __future__ import annotations

import os
import pty
import subprocess

from tests.pages import ROOT

STEP = str(ROOT / ".ci" / "step")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STEP, *command], capture_output=True, text=True, timeout=20, check=False)


def test_what_goes_well_is_one_line() -> None:
    done = run("it", "sh", "-c", "echo noise; echo more >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "it: 0 s \n", "")


def test_what_fails_is_told_whole() -> None:
    done = run("it", "sh", "-c", "echo because; exit 3")
    assert done.returncode == 3
    assert "it: failed after 0 s\nbecause" in done.stderr


def test_a_terminal_sees_the_seconds() -> None:
    descriptor, inner = pty.openpty()
    with subprocess.Popen([STEP, "it", "sleep", "1.5"], stdout=inner, stderr=inner) as running:
        os.close(inner)
        text = b""
        try:
            while data := os.read(descriptor, 4096):
                text += data
        except OSError:  # the other end is closed
            pass
        assert running.wait(10) == 0
    os.close(descriptor)
    assert b"it \xe2\x80\xa6 0 s" in text
    assert b"it \xe2\x80\xa6 1 s" in text
