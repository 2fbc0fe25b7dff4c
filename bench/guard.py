"""The guard: a message may not become dearer unnoticed.

``baseline.json`` has what each piece of :mod:`bench.pieces` cost when it was last looked at, as
a ratio to the reference loop: in instructions (callgrind) and, for machines without valgrind, in
processor time.  ``python -m bench guard`` fails when a ratio has grown by more than the band;
``--update`` writes a new baseline, whose diff somebody has to explain; ``--planted`` also measures
a build into which a slowdown was put, and fails when that is not noticed.
"""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import messages, pieces
from bench.builds import INTERPRETED, ROOT, Build, builds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BASELINE = Path(__file__).with_name("baseline.json")
#: Shares by which a ratio may grow.  Two counts of the same code by the same Python differ by less
#: than 0.1 %; another Python of the same minor version was built by another compiler; times of a
#: busy machine differ by a fifth even as the least of many.  A mended bug may cost a little.
SAME, OTHER, TIMES = 0.05, 0.10, 0.35
#: The piece that is made dearer to see whether it is noticed, and how.
PLANTED = "scan"
SLOWER = """
import sipfront.sip.message as module
once = module.scan
module.scan = lambda data: (once(data), once(data))[1]
"""


@dataclass(frozen=True)
class Verdict:
    """One piece, then and now."""

    build: str
    piece: str
    then: float
    now: float
    band: float

    @property
    def growth(self) -> float:
        """By what share it has grown; negative: it became cheaper."""
        return self.now / self.then - 1 if self.then else 0.0

    @property
    def bad(self) -> bool:
        """Whether that is more than noise."""
        return self.growth > self.band

    def __str__(self) -> str:
        word = "DEARER" if self.bad else "cheaper" if self.growth < -self.band else "as before"
        return (
            f"{self.build}, {self.piece}: {self.then:.3f} -> {self.now:.3f} reference loops "
            f"({100 * self.growth:+.1f} %, band {100 * self.band:.0f} %): {word}"
        )


def measured(
    progress: Callable[[str], None],
    *,
    count: bool,
    chosen: Iterable[Build] = (),
    names: Iterable[str] | None = None,
) -> dict[str, dict[str, float]]:
    """Build to piece to ratio, in instructions or in the least time of many samples."""
    found = {}
    for build in chosen or builds():
        progress(f"{build.name}: {'instructions' if count else 'times'}")
        if count:
            costs = messages.counted(build, progress, names)
        else:
            costs = {name: min(values) for name, values in messages.timed(build).items()}
        base = costs.pop(pieces.REFERENCE)
        found[build.name] = {name: round(cost / base, 4) for name, cost in costs.items()}
    return found


def judge(
    baseline: dict[str, Any], found: dict[str, dict[str, float]], *, count: bool
) -> list[Verdict]:
    """Compare; what the baseline does not know is not judged."""
    kind = "instructions" if count else "times"
    same = baseline.get("python") == platform.python_version()
    band = TIMES if not count else SAME if same else OTHER
    return [
        Verdict(build, piece, then, found[build][piece], band)
        for build, costs in baseline.get(kind, {}).items()
        for piece, then in costs.items()
        if piece in found.get(build, {})
    ]


def load() -> dict[str, Any]:
    """The committed baseline; empty when there is none."""
    return dict(json.loads(BASELINE.read_text())) if BASELINE.exists() else {}


def update(progress: Callable[[str], None]) -> None:
    """Measure and write a new baseline; builds that are not there keep their figures."""
    made = load()
    made["python"] = platform.python_version()
    made["about"] = "costs as ratios to the reference loop of bench/pieces.py; see bench/guard.py"
    for kind, count in (("instructions", True), ("times", False)):
        made.setdefault(kind, {}).update(measured(progress, count=count))
    BASELINE.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def planted(
    progress: Callable[[str], None], found: dict[str, dict[str, float]], *, count: bool
) -> Verdict:
    """The verdict on a build that scans each message twice, after ``found``; it must be bad."""
    with tempfile.TemporaryDirectory(prefix="sipfront-guard-") as name:
        Path(name, "sitecustomize.py").write_text(SLOWER)
        slow = Build("planted", (Path(name), ROOT))
        now = measured(progress, count=count, chosen=(slow,), names=(PLANTED,))
    then = found[INTERPRETED.name][PLANTED]
    return Verdict(slow.name, PLANTED, then, now[slow.name][PLANTED], OTHER if count else TIMES)


def run(progress: Callable[[str], None], *, plant: bool = False) -> tuple[list[Verdict], list[str]]:
    """The verdicts, and remarks about what could not be judged.

    With ``plant`` the last verdict is on a front that was made slower, and has to be bad.
    """
    baseline = load()
    count = shutil.which("valgrind") is not None
    remarks = [] if count else ["valgrind is not installed: times are compared, with a wide band"]
    minor = baseline.get("python", "").rpartition(".")[0]
    if not baseline:
        remarks = ["there is no baseline yet: python -m bench guard --update"]
    elif minor != platform.python_version().rpartition(".")[0]:
        text = f"the baseline is of Python {baseline['python']}, this is another: nothing judged"
        baseline, remarks = {}, [text]
    if not baseline and not plant:
        return [], remarks
    found = measured(progress, count=count)
    verdicts = judge(baseline, found, count=count)
    if plant:
        verdicts.append(planted(progress, found, count=count))
    return verdicts, remarks
