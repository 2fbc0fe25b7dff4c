"""What the front is to reach, and whether it did: one table of all promises about speed.

Values and text; measures nothing.  :mod:`bench.whole` makes the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.figures import Figure, Figures, columns, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.report import Report

OURS, PURE = "sipfront, compiled", "sipfront, interpreted"
PLAIN, TOPOH, BLIND = "Kamailio 6.1, plain", "Kamailio 6.1, topoh", "blind relay, C"
PROMISED = 3000.0
CALL, REFRESH, OPTIONS = "call", "refresh REGISTER", "OPTIONS"
KEPT, SHORT, MISSING = "kept", "FALLS SHORT", "not measured"


@dataclass
class Found:
    """Everything that one run measured: figures by the name of its part, and fault runs."""

    parts: dict[str, Figures] = field(default_factory=dict)
    faults: list[Report] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)  #: part: why it is not there

    def figure(self, part: str, group: str, name: str, unit: str | None = None) -> Figure | None:
        """A figure of a part, None where it is not; ``name`` may be the beginning of it."""
        if part not in self.parts:
            return None
        for one in self.parts[part].figures:
            if one.group.startswith(group) and one.name.startswith(name):
                if unit in (None, one.unit):
                    return one
        return None


@dataclass(frozen=True)
class Value:
    """A measured value, how many samples it comes from, and what is worth to know beside it."""

    value: float
    count: int = 1
    spread: float = 0.0
    beside: str = ""


@dataclass(frozen=True)
class Goal:
    """One promise."""

    what: str
    unit: str
    of: Callable[[Found], Value | None]
    most: float | None = None
    least: float | None = None
    wish: str = ""  #: what we want beyond it

    @property
    def target(self) -> str:
        """In words."""
        if self.most is None and self.least is None:
            return "-"
        bound = (
            f"<= {number(self.most)}" if self.most is not None else f">= {number(self.least or 0)}"
        )
        return bound + (f" ({self.wish})" if self.wish else "")

    def verdict(self, value: Value | None) -> str:
        """Whether it was kept."""
        if value is None:
            return MISSING
        if self.most is None and self.least is None:
            return ""
        good = (
            value.value <= self.most if self.most is not None else value.value >= (self.least or 0)
        )
        return KEPT if good else SHORT


def ratio(part: str, group: str, name: str, base: str) -> Callable[[Found], Value | None]:
    """One median divided by another one of the same runs."""

    def of(found: Found) -> Value | None:
        mine, its = found.figure(part, group, name), found.figure(part, group, base)
        if mine is None or its is None or not its.median:
            return None
        beside = f"{number(mine.median)} / {number(its.median)} {mine.unit}"
        if unclean := [one.name for one in (mine, its) if one.notes.get("unclean")]:
            beside += f"; unclean: {', '.join(unclean)}"
        count = min(len(mine.values), len(its.values))
        return Value(mine.median / its.median, count, max(mine.spread, its.spread), beside)

    return of


def plain(
    part: str, group: str, name: str, *, worst: bool = False, base: str = ""
) -> Callable[[Found], Value | None]:
    """A median, or the greatest sample; ``base``: who is shown beside it."""

    def of(found: Found) -> Value | None:
        mine = found.figure(part, group, name)
        if mine is None:
            return None
        other = found.figure(part, group, base) if base else None
        beside = f"{base}: {number(other.median)}" if other is not None else ""
        if "ended" in mine.notes:
            beside = str(mine.notes["ended"])
        value = max(mine.values) if worst else mine.median
        return Value(value, len(mine.values), mine.spread, beside)

    return of


def noted(part: str, group: str, name: str, *keys: str) -> Callable[[Found], Value | None]:
    """A count beside a figure; the further ones are shown beside it."""

    def of(found: Found) -> Value | None:
        mine = found.figure(part, group, name)
        if mine is None:
            return None
        others = [f"{key.replace('_', ' ')} {mine.notes.get(key, '-')}" for key in keys[1:]]
        others.append(f"reached {number(mine.median)} calls/s")
        return Value(float(mine.notes[keys[0]]), len(mine.values), 0.0, ", ".join(others))

    return of


def failed(fault: str) -> Callable[[Found], Value | None]:
    """New calls that failed in a fault run, with Kamailio's beside."""

    def of(found: Found) -> Value | None:
        ours = [one for one in found.faults if one.fault == fault and one.what == "sipfront"]
        if not ours:
            return None
        theirs = [one for one in found.faults if one.fault == fault and one.what != "sipfront"]
        delays = [f"longest delay {1000 * max(one.extra, default=0):.0f} ms" for one in ours[:1]]
        delays += [
            f"{one.what}: {one.failed} of {one.made}, {1000 * max(one.extra, default=0):.0f} ms"
            for one in theirs[:1]
        ]
        return Value(sum(one.failed for one in ours), len(ours), 0.0, "; ".join(delays))

    return of


