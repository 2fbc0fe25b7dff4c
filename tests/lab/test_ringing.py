"""The active PBX dies while 50 calls ring: they are answered by those who were called.

The crowd is SIPp (50 real phones are too many for the machine of a CI), and with it two calls
between real phones, PJSIP and baresip, whose sound is listened to afterwards.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import ringing, spaces
from tests.lab.faulting import FULL

CASES = [("kill", False), ("freeze", False), ("kill", True)]
if FULL:
    CASES.append(("freeze", True))


@pytest.mark.parametrize(("fault", "one_dialog"), CASES)
def test_fifty_ringing_calls(lab: Path, fault: str, one_dialog: bool) -> None:
    found = spaces.run(ringing.run(fault, one_dialog=one_dialog))
    print("\n" + "\n".join(found.lines()))
    assert found.good
