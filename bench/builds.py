"""The builds of the front that can be measured: the sources as they are, and compiled ones.

``make compiled`` leaves the compiled build in ``build/compiled``; it is measured when it is there
and no source is newer than it.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILED = ROOT / "build/compiled"
_WHICH = "import sipfront, sipfront.stack.front as f; print(sipfront.__version__, f.__file__)"


@dataclass(frozen=True)
class Build:
    """One build: its name, and where Python finds it."""

    name: str
    path: tuple[Path, ...]

    def environment(self) -> dict[str, str]:
        """The environment in which ``python -m sipfront`` is this build."""
        # The current folder would go first otherwise, and an installed copy would be found there.
        return {"PYTHONPATH": ":".join(map(str, self.path)), "PYTHONSAFEPATH": "1"}

    def version(self) -> str:
        """Its version and the revision that it was made from."""
        done = subprocess.run(
            [sys.executable, "-c", _WHICH],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return f"{done.stdout.partition(' ')[0]} {revision()}".strip()


def revision() -> str:
    """The revision of the checkout; empty outside of one."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


INTERPRETED = Build("interpreted", (ROOT,))


def builds() -> list[Build]:
    """All builds that are there."""
    made = [INTERPRETED]
    if any(COMPILED.glob("sipfront/**/*.so")):
        made.append(Build("compiled", (COMPILED, ROOT)))
    return made


def stale() -> list[str]:
    """Sources that are newer than the compiled build."""
    stamps = [path.stat().st_mtime for path in COMPILED.glob("sipfront/**/*.so")]
    if not stamps:
        return []
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "sipfront").rglob("*.p[yx]*")
        if path.suffix in (".py", ".pxd") and path.stat().st_mtime > min(stamps)
    )