def laden(beginning: str) -> str:
    """The name of the full front among the figures of that part."""
    return f"{OURS}, {beginning}"


FULL, EMPTY = laden("100,000"), laden("empty")
DELAY = "added delay of a message, "
FAULTS = ("kill", "freeze", "blackhole", "storm", "flap", "slow")


def held(what: str, size: str) -> Callable[[Found], Value | None]:
    """Octets of one binding or call, from the engine that was slowly filled."""

    def of(found: Found) -> Value | None:
        part = found.parts.get("scale")
        for one in part.figures if part else []:
            if one.group == f"memory of one {what}" and size in one.name and "compiled" in one.name:
                return Value(one.median, len(one.values), one.spread, one.name)
        return None

    return of


def goals(sdp: int) -> list[Goal]:
    """All promises.  ``sdp``: octets of SDP that a held call has."""
    made = [
        Goal(
            "CPU of a call: compiled / Kamailio 6.1",
            "",
            ratio("calls", CALL, OURS, PLAIN),
            0.6,
            wish="0.5",
        ),
        Goal(
            "CPU of a call: compiled / Kamailio 6.1 with topoh",
            "",
            ratio("calls", CALL, OURS, TOPOH),
            0.35,
        ),
        Goal(
            "CPU of a call: compiled / blind relay in C",
            "",
            ratio("calls", CALL, OURS, BLIND),
            wish="2",
        ),
        Goal(
            "CPU of a call: interpreted / Kamailio 6.1", "", ratio("calls", CALL, PURE, PLAIN), 1.2
        ),
        Goal(
            "CPU of a refresh REGISTER: compiled / save()",
            "",
            ratio("registers", REFRESH, OURS, PLAIN),
            1.0,
        ),
        Goal(
            "CPU of OPTIONS: compiled / sl_send_reply()",
            "",
            ratio("registers", OPTIONS, OURS, PLAIN),
            1.0,
        ),
        Goal(
            f"{PROMISED:,.0f} calls/s: reached",
            "calls/s",
            plain("rates", f"{PROMISED:.0f} calls/s", OURS, base=BLIND),
            least=0.97 * PROMISED,
        ),
        Goal(
            f"{PROMISED:,.0f} calls/s: calls that failed",
            "",
            noted("rates", f"{PROMISED:.0f} calls/s", OURS, "failed", "sent_again", "core"),
            0,
        ),
        Goal(
            f"{PROMISED:,.0f} calls/s: datagrams dropped",
            "",
            noted("rates", f"{PROMISED:.0f} calls/s", OURS, "dropped_anywhere", "dropped_at_it"),
            0,
        ),
        Goal("highest rate without loss", "calls/s", plain("rates", "highest", OURS), least=3000),
        Goal(
            "full: delay of a message, p50", "ms", plain("laden", DELAY + "p50", FULL, base=BLIND)
        ),
        Goal(
            "full: delay of a message, p99",
            "ms",
            plain("laden", DELAY + "p99", FULL, base=BLIND),
            2.0,
        ),
        Goal(
            "full: delay of a message, p99.9",
            "ms",
            plain("laden", DELAY + "p99.9", FULL, base=BLIND),
        ),
        Goal(
            "full: longest stall",
            "ms",
            plain("laden", DELAY + "longest", FULL, worst=True, base=BLIND),
            20.0,
        ),
        Goal("memory of a binding", "octets", held("binding", "100,000 bindings"), 1500),
        Goal(
            "memory of a call up",
            "octets",
            held("call", "10,000 calls"),
            5000 + sdp,
            wish=f"of it SDP {sdp}",
        ),
        Goal("CPU of a call: full / empty", "", ratio("laden", CALL, FULL, EMPTY), 1.15),
    ]
    made += [Goal(f"{fault}: new calls that failed", "", failed(fault), 0) for fault in FAULTS]
    return made


