"""The parts of the picture: who is active and why, the nodes, numbers, and what happened.

What comes from the admin side is shown as it is, but for control octets, which move no cursor.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import RenderableType

STYLES = {"UP": "green", "SUSPECT": "yellow", "OVERLOADED": "yellow", "DOWN": "bold red"}
WORDS = {"good": "green", "bad": "bold red", "unknown": "dim"}
#: Events that a reader looks for, and those that ought not to be.
LOUD = {"failover", "switch-over", "drain", "fail-back", "start"}
BAD = {"kept", "alarm", "hook", "store_degraded", "health_degraded"}


class Line(NamedTuple):
    """One line of the timeline: wall clock, style, text."""

    at: float
    style: str
    text: str


def said(value: Any) -> str:
    """A value as one line."""
    return "".join(char if char.isprintable() else "?" for char in str(value))


def head(status: Mapping[str, Any], title: str, *, one_line: bool = False) -> RenderableType:
    """Who is active, whether a dead node would be survived, and why it is so."""
    if not status:
        return Panel(Text("the front does not answer", style="bold red"), title="sipfront")
    redundant = bool(status.get("redundant"))
    text = Text(no_wrap=one_line, overflow="ellipsis")
    text.append(f"{said(status.get('active'))} is active", style="bold")
    text.append(f", epoch {said(status.get('epoch'))}   ")
    text.append("redundant: ")
    text.append(said(status.get("why")), style="green" if redundant else "bold red")
    text.append(f"\n{said(status.get('last_move') or status.get('decision'))}", style="dim")
    return Panel(text, title=title, title_align="left")


#: A column of the table of nodes: its head, and what it says of a node.
Column = tuple[str, "Callable[[Mapping[str, Any]], RenderableType]"]


def _role(node: Mapping[str, Any]) -> RenderableType:
    role = said(node.get("role"))
    return Text(role, style="bold" if role == "active" else "")


def _state(node: Mapping[str, Any]) -> RenderableType:
    state = said(node.get("state"))
    return Text(state, style=STYLES.get(state, ""))


def _heard(node: Mapping[str, Any]) -> RenderableType:
    heard = node.get("heard")
    return "never" if heard is None else f"{heard:.1f} s ago"


def verdicts(node: Mapping[str, Any]) -> RenderableType:
    """What deeper questions are answered, each in its colour."""
    text = Text()
    for question, word in (node.get("verdicts") or {}).items():
        if question != "takeover":
            text.append(f"{said(question)} ", style=WORDS.get(str(word), ""))
    return text


NAME: Column = ("node", lambda node: said(node.get("name")))
ROLE: Column = ("role", _role)
STATE: Column = ("state", _state)
STANDING: Column = ("may start", lambda node: said(node.get("standing")))
MODE: Column = ("mode", lambda node: said(node.get("mode")))
VERDICTS: Column = ("can", verdicts)
HEARD: Column = ("heard", _heard)
WHY: Column = ("why", lambda node: said(node.get("why")))


def nodes(status: Mapping[str, Any], columns: Sequence[Column]) -> RenderableType:
    """The nodes, one a row; ``why`` takes what room is left."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), pad_edge=False)
    for name, _ in columns:
        table.add_column(name, ratio=3 if name == "why" else None, no_wrap=name != "why")
    for node in status.get("nodes", ()):
        table.add_row(*(cell(node) for _, cell in columns))
    return table


def lines(events: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Events as lines of the timeline."""
    told = []
    for event in events:
        kind = said(event.get("event"))
        style = "bold yellow" if kind in LOUD else "red" if kind in BAD else ""
        told.append(Line(float(event["at"]), style, f"{kind}: {said(event.get('text'))}"))
    return told


def timeline(story: Iterable[Line], height: int) -> RenderableType:
    """The newest lines, in the order of their times."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for at, style, line in sorted(story)[-(height - 2) :]:
        text.append(clock(at) + "  ", style="dim")
        text.append(line + "\n", style=style)
    return Panel(text, title="what happened", title_align="left", height=height)


def clock(at: float) -> str:
    """A time of day, to the millisecond."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"


#: Counters of the engine whose rate says how the pair is doing.
_RATES = ("hedged", "moved", "parked", "dialogs ended for a node")


def numbers(
    status: Mapping[str, Any], before: Mapping[str, Any] | None, seconds: float
) -> RenderableType:
    """How much there is of everything, and how fast things happened in the last ``seconds``."""
    gauges = status.get("gauges") or {}
    text = Text()
    text.append(f"{status.get('calls', 0)} calls", style="bold")
    text.append(f", {status.get('bindings', 0)} phones")
    for name in ("dialogs", "parked", "connections"):
        if name in gauges:
            style = "bold yellow" if name == "parked" and gauges[name] else ""
            text.append(f", {gauges[name]} {name}", style=style)
    if before is not None and seconds > 0:
        text.append("\nanswered calls/s: ")
        rates = _rates(status.get("answers"), before.get("answers"), seconds)
        shown = [f"{word} {rate:.1f}" for word, rate in rates.items() if rate]
        text.append("  ".join(shown) or "none", style="cyan")
        counted = _rates(status.get("counters"), before.get("counters"), seconds)
        moved = [f"{name} {counted[name]:.1f}/s" for name in _RATES if counted.get(name)]
        if moved:
            text.append("   " + "  ".join(moved), style="yellow")
    return Panel(text, title="now", title_align="left")


def _rates(now: Any, before: Any, seconds: float) -> dict[str, float]:
    was = before or {}
    return {
        said(name): max(0.0, (count - was.get(name, 0)) / seconds)
        for name, count in (now or {}).items()
    }
