"""``make bench``: everything that is promised about speed, in one run, as one table.

``short`` takes less than half an hour, ``full`` has all lengths and all peers.  Each part leaves
its own table, JSON and picture; :mod:`bench.goals` makes the last table of them.  A part that
cannot be run here is named with the reason.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import calls, faults, goals, laden, messages, rates, scale, side, spaces, usage
from bench.builds import builds
from bench.calls import Plan
from bench.goals import BLIND, OURS, PLAIN, PROMISED, TOPOH, Found
from bench.messages import MessagesError
from bench.spaces import NamespaceError
from bench.subjects import SubjectError
from bench.wire import WireError
from bench.world import SDP

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bench.figures import Figures

    Progress = Callable[[str], None]
    Part = Callable[[Progress], Figures]

#: Calls have an offer and an answer.
HELD_SDP = 2 * len(SDP)
#: What figures are divided by in the tables of parts.
AGAINST = (PLAIN, TOPOH, BLIND)
ERRORS = (SubjectError, MessagesError, WireError, NamespaceError, RuntimeError, OSError)


def folder() -> Path:
    """Where results are left, outside of the sources: SIPFRONT_RESULTS, else the user's cache."""
    if given := os.environ.get("SIPFRONT_RESULTS"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sipfront-bench"


def alone(made: Coroutine[None, None, Figures], verb: str) -> Figures:
    """Run it, on a loopback of its own where that is allowed."""
    found = spaces.run(made) if os.geteuid() == 0 else asyncio.run(made)
    found.verb = verb
    return found


def parts(*, full: bool) -> dict[str, Part]:
    """What is measured, one after the other."""
    few = ("sipfront", PLAIN, TOPOH, BLIND)
    over = ("call", "tcp", "tls") if full else ("call",)
    call = Plan(over, () if full else few, rounds=5)
    phones = Plan(("refresh", "options"), ("sipfront", PLAIN), seconds=3.0, spread=True)
    first = dataclasses.replace(phones, loads=("register",), spread=False)
    rate = Plan((), (OURS, PLAIN, BLIND), seconds=4.0, rounds=3 if full else 1)
    wish = rates.Wish(
        highest=True, sustain=PROMISED, lasting=60.0 if full else 20.0, first=300.0, memory=full
    )
    town = Plan((), rate=1000.0, seconds=6.0, rounds=5)
    sizes = scale.SIZES if full else ((0, 0), (100_000, 10_000))
    made: dict[str, Part] = {
        "messages": lambda p: messages.run(p, 3 if full else 1, count=full),
        "calls": lambda p: alone(calls.run(call, p), "calls"),
        "registers": lambda p: alone(calls.run(phones, p), "registers"),
    }
    if full:
        made["first"] = lambda p: alone(calls.run(first, p), "first")
    made |= {
        "laden": lambda p: alone(laden.run(town, p), "laden"),
        "rates": lambda p: alone(rates.run(rate, p, wish), "rates"),
        "scale": lambda p: scale.run(p, 3 if full else 1, sizes, () if full else builds()[-1:]),
    }
    return made


def run(progress: Progress, results: Path, *, full: bool, only: tuple[str, ...] = ()) -> int:
    """All parts and the faults; the table at the end.  1 when a promise was not kept."""
    results.mkdir(parents=True, exist_ok=True)
    found = Found()
    begun = time.monotonic()
    calls.prefer()
    for name, part in parts(full=full).items():
        if only and name not in only:
            continue
        print(f"==== {name} ({time.monotonic() - begun:.0f} s so far)", flush=True)
        try:
            figures = part(progress)
        except ERRORS as error:
            found.missing[name] = f"{type(error).__name__}: {error}"[:600]
            print(f"  not measured: {found.missing[name]}", flush=True)
            continue
        progress("")
        found.parts[name] = figures
        figures.save(results, AGAINST)
        print("\n".join(figures.lines(AGAINST)) + "\n", flush=True)
    if not only or "faults" in only:
        _faults(found, progress, full=full)
    return conclude(found, results, time.monotonic() - begun)


def _faults(found: Found, progress: Progress, *, full: bool) -> None:
    """Every fault, ours and Kamailio's."""
    print("==== faults", flush=True)
    for fault in goals.FAULTS:
        wiring = "lossy" if fault in faults.OF_THE_CABLE else "loopback"
        seconds = 60.0 if full else 14.0
        for against in ("", "kamailio"):
            plan = faults.Plan(fault, seconds=seconds, wiring=wiring, against=against)
            progress(f"{fault}: {against or 'sipfront'}")
            try:
                found.faults.append(spaces.run(faults.run(plan)))
            except ERRORS as error:
                why = f"{type(error).__name__}: {error}"[:600]
                found.missing[f"{fault}, {against or 'sipfront'}"] = why
    progress("")
    print("\n".join(side.table(found.faults)) + "\n", flush=True)


def conclude(found: Found, results: Path, took: float) -> int:
    """Print and leave the table of promises."""
    about = [f"{name} {value}" for name, value in usage.machine().items()]
    about += sorted(
        {f"{k} {v}" for part in found.parts.values() for k, v in part.about.items()} - set(about)
    )
    about.append(f"{took / 60:.0f} minutes")
    made = {
        "about": about,
        "goals": goals.as_json(found, HELD_SDP),
        "parts": {name: part.as_json() for name, part in found.parts.items()},
        "faults": side.as_json(found.faults),
        "missing": found.missing,
    }
    (results / "bench.json").write_text(json.dumps(made, indent=1) + "\n")
    table = goals.lines(found, HELD_SDP)
    (results / "bench.txt").write_text(
        "\n".join([*about, "", *table, "", *side.table(found.faults)]) + "\n"
    )
    print("\n".join(table))
    files = ["bench.json", "bench.txt"]
    if goals.draw(found, HELD_SDP, about, results / "bench.png"):
        files.append("bench.png")
    else:
        print("no picture: pip install 'sipfront[bench]'")
    print(f"{took / 60:.0f} minutes; left in {results}: {', '.join(files)}, and those of each part")
    verdicts = [goal.verdict(goal.of(found)) for goal in goals.goals(HELD_SDP)]
    return 1 if goals.SHORT in verdicts else 0
