"""``python -m sipfront.demo.leash COMMAND...``: runs a command that the kernel kills with its parent.

A child that is stopped cannot see that its parent has died, and would stay for ever (Linux only;
elsewhere the command just runs).  Imports nothing of sipfront, to start quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:  # else it died before it was asked for
        os.execvp(sys.argv[1], sys.argv[1:])
