"""What holds for every test: nothing is skipped in CI, and the build under test is the one asked for.

``SIPFRONT_BUILD`` is ``pure`` or ``compiled`` when somebody asks for one; every hot module (one
with a ``.pxd`` beside it) must then be of that build, because a stale or a missing extension would
make the run prove nothing.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Tests that need a real peer. On a developer's machine they may be skipped, with a reason; in CI
#: a skip of one of them is a failure.
REAL = (ROOT / "tests" / "lab", ROOT / "tests" / "probes")


def hot_modules() -> list[str]:
    """The dotted names of all modules that are meant to be compiled."""
    found = sorted((ROOT / "sipfront").glob("**/*.pxd"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to test another build than the one asked for."""
    wanted = os.environ.get("SIPFRONT_BUILD")
    if wanted is None:
        return
    suffix = {"pure": (".py",), "compiled": (".so", ".pyd")}[wanted]
    for name in hot_modules():
        file = importlib.import_module(name).__file__ or ""
        if not file.endswith(suffix):
            raise pytest.UsageError(f"{name} is {file}, which is not of the {wanted} build")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip of a test with a real peer into a failure, when this is CI."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        if any(item.path.is_relative_to(folder) for folder in REAL):
            report.outcome = "failed"
            report.longrepr = f"in CI nothing with a real peer is skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself while it is collected."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        if any(collector.path.is_relative_to(folder) for folder in REAL):
            report.outcome = "failed"
            report.longrepr = f"in CI nothing with a real peer is skipped: {report.longrepr}"
    return report
