"""``sipfront top``: the pair, full-screen, as it is now and as it came to be so."""

from __future__ import annotations

import contextlib
import json
import select
import sys
import time
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed
from sipfront.cli.remote import FINE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

#: Seconds between two pictures.
PICTURE = 1.0
#: Lines of the picture without the timeline, and the least that that needs.
OTHERS, LEAST = 18, 6
#: Events that are asked for: more than any terminal has lines.
EVENTS = 100
ABOUT = """\
A full-screen view of the running front: who is active and why, each node with its verdicts, calls,
phones, rates, and the newest events. q ends it. Without a terminal one picture is printed.
"""


def add(verb: argparse.ArgumentParser) -> None:
    """The options."""
    verb.add_argument("--every", type=float, default=PICTURE, help="seconds between two pictures")
    verb.add_argument("--once", action="store_true", help="print one picture and end")


def run(args: argparse.Namespace) -> int:
    """``sipfront top``."""
    top = Top(Client(args))
    if args.json:
        top.look()
        print(json.dumps({"status": top.status, "events": top.events}, indent=2))
        return FINE
    from rich.console import Console

    console = Console()
    if args.once or not (sys.stdin.isatty() and console.is_terminal):
        top.look()
        console.print(top.picture(console.height))
        return FINE
    top.live(console, max(0.1, args.every))
    return FINE


class Top:
    """What was seen last, and a picture of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.status: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self._before: dict[str, Any] | None = None
        self._at = 0.0
        self._seconds = 0.0

    def look(self) -> None:
        """Ask the front; raises Failed when it does not answer."""
        status = self._client.get("/api/v1/status")
        events = self._client.get(f"/api/v1/events?limit={EVENTS}").get("events", [])
        now = time.monotonic()
        same = self.status.get("instance") == status.get("instance")
        self._before = self.status if self.status and same else None
        self._seconds, self._at = now - self._at, now
        self.status = status
        self.events = [event for event in events if isinstance(event, dict)]

    def picture(self, height: int) -> RenderableType:
        """Everything that was seen."""
        from rich.console import Group
        from rich.text import Text

        from sipfront.screen import panels as p

        columns = (p.NAME, p.ROLE, p.STATE, p.MODE, p.STANDING, p.VERDICTS, p.HEARD, p.WHY)
        uptime = self.status.get("uptime")
        title = "sipfront" + (f", up {uptime:.0f} s" if isinstance(uptime, int | float) else "")
        return Group(
            p.head(self.status, title),
            p.nodes(self.status, columns),
            p.numbers(self.status, self._before, self._seconds),
            p.timeline(p.lines(self.events), max(LEAST, height - OTHERS)),
            Text.assemble(("q", "bold reverse"), " quit"),
        )

    def live(self, console: Console, every: float) -> None:
        """Until ``q`` or Ctrl-C.  A front that does not answer is shown as that."""
        from rich.live import Live

        from sipfront.screen.keyboard import keyboard

        with (
            keyboard() as descriptor,
            contextlib.suppress(KeyboardInterrupt),
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            for _ in self._rounds(descriptor, every):
                try:
                    self.look()
                except Failed:
                    self.status = {}
                live.update(self.picture(console.height), refresh=True)

    @staticmethod
    def _rounds(descriptor: int, every: float) -> Iterator[None]:
        while True:
            yield
            if select.select([descriptor], [], [], every)[0] and "q" in sys.stdin.read(1):
                return