HEAD = ("promise", "measured", "target", "verdict", "n", "+-", "beside it")


def rows(found: Found, sdp: int) -> list[list[str]]:
    """The cells, the head first."""
    made = [list(HEAD)]
    for goal in goals(sdp):
        value = goal.of(found)
        made.append([goal.what, *cells(goal, value)])
    return made


def cells(goal: Goal, value: Value | None) -> list[str]:
    """What stands beside a promise."""
    if value is None:
        return ["-", goal.target, goal.verdict(value), "", "", ""]
    shown = f"{number(value.value)} {goal.unit}".strip()
    spread = f"{100 * value.spread:.0f} %" if value.spread else ""
    return [shown, goal.target, goal.verdict(value), str(value.count), spread, value.beside]


def lines(found: Found, sdp: int) -> list[str]:
    """The table, with what is missing and why."""
    made = rows(found, sdp)
    table = zip(columns([row[:-1] for row in made]), made, strict=True)
    return [f"{text}  {row[-1]}".rstrip() for text, row in table] + [
        f"note: {name}: {why}" for name, why in found.missing.items()
    ]


def as_json(found: Found, sdp: int) -> list[dict[str, Any]]:
    """The same for machines."""
    made = []
    for goal in goals(sdp):
        value = goal.of(found)
        made.append(
            {
                "what": goal.what,
                "unit": goal.unit,
                "target": goal.target,
                "verdict": goal.verdict(value),
                **({} if value is None else vars(value)),
            }
        )
    return made


def draw(found: Found, sdp: int, about: Sequence[str], file: Path) -> bool:
    """A bar for each promise that has a bound: measured divided by it; False without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    bars = []
    for goal in goals(sdp):
        value = goal.of(found)
        bound = goal.most if goal.most is not None else goal.least
        if value is not None and bound:
            share = value.value / bound if goal.most is not None else bound / max(value.value, 1e-9)
            text = f"{number(value.value)} {goal.unit} ({goal.target}), n {value.count}"
            text += f" +- {100 * value.spread:.0f} %" if value.spread else ""
            bars.append((goal.what, share, share * value.spread, text))
    if not bars:
        return False
    figure, axis = plt.subplots(figsize=(10, 0.42 * len(bars) + 1.6))
    names, shares, errors, texts = zip(*bars[::-1], strict=True)
    colours = ["tab:green" if share <= 1 else "tab:orange" for share in shares]
    drawn = axis.barh(names, [min(share, 6.0) for share in shares], xerr=errors, color=colours)
    axis.bar_label(drawn, [f" {text}" for text in texts], fontsize=7)
    axis.axvline(1.0, color="black", linewidth=1)
    axis.set_xlim(0, max(2.5, min(6.0, max(shares)) * 1.6))
    axis.set_xlabel("share of what is allowed (medians; left of the line: kept)", fontsize=8)
    axis.tick_params(labelsize=8)
    figure.text(0.01, 0.01, "; ".join(about), fontsize=5, wrap=True)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return True
