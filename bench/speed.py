"""The measurements of speed as verbs of ``python -m bench``: messages, calls, scale, guard."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import calls, guard, laden, messages, rates, scale, whole
from bench.loads import LOADS
from bench.messages import MessagesError
from bench.subjects import SubjectError
from bench.wire import WireError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bench.figures import Figures


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs to a parser's."""
    verb = verbs.add_parser("messages", help="what one message costs, interpreted and compiled")
    verb.add_argument("--rounds", type=int, default=3)
    verb.add_argument("--count", action="store_true", help="count instructions too (valgrind)")
    _common(verb)
    verb = verbs.add_parser("calls", help="load through the front and its peers (SIPp)")
    verb.add_argument("--load", choices=LOADS, action="append", help="default: all")
    verb.add_argument("--only", action="append", default=[], help="subjects with this in the name")
    verb.add_argument("--rate", type=float, default=500.0, help="a second")
    verb.add_argument("--seconds", type=float, default=6.0, help="length of one run")
    verb.add_argument("--rounds", type=int, default=5)
    verb.add_argument("--tail", type=float, default=calls.TAIL, help="s until timers have ended")
    verb.add_argument("--spread", action="store_true", help="subjects of its own for each load")
    verb.add_argument("--highest", action="store_true", help="the highest rate without repetition")
    verb.add_argument("--memory", action="store_true", help="memory of a call that is up")
    verb.add_argument("--sustain", type=float, default=0.0, help="carry so many calls a second")
    verb.add_argument("--lasting", type=float, default=60.0, help="... for so many seconds")
    verb.add_argument("--first", type=float, default=rates.FIRST, help="where --highest begins")
    _common(verb)
    verb = verbs.add_parser("laden", help="costs and delays with many bindings and calls (root)")
    verb.add_argument("--bindings", type=int, default=laden.BINDINGS)
    verb.add_argument("--calls", type=int, default=laden.CALLS)
    verb.add_argument("--rate", type=float, default=1000.0, help="a second")
    verb.add_argument("--seconds", type=float, default=6.0, help="length of one run")
    verb.add_argument("--rounds", type=int, default=5)
    _common(verb)
    verb = verbs.add_parser("scale", help="costs with many bindings and calls up")
    verb.add_argument("--rounds", type=int, default=3)
    verb.add_argument("--short", action="store_true", help="only sizes that are soon reached")
    _common(verb)
    verb = verbs.add_parser("guard", help="fail when a message has become dearer")
    verb.add_argument("--update", action="store_true", help="write a new baseline")
    verb.add_argument("--planted", action="store_true", help="prove that a slowdown is noticed")
    _common(verb)


def _common(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument(
        "--results", type=Path, default=whole.folder(), help="folder for what was found"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out one of them."""
    try:
        return VERBS[arguments.verb](arguments)
    except (SubjectError, MessagesError, WireError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _messages(arguments: argparse.Namespace) -> int:
    shown(messages.run(progress, arguments.rounds, count=arguments.count), arguments)
    return 0


def _calls(arguments: argparse.Namespace) -> int:
    plan = calls.Plan(
        loads=tuple(arguments.load or LOADS),
        subjects=tuple(arguments.only),
        rate=arguments.rate,
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        tail=arguments.tail,
        spread=arguments.spread,
    )
    if arguments.highest or arguments.memory or arguments.sustain:
        wish = rates.Wish(
            arguments.highest,
            arguments.memory,
            arguments.sustain,
            arguments.lasting,
            arguments.first,
        )
        made = rates.run(plan, progress, wish)
    else:
        made = calls.run(plan, progress)
    shown(asyncio.run(made), arguments, whole.AGAINST)
    return 0


def _laden(arguments: argparse.Namespace) -> int:
    plan = calls.Plan(rate=arguments.rate, seconds=arguments.seconds, rounds=arguments.rounds)
    made = laden.run(plan, progress, arguments.bindings, arguments.calls)
    shown(asyncio.run(made), arguments, ("blind relay, C",))
    return 0


def _scale(arguments: argparse.Namespace) -> int:
    sizes = scale.SHORT if arguments.short else scale.SIZES
    shown(scale.run(progress, arguments.rounds, sizes), arguments)
    return 0


def _guard(arguments: argparse.Namespace) -> int:
    if arguments.update:
        guard.update(progress)
    verdicts, remarks = guard.run(progress, plant=arguments.planted)
    bad = [verdict for verdict in verdicts if verdict.bad]
    if arguments.planted:
        if verdicts[-1].bad:
            bad.remove(verdicts[-1])
        else:
            bad.append(verdicts[-1])
            remarks.append("the planted slowdown was NOT noticed: this guard guards nothing")
    progress("")
    if arguments.json:
        rows = [{"build": v.build, "piece": v.piece, "growth": v.growth} for v in verdicts]
        print(json.dumps(rows, indent=1))
    else:
        print("\n".join([*map(str, verdicts), *(f"note: {remark}" for remark in remarks)]))
    return 1 if bad else 0


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "messages": _messages,
    "calls": _calls,
    "laden": _laden,
    "scale": _scale,
    "guard": _guard,
}


def shown(figures: Figures, arguments: argparse.Namespace, against: tuple[str, ...] = ()) -> None:
    """Print figures and leave them in the folder of results."""
    progress("")
    files = figures.save(arguments.results, against)
    if arguments.json:
        print(json.dumps(figures.as_json(), indent=1))
    else:
        print("\n".join(figures.lines(against)))
        print(f"left in {', '.join(map(str, files))}\n", flush=True)


def progress(text: str) -> None:
    """One line that is overwritten on a terminal; plain lines on standard error elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K  {text}"[:120], end="", file=sys.stderr, flush=True)
    elif text:
        print(f"  {text}", file=sys.stderr, flush=True)
