"""What one message costs, in each build of the front: time against a reference loop, instructions.

Times are ratios to a fixed loop measured in turns in the same process; instructions are counted
by callgrind (valgrind), which hardly differ from one run to the next, whatever else the machine
does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench import pieces, usage
from bench.builds import ROOT, Build, builds, stale
from bench.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: How often the reference loop is counted.
REFERENCES = 400


class MessagesError(Exception):
    """A measuring process failed; the text is what it said."""


def run(progress: Callable[[str], None], rounds: int = 3, *, count: bool = False) -> Figures:
    """Times of every piece in every build, in alternating rounds; ``count``: instructions too."""
    figures = Figures("messages", usage.machine())
    for build in builds():
        figures.about[f"sipfront, {build.name}"] = build.version()
    if old := stale():
        figures.remarks.append(f"newer than the compiled build: {', '.join(old[:5])}")
    for number in range(rounds):
        for build in builds():
            progress(f"round {number + 1} of {rounds}: {build.name}")
            found = timed(build)
            bases = found[pieces.REFERENCE]
            for name, values in found.items():
                for value, base in zip(values, bases, strict=True):
                    figures.add(name, build.name, "us", 1e6 * value)
                    if name != pieces.REFERENCE:
                        figures.add(name, build.name, "reference loops", value / base)
    if count:
        if shutil.which("valgrind") is None:
            figures.remarks.append("instructions were not counted: valgrind is not installed")
            return figures
        for build in builds():
            for name, value in counted(build, progress).items():
                figures.add(name, build.name, "instructions", value)
    return figures


def timed(
    build: Build, sample: float = pieces.SAMPLE, samples: int = pieces.SAMPLES
) -> dict[str, list[float]]:
    """Seconds for one of each piece, in a process of its own."""
    said = _child(build, [sys.executable], ["time", str(sample), str(samples)])
    return dict(json.loads(said.splitlines()[-1]))


def counted(
    build: Build, progress: Callable[[str], None], names: Iterable[str] | None = None
) -> dict[str, float]:
    """Instructions for one of each piece; as many processes at a time as there are cores."""
    chosen = {pieces.REFERENCE: REFERENCES}
    chosen |= {name: pieces.PIECES[name][1] for name in names or pieces.PIECES}
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
        nothing = pool.submit(_instructions, build, pieces.NOTHING, 0)
        jobs = {
            name: pool.submit(_instructions, build, name, count) for name, count in chosen.items()
        }
        found = {}
        for name, job in jobs.items():
            progress(f"counting instructions, {build.name}: {name}")
            found[name] = (job.result() - nothing.result()) / chosen[name]
    return found


def _instructions(build: Build, name: str, count: int) -> int:
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    return collected(_child(build, words, ["count", name, str(count)]))


def collected(said: str) -> int:
    """What callgrind says that it counted.  Raises MessagesError when it does not say."""
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise MessagesError(f"callgrind did not say how many: {said[-500:]}")
    return int(found[1])


def _child(build: Build, under: list[str], words: list[str]) -> str:
    environment = {**os.environ, **build.environment(), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [*under, "-m", "bench.pieces", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MessagesError(f"{build.name}: {done.stderr[-2000:]}")
    return done.stdout + done.stderr
