"""What every phone of the lab can be asked, and how its events are waited for.

A test says what it wants to see and a limit; nothing here sleeps for the world to settle.  The
stacks differ in :mod:`tests.lab.phones.pjsua` and :mod:`tests.lab.phones.baresip`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.tones import Recording

#: How long a phone may take for what should happen at once.
LIMIT = 10.0


class PhoneError(AssertionError):
    """A phone refused a command, or what was waited for did not happen."""


class Phone:
    """A phone: its events so far, and waiting for the next ones."""

    #: What it sings into its calls, in Hz.
    tone: int

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def happened(self, event: dict[str, Any]) -> None:
        """Remember an event and wake whoever waits."""
        self.events.append({"at": time.monotonic(), **event})
        self._news.set()

    async def wait(
        self,
        event: str,
        limit: float = LIMIT,
        *,
        since: int = 0,
        when: Callable[[dict[str, Any]], bool] = lambda _: True,
        **wanted: Any,
    ) -> dict[str, Any]:
        """Wait for an event with these values, from the ``since``-th event on, and return it."""
        ends = time.monotonic() + limit
        while True:
            self._news.clear()
            for seen in self.events[since:]:
                if seen["event"] != event or not when(seen):
                    continue
                if all(seen.get(key) == value for key, value in wanted.items()):
                    return seen
            left = ends - time.monotonic()
            if left <= 0:
                story = "\n  ".join(str(seen) for seen in self.events[since:])
                raise PhoneError(
                    f"{self.name}: no {event} {wanted or ''} within {limit} s; it saw\n  {story}"
                )
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                continue

    def mark(self) -> int:
        """Return a number for ``since``: only events after now."""
        return len(self.events)


class Call:
    """One call of a phone."""

    def __init__(self, phone: Phone, name: Any, file: Path, sip: str = "") -> None:
        self.phone = phone
        self.name = name
        self.sip = sip
        self.recording = Recording(file)

    async def state(self, state: str, limit: float = LIMIT) -> dict[str, Any]:
        """Wait until the call is ``EARLY``, ``CONFIRMED`` or ``DISCONNECTED`` (PJSIP's words)."""
        return await self.phone.wait("call", limit, call=self.name, state=state)

    async def confirmed(self, limit: float = LIMIT) -> Call:
        """Wait until the call is up; say why when it ends instead."""
        seen = await self.phone.wait(
            "call",
            limit,
            call=self.name,
            when=lambda e: e["state"] in ("CONFIRMED", "DISCONNECTED"),
        )
        if seen["state"] != "CONFIRMED":
            raise PhoneError(f"{self.phone.name}: the call ended: {seen}")
        return self

    async def ended(self, limit: float = LIMIT) -> dict[str, Any]:
        """Wait until the call is over; ``code`` is its last status."""
        return await self.state("DISCONNECTED", limit)

    async def hears(self, tone: int, seconds: float = 0.3, limit: float = 5.0) -> float:
        """Wait until this tone is heard, from now on."""
        return await self.recording.hears(tone, seconds, limit)
