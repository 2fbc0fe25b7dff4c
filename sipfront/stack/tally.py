"""What callers outside get: how their calls were answered, and how long they heard nothing.

Counted where every answer passes, for INVITEs from outside that begin a dialog.  A call is counted
once, by its final answer; a challenge (401, 407) is no answer to a caller.  The time is that from
the INVITE to the first answer above 100: after it the caller hears something (post-dial delay).
The INVITE that a challenge was the answer to has a time of its own.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sipfront.stack.choice import CHALLENGES
from sipfront.stack.transaction import PROCEEDING

if TYPE_CHECKING:
    from sipfront.stack.transaction import ServerTx

#: Times that are remembered: a second of the fastest front there is.
MAX_TIMES = 4096


class Tally:
    """Counts; asks nothing, decides nothing."""

    __slots__ = ("answers", "heard", "seconds", "times")

    def __init__(self) -> None:
        #: calls by the status of their final answer
        self.answers: dict[int, int] = {}
        #: calls whose caller has heard something, and the sum of their times
        self.heard = 0
        self.seconds = 0.0
        #: the newest of these times, in seconds, oldest first
        self.times: deque[float] = deque(maxlen=MAX_TIMES)

    def answering(self, server: ServerTx, status: int, now: float) -> None:
        """An answer to an INVITE is about to be sent."""
        request = server.request
        if status <= 100 or status in CHALLENGES or server.flow.node >= 0:
            return
        if request is None or request.to_tag:
            return
        # "SIP/2.0 100": what was sent before told the caller nothing.
        if (not server.sent or server.sent[8:11] == b"100") and status < 300:
            took = now - server.received_at
            self.heard += 1
            self.seconds += took
            self.times.append(took)
        if status >= 200 and server.state == PROCEEDING:
            self.answers[status] = self.answers.get(status, 0) + 1
