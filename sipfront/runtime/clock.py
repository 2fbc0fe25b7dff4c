"""The one place that reads a clock.

Everything that decides is given ``now``: seconds of the monotonic clock, which never jumps.  The
wall clock is for the log and for what people read, and for nothing else.
"""

from __future__ import annotations

import time

#: seconds of the monotonic clock
now = time.monotonic
#: seconds since 1970, for logs
wall = time.time
