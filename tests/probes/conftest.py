"""The real SIPp, or a skip that says what to install (in CI: a failure)."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def sipp() -> str:
    found = shutil.which("sipp")
    if found is None:
        pytest.skip("SIPp is not installed; on Debian: apt-get install sip-tester")
    return found
