"""The pages of the documentation, their fenced blocks, and how a block is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<proof>[^\n]*) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    kind: str
    proof: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.splitlines()[0][:40]}"

    @property
    def commands(self) -> list[list[str]]:
        """Its lines as words, comments removed."""
        return [words for line in self.text.splitlines() if (words := shlex.split(line, True))]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for found in FENCE.finditer(page.read_text()):
            yield Block(page, found["kind"], found["proof"] or "", found["text"])


def proved(how: str) -> list[Block]:
    return [block for block in blocks() if block.proof == f"test: {how}"]


def named(which: list[Block]) -> pytest.MarkDecorator:
    assert which
    return pytest.mark.parametrize("block", which, ids=str)


def tools(tmp_path: Path) -> Path:
    """A folder for PATH with ``sipfront`` and ``python`` of this checkout."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script(folder / "sipfront", f'exec {sys.executable} -m sipfront "$@"')
    script(folder / "python", f'exec {sys.executable} "$@"')
    return folder


def script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def environment(bin_: Path, **more: str) -> dict[str, str]:
    path = f"{bin_}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SIPFRONT_", "STATE_"))}
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def bash(text: str, folder: Path, env: dict[str, str], limit: float = 55) -> str:
    """Run a block as a shell would, ending at the first command that fails."""
    command = ["bash", "-euxo", "pipefail", "-c", text]
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
