"""What a measurement showed: samples, their medians and spread, as a table, JSON and a picture.

Values and text; measures nothing.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass
class Figure:
    """One thing measured several times."""

    group: str  #: what was done, for example "call"
    name: str  #: by whom
    unit: str
    values: list[float] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)  #: counts and remarks beside it

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half of the distance from the least to the greatest, as a share of the median."""
        middle = self.median
        return (max(self.values) - min(self.values)) / 2 / middle if middle else 0.0


@dataclass
class Figures:
    """One run of one verb."""

    verb: str
    about: dict[str, str]  #: machine, versions, how it was run
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, group: str, name: str, unit: str, value: float, **notes: Any) -> None:
        """One more sample; numbers in ``notes`` are added up over the samples."""
        figure = self.find(group, name, unit)
        if figure is None:
            figure = Figure(group, name, unit)
            self.figures.append(figure)
        figure.values.append(value)
        for key, note in notes.items():
            before = figure.notes.get(key)
            figure.notes[key] = note + before if isinstance(before, int | float) else note

    def find(self, group: str, name: str, unit: str | None = None) -> Figure | None:
        """The figure of that name."""
        for figure in self.figures:
            if (figure.group, figure.name) == (group, name) and unit in (None, figure.unit):
                return figure
        return None

    def groups(self) -> list[tuple[str, str]]:
        """(group, unit) in the order of their first sample."""
        return list(dict.fromkeys((figure.group, figure.unit) for figure in self.figures))

    def of(self, group: str, unit: str) -> list[Figure]:
        """The figures of one group and unit."""
        return [one for one in self.figures if (one.group, one.unit) == (group, unit)]

    def lines(self, against: Sequence[str] = ()) -> list[str]:
        """The tables; ``against`` names figures that the others are divided by."""
        made = [f"{name}: {value}" for name, value in self.about.items()]
        for group, unit in self.groups():
            mine = self.of(group, unit)
            bases = [one for name in against for one in mine if one.name == name and one.median]
            keys = list(dict.fromkeys(key for one in mine for key in one.notes))
            head = [group, unit, "+-", "n", *(f"/ {base.name}" for base in bases), *keys]
            rows = [head]
            for one in mine:
                row = [one.name, number(one.median), f"{100 * one.spread:.0f} %"]
                row += [str(len(one.values))]
                row += [f"{one.median / base.median:.2f}" for base in bases]
                row += [shown(one.notes.get(key, "")) for key in keys]
                rows.append(row)
            made += ["", *columns(rows)]
        return made + [f"note: {remark}" for remark in self.remarks]

    def as_json(self) -> dict[str, Any]:
        """Everything, samples included."""
        return {
            "verb": self.verb,
            "about": self.about,
            "figures": [
                {
                    "group": one.group,
                    "name": one.name,
                    "unit": one.unit,
                    "median": one.median,
                    "spread": one.spread,
                    "samples": one.values,
                    **({"notes": one.notes} if one.notes else {}),
                }
                for one in self.figures
            ],
            "remarks": self.remarks,
        }

    def save(self, folder: Path, against: Sequence[str] = ()) -> list[Path]:
        """Write ``VERB.json``, ``VERB.txt`` and, where matplotlib is, ``VERB.png``."""
        folder.mkdir(parents=True, exist_ok=True)
        file, text = folder / f"{self.verb}.json", folder / f"{self.verb}.txt"
        file.write_text(json.dumps(self.as_json(), indent=1) + "\n")
        text.write_text("\n".join(self.lines(against)) + "\n")
        made = [file, text]
        picture = folder / f"{self.verb}.png"
        if draw(self, picture):
            made.append(picture)
        return made


def draw(figures: Figures, file: Path) -> bool:
    """Draw one row of bars for each group; False where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    groups = figures.groups()
    heights = [0.32 * len(figures.of(*group)) + 0.9 for group in groups]
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(9, sum(heights) + 1), height_ratios=heights, squeeze=False
    )
    for axis, (group, unit) in zip(axes[:, 0], groups, strict=True):
        mine = figures.of(group, unit)[::-1]
        middles = [one.median for one in mine]
        errors = [
            [one.median - min(one.values) for one in mine],
            [max(one.values) - one.median for one in mine],
        ]
        colours = ["tab:orange" if "sipfront" in one.name else "tab:gray" for one in mine]
        bars = axis.barh([one.name for one in mine], middles, xerr=errors, color=colours)
        axis.bar_label(bars, [f" {number(value)}" for value in middles], label_type="center")
        count = max((len(one.values) for one in mine), default=0)
        axis.set_title(f"{group}, {unit} (median, least and greatest of {count})", fontsize=9)
        axis.tick_params(labelsize=8)
    text = "; ".join(f"{name} {value}" for name, value in figures.about.items())
    figure.text(0.01, 0.004, text, fontsize=5, wrap=True)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return True


def columns(rows: list[list[str]]) -> list[str]:
    """Rows of a table with their columns under each other; numbers to the right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def number(value: float) -> str:
    """A number with about three digits."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def shown(value: Any) -> str:
    """A note."""
    return number(value) if isinstance(value, float) else str(value)
