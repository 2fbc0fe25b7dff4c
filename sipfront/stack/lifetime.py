"""How long a dialog lives by its own terms, and what becomes of those that nobody ended.

A BYE can be lost for good, a phone can vanish with its subscription.  Both ends forget such a
dialog after some time (RFC 4028 section 10, RFC 6665 4.1.2.3), and so must the front, or its tables
fill and a node that drains never comes to an end.  A look at some of the dialogs each second;
nothing is sent, because nobody is there who would hear it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.sip.headers import EXPIRES, SUBSCRIPTION_STATE
from sipfront.stack.timers import UNTIL, Sleeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sipfront.sip.message import Message
    from sipfront.stack.dialog import Leg
    from sipfront.stack.shared import Shared
    from sipfront.stack.timers import Timers

#: After its own end a dialog is kept for so long: the refresh may be under way (64 * T1), and the
#: ends' clocks differ a little.
GRACE = 60.0
#: Between two looks, and how many dialogs are looked at: 200,000 within 100 s, 0.5 ms a look.
LOOK = 1.0
SLICE = 2_000
#: What a SUBSCRIBE without Expires asks for, where its package says nothing else.
SUBSCRIBED = 3600


def learn(leg: Leg, request: Message, message: Message, now: float) -> None:
    """``message`` answers ``request`` in a dialog: somebody is there, and may have said till when."""
    leg.seen = now
    if message.status >= 300:
        return
    session = leg.session
    if session is not None:
        leg.until = session.ends()
    elif request.method == b"SUBSCRIBE" and message.status >= 200:
        value = message.value(EXPIRES) or request.value(EXPIRES)
        leg.until = now + _seconds(value, SUBSCRIBED)
    elif request.method == b"NOTIFY":
        state = (request.value(SUBSCRIPTION_STATE) or b"").lower().replace(b" ", b"")
        _, found, rest = state.partition(b";expires=")
        if found:
            leg.until = now + _seconds(rest.partition(b";")[0], SUBSCRIBED)


def _seconds(value: bytes | None, default: int) -> int:
    if value is None or not value.isdigit() or len(value) > 10:
        return default
    return int(value)


class Sweep(Sleeper):
    """Forgets what is long over."""

    def __init__(self, shared: Shared, timers: Timers, forget: Callable[[Leg], None]) -> None:
        self._shared = shared
        self._timers = timers
        self._forget = forget
        self._round: Iterator[Leg] | None = None
        self.resend_at = 0.0
        self.until = 0.0

    def wake(self, now: float) -> None:
        """There are dialogs: look at them, beginning in a second."""
        if not self.until:
            self._timers.start(self, UNTIL, LOOK, now)

    def fired(self, now: float) -> None:
        """The next slice."""
        if self._round is None:
            self._round = iter(self._shared.legs)
        for _ in range(SLICE):
            leg = next(self._round, None)
            if leg is None:
                self._round = None
                break
            if self._over(leg, now):
                self._shared.count("dialogs swept")
                record = self._shared.records.of(leg)
                self._shared.note(now, "dialog swept", leg.call_id, "nobody ended it", record)
                self._forget(leg)
        if len(self._shared.legs):
            self._timers.start(self, UNTIL, LOOK, now)

    def _over(self, leg: Leg, now: float) -> bool:
        if leg.until and now > leg.until + GRACE:
            return True
        if not leg.seen:
            leg.seen = now  # known again after a restart, or never answered
        return now > leg.seen + self._shared.settings.limits.dialog_age
