"""The driver: carries values between sockets, the engine and control, and keeps the one timer.

After every batch of datagrams (one turn of the loop) the engine's outbox is emptied into the
sockets, its notices go to control, control's actions go back, until nothing is left to do.  It
decides nothing.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from sipfront.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sipfront.runtime.ports import EnginePort, Handle
    from sipfront.runtime.tape import Tape
    from sipfront.stack.flows import Flow
    from sipfront.stack.notices import Notice

log = logging.getLogger("sipfront.loop")

#: Rounds of "send, tell, act" in one turn before other work of the loop is let in.  Three are
#: usual (a message, its notice, the probe that follows); more would be a circle of our own.
ROUNDS = 12
#: The shortest timer; uvloop's clock has steps of 1 ms and lags behind by up to one turn.
TICK = 0.001
#: Bugs of ours on the data path that are logged with a traceback; the rest are only counted.
TRACEBACKS = 100


class Supervisor(Protocol):
    """What decides beside the engine: control's shell (:mod:`sipfront.runtime.supervisor`)."""

    def tell(self, notices: list[Notice]) -> None:
        """The engine's news."""

    def next_deadline(self) -> float | None:
        """When :meth:`expire` wants to be called."""

    def expire(self, now: float) -> None:
        """Time has passed."""

    def act(self, now: float) -> bool:
        """Carry out what was decided; false if there was nothing."""


class Datagrams(Protocol):
    """A socket that sends by unconnected flows."""

    def send_to(self, data: bytes, flow: Flow) -> None:
        """Send one datagram."""


class Driver:
    """Drives one engine.  Everything runs on the loop; no method blocks or raises."""

    def __init__(
        self,
        engine: EnginePort,
        supervisor: Supervisor | None = None,
        *,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self.engine = engine
        #: remembers what passes
        self.tape: Tape | None = None
        self.supervisor = supervisor
        self.counters: dict[str, int] = {}
        #: by the index of the listener
        self.datagrams: Mapping[int, Datagrams] = {}
        #: makes the connection of a stream flow that has none
        self.dial: Callable[[Flow], Handle | None] | None = None
        #: called whenever something may be sent, before it is
        self.before: Callable[[], None] | None = None
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._closed = False
        self._bugs = 0

    # ------------------------------------------------------------------ what comes in

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole SIP message came in by ``flow``."""
        now = self._now()
        if self.tape is not None:
            self.tape.add((now, flow, data, False))
        try:
            self.engine.receive(data, flow, now)
        except Exception as error:  # noqa: BLE001 - counted, and shown, in _bug
            self._bug("receive", error)
        if not self._scheduled:
            self._schedule()

    def lost(self, flow: Flow, why: str) -> None:
        """``flow`` failed."""
        try:
            self.engine.lost(flow, self._now(), why)
        except Exception as error:  # noqa: BLE001 - counted, and shown, in _bug
            self._bug("lost", error)
        self.wake()

    def count(self, name: str, by: int = 1) -> None:
        """Count something of the shell's own."""
        self.counters[name] = self.counters.get(name, 0) + by

    def wake(self) -> None:
        """Something was pushed into the engine or into control: carry on at the end of this turn."""
        if not self._scheduled:
            self._schedule()

    def close(self) -> None:
        """Stop the timer; nothing is carried any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------ carrying

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Carry everything that waits, then set the timer."""
        self._scheduled = False
        if self._closed:
            return
        try:
            if not self._carry():
                self.wake()
        except Exception as error:  # noqa: BLE001 - counted, and shown, in _bug
            self._bug("flush", error)
        self._arm()

    def _carry(self) -> bool:
        """False if something is left after ROUNDS."""
        engine = self.engine
        supervisor = self.supervisor
        for _ in range(ROUNDS):
            if self.before is not None:
                self.before()
            out = engine.take()
            now = self._now()
            if out:
                if self.tape is not None:
                    self.tape.add_all([(now, flow, data, True) for flow, data in out])
                for flow, data in out:
                    self._send(flow, data)
            notices = engine.notices()
            if supervisor is None:
                return True
            if notices:
                supervisor.tell(notices)
            # What a send or a notice brings about comes by wake(); only actions give more to send.
            if not supervisor.act(now):
                return True
        self.count("loop.rounds")
        return False

    def _send(self, flow: Flow, data: bytes) -> None:
        handle: Handle | None = flow.handle  # type: ignore[assignment]  # only we set it
        if handle is not None:
            handle.send(data)
        elif not flow.reliable:
            self.datagrams[flow.listener.index].send_to(data, flow)
        elif flow.open and self.dial is not None:
            handle = self.dial(flow)
            if handle is not None:
                handle.send(data)
        else:
            self.count("stream.gone")

    # ------------------------------------------------------------------ the timer

    def _arm(self) -> None:
        """Keep one timer, at the earliest deadline or before it."""
        deadline = self.engine.next_deadline()
        if self.supervisor is not None:
            other = self.supervisor.next_deadline()
            if other is not None and (deadline is None or other < deadline):
                deadline = other
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer_at <= deadline:
                return  # it fires early and sets itself again; cheaper than to cancel each time
            self._timer.cancel()
        self._timer_at = deadline
        delay = deadline - self._now()
        self._timer = self._loop.call_later(max(delay, TICK), self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._now()
        try:
            self.engine.expire(now)
            if self.supervisor is not None:
                self.supervisor.expire(now)
        except Exception as error:  # noqa: BLE001 - counted, and shown, in _bug
            self._bug("expire", error)
        self.flush()

    def _bug(self, where: str, error: Exception) -> None:
        """An error of ours must not take the front down: count it, show the first ones."""
        self.count("bug." + where)
        self._bugs += 1
        if self._bugs <= TRACEBACKS:
            log.error("bug", exc_info=error, extra={"fields": {"where": where}})
