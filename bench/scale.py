"""How the engine's costs grow with what it holds: bindings, calls that are up.

In memory, without sockets: what grows with size is tables, timers and the collection of garbage.
Each size is a process of its own; sizes alternate.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from bench import usage
from bench.builds import ROOT, Build, builds
from bench.figures import Figures
from bench.messages import MessagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: (bindings, calls up); the first is what the others are compared with.
SIZES = (
    (0, 0),
    (1_000, 0),
    (10_000, 0),
    (100_000, 0),
    (0, 100),
    (0, 1_000),
    (0, 10_000),
    (100_000, 10_000),
)
SHORT = ((0, 0), (1_000, 0), (10_000, 0), (0, 1_000))


def run(
    progress: Callable[[str], None],
    rounds: int = 3,
    sizes: Sequence[tuple[int, int]] = SIZES,
    chosen: Sequence[Build] = (),
) -> Figures:
    """All sizes in all builds, or in the chosen ones."""
    figures = Figures("scale", usage.machine())
    chosen = chosen or builds()
    for build in chosen:
        figures.about[f"sipfront, {build.name}"] = build.version()
    for number in range(rounds):
        for size in sizes:
            for build in chosen:
                name = label(*size, build)
                progress(f"round {number + 1} of {rounds}: {name}")
                note(figures, name, measured(build, *size))
    compare(figures, sizes)
    return figures


def label(bindings: int, calls: int, build: Build) -> str:
    """How a size is called."""
    return f"{bindings:,} bindings, {calls:,} calls up, {build.name}"


def measured(build: Build, bindings: int, calls: int) -> dict[str, Any]:
    """One size in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.held", str(bindings), str(calls)],
        cwd=ROOT,
        env={**os.environ, **build.environment(), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MessagesError(f"{build.name}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def note(figures: Figures, name: str, found: dict[str, Any]) -> None:
    """Put what a process found among the figures."""
    for what, costs in found["costs"].items():
        for cost in costs:
            figures.add(what, name, "us CPU", 1e6 * cost)
    for share in found["upkeep"]:
        figures.add("upkeep", name, "ms CPU a second", 1e3 * share)
    for what, octets in found["weighed"].items():
        figures.add(f"memory of one {what}", name, "octets", octets)
    figures.add("longest step", name, "ms", 1e3 * found["stall"])
    figures.add("longest collection of garbage", name, "ms", 1e3 * found["pause"])


def compare(figures: Figures, sizes: Sequence[tuple[int, int]]) -> None:
    """Say how much dearer a call and a refresh are than with the smallest size that has them."""
    for what in ("call", "refresh REGISTER"):
        for build in builds():
            mine = [figures.find(what, label(*size, build)) for size in sizes]
            there = [figure for figure in mine if figure is not None]
            if len(there) > 1:
                ratio = there[-1].median / there[0].median
                figures.remarks.append(
                    f"{what}: {there[-1].name} costs {ratio:.2f} of {there[0].name}"
                )
