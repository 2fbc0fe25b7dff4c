"""The demonstration on a terminal: what the front says, what the callers notice, and keys for faults.

It shows and pulls levers; it knows no more than an administrator with a status page and a power
switch would.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sipfront.demo.load import Load
from sipfront.demo.processes import ProcessError
from sipfront.runtime import clock
from sipfront.screen import panels
from sipfront.screen.keyboard import keyboard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rich.console import RenderableType

    from sipfront.demo.processes import NodeProcess
    from sipfront.demo.stage import Stage
    from sipfront.demo.station import Experience

#: Seconds between two pictures.
PICTURE = 0.25
#: Seconds of calls that the figures are about.
RECENT = 10.0
#: Lines of the timeline and of a call's diagram at most, and calls in the row of bars.
LINES, DIAGRAM, BARS = 16, 14, 60
#: Lines that everything else takes, on a large terminal and on a small one (fewer lines or columns
#: than these); what a panel needs to be worth it.
OTHERS, OTHERS_SMALL, LEAST = 20, 16, 6
SMALL = (36, 100)
#: From this width on the two stand side by side.
WIDE = 170
#: A call is interesting when setting it up took so many times as long as usual, and at least so long.
SLOWER, NOTICED = 3.0, 0.03
#: How late the slow node is, in seconds.
SLOW = 0.3
_BARS = " ▁▂▃▄▅▆▇█"
_KEYS = (
    ("k", "kill"),
    ("f", "freeze"),
    ("t", "thaw"),
    ("s", "slow"),
    ("r", "revive"),
    ("o", "switch over"),
    ("x", "kill front"),
    ("q", "quit"),
)


class View:
    """The live picture and its keys."""

    def __init__(self, stage: Stage, rate: float, console: Console | None = None) -> None:
        self.stage = stage
        self.load = Load(stage, rate)
        self.status: dict[str, Any] = {}
        self.console = console or Console()
        self._done: deque[tuple[float, str, str]] = deque(maxlen=LINES)  # wall time, style, text
        self._events: list[dict[str, Any]] = []
        self._quit = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until ``q`` or Ctrl-C."""
        self.load.start()
        loop = asyncio.get_running_loop()
        with (
            keyboard() as descriptor,
            Live(self.picture(), console=self.console, screen=True, auto_refresh=False) as live,
        ):
            loop.add_reader(descriptor, self._typed)
            try:
                while not self._quit.is_set():
                    self.status = await self.stage.status()
                    self._events = await self.stage.events() or self._events
                    live.update(self.picture(), refresh=True)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(PICTURE):
                            await self._quit.wait()
            finally:
                loop.remove_reader(descriptor)
        for node in self.stage.nodes.values():
            if node.frozen:
                node.thaw()
        await self.load.stop()

    # -- keys ----------------------------------------------------------------------------------

    def _typed(self) -> None:
        for key in sys.stdin.read(1):
            self.press(key)

    def press(self, key: str) -> None:
        """One key."""
        levers: dict[str, Callable[[], Awaitable[None]]] = {
            "k": self._kill,
            "f": self._freeze,
            "t": self._thaw,
            "s": self._slow,
            "r": self._revive,
            "o": self._switch_over,
            "x": self._kill_front,
        }
        if key in ("q", "\x03", "\x04"):
            self._quit.set()
        elif key in levers:
            task = asyncio.get_running_loop().create_task(self._pull(levers[key]))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    async def _pull(self, lever: Callable[[], Awaitable[None]]) -> None:
        try:
            await lever()
        except (ProcessError, OSError) as error:
            self._note(str(error), "red")

    def _note(self, text: str, style: str = "bold magenta") -> None:
        self._done.append((clock.wall(), style, text))

    def _active(self) -> NodeProcess | None:
        return self.stage.nodes.get(str(self.status.get("active")))

    async def _kill(self) -> None:
        node = self._active()
        if node is not None and node.alive:
            self._note(f"you killed {node.name}")
            await node.kill()

    async def _freeze(self) -> None:
        node = self._active()
        if node is not None and node.alive and not node.frozen:
            self._note(f"you froze {node.name}")
            node.freeze()

    async def _thaw(self) -> None:
        for node in self.stage.nodes.values():
            if node.frozen and node.alive:
                self._note(f"you thawed {node.name}")
                node.thaw()

    async def _slow(self) -> None:
        slow = [node for node in self.stage.nodes.values() if node.delay]
        node = slow[0] if slow else self._active()
        if node is not None and node.alive:
            node.slow(0.0 if slow else SLOW)
            self._note(f"you made {node.name} {'normal again' if slow else f'slow by {SLOW:g} s'}")

    async def _revive(self) -> None:
        for node in self.stage.nodes.values():
            if not node.alive:
                self._note(f"you revived {node.name}")
                await node.start()

    async def _switch_over(self) -> None:
        self._note("you asked for a switch-over")
        self._note(await self.stage.switch_over(), "magenta")

    async def _kill_front(self) -> None:
        self._note("you killed the front; it is started again")
        at = clock.now()
        await self.stage.front.kill()
        await self.stage.start_front()
        self._note(f"the front serves again after {clock.now() - at:.2f} s", "magenta")

    # -- the picture ---------------------------------------------------------------------------

    def picture(self) -> RenderableType:
        """Everything that is known now."""
        keys = Text(no_wrap=True, overflow="ellipsis")
        for key, what in _KEYS:
            keys.append(key, style="bold reverse")
            keys.append(f" {what}" + ("" if key == _KEYS[-1][0] else "  "))
        return Group(self._head(), self._nodes(), self._calls(), *self._below(), keys)

    def _below(self) -> list[RenderableType]:
        """The timeline and a call's diagram, as far as there is room: the keys stay in sight."""
        room = max(LEAST, self.console.height - (OTHERS_SMALL if self._small else OTHERS))
        if self.console.width >= WIDE:
            both = Table.grid(expand=True)
            both.add_column(ratio=1)
            both.add_column(ratio=1)
            height = min(room, LINES + 2)
            both.add_row(self._timeline(height), self._diagram(height))
            return [both]
        if room < 2 * LEAST + 4:
            return [self._timeline(min(room, LINES + 2))]
        below = min(DIAGRAM + 2, room // 2)
        return [self._timeline(min(room - below, LINES + 2)), self._diagram(below)]

    @property
    def _small(self) -> bool:
        """Is every line needed?"""
        return self.console.height < SMALL[0] or self.console.width < SMALL[1]

    def _diagram(self, height: int) -> RenderableType:
        """The newest call that was worth a look, message by message."""
        call = self._interesting()
        if call is None:
            return Panel("", title="a call", title_align="left", height=height)
        notes = [(at, line) for at, _, line in self._story()]
        lines = self.stage.diagram(call, notes, height - 3)
        took = "not set up" if call.setup is None else f"{1000 * call.setup:.0f} ms to set up"
        ended = f", {call.why}" if call.dropped or call.failed else ""
        title = f"a call: {call.caller} to {call.number}, {took}{ended}"
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        return Panel(text, title=title, title_align="left", height=height)

    def _interesting(self) -> Experience | None:
        """The newest call that failed, was cut off or took long; else the newest."""
        usual = statistics.median(
            [call.setup for call in self.load.calls[-200:] if call.setup is not None] or [0.0]
        )
        slow = max(NOTICED, SLOWER * usual)
        for call in reversed(self.load.calls[-200:]):
            if call.failed or call.dropped or (call.setup or 0.0) > slow:
                return call
        return self.load.calls[-1] if self.load.calls else None

    def _head(self) -> RenderableType:
        where = f"{self.stage.front_at[0]}:{self.stage.front_at[1]}"
        title = f"sipfront at {where}  ·  dashboard {self.stage.admin}"
        return panels.head(self.status, title, one_line=self._small)

    def _nodes(self) -> RenderableType:
        process = ("process", lambda node: _process(self.stage.nodes[str(node["name"])]))
        columns = [panels.NAME, panels.ROLE, panels.STATE, panels.STANDING, process, panels.HEARD]
        return panels.nodes(self.status, columns if self._small else [*columns, panels.WHY])

    def _calls(self) -> RenderableType:
        recent = self.load.begun(clock.now() - RECENT)
        took = [call.setup for call in recent if call.setup is not None]
        failed = sum(call.failed for call in self.load.calls)
        text = Text()
        text.append(f"{len(self.load.calls)} calls made, ")
        text.append(f"{failed} not set up", style="bold red" if failed else "green")
        text.append(f", {self.load.open} up now")
        dropped = sum(call.dropped for call in self.load.calls)
        text.append(f", {dropped} cut off", style="yellow" if dropped else "")
        registered = sum(phone.registered for phone in self.stage.phones)
        text.append(f"; {registered} of {len(self.stage.phones)} phones registered")
        if took:
            middle, most = 1000 * statistics.median(took), 1000 * max(took)
            text.append(
                f"\nset up in {middle:.0f} ms, at most {most:.0f} ms (last {RECENT:.0f} s)  "
            )
        text.append(self._bars(), style="cyan")
        return Panel(text, title="what the callers notice", title_align="left")

    def _bars(self) -> str:
        """Set-up time of the last calls: a full bar is half a second."""
        last = self.load.calls[-BARS:]
        top = len(_BARS) - 1
        return "".join(
            "✗" if call.setup is None else _BARS[min(top, 1 + int(call.setup / 0.5 * top))]
            for call in last
        )

    def _timeline(self, height: int) -> RenderableType:
        return panels.timeline(self._story(), height)

    def _story(self) -> list[panels.Line]:
        done = [panels.Line(*line) for line in self._done]
        return done + panels.lines(self._events[-LINES:])


def _process(process: NodeProcess) -> Text:
    if not process.alive:
        return Text("killed", style="bold red")
    if process.frozen:
        return Text("frozen", style="bold blue")
    if process.delay:
        return Text(f"slow ({process.delay:g} s)", style="yellow")
    return Text("runs", style="green")
