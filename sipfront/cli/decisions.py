"""The verbs about decisions: ``explain`` and ``replay``."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed, Usage
from sipfront.cli.remote import FINE
from sipfront.cli.text import plain
from sipfront.cli.views import moment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

DIFFERENT = 1

EXPLAIN = """\
Explain the last change of role, or that of an epoch: the decision in a sentence, the rule that
fired, the evidence that it rests on with its times, what would have changed it, and what holds now.

  --why-not NODE        what that node needs to become active, point by point
  --what-if NODE=WORD   what would be decided if a node were up, down, suspect, overloaded, unknown,
                        in-service, drain, maintenance, cannot-call, can-call, ready or not-ready;
                        several with commas between them; front=cut-off as well
  --save FILE           write the change with all that it came from, for `sipfront replay`

Whatever it says is what the decision itself says of things as they are, or as they are assumed.
"""
REPLAY = """\
Decide a stored change of role again, from everything that the front knew then, and compare the
answers. Needs no running front. With --set KEY=VALUE the settings are others than they were: what
would `patience` of 2 s have done? Exit codes: 0 the same answer, 1 another one, 2 no such file.
"""


def add_explain(verb: argparse.ArgumentParser) -> None:
    """The options of ``explain``."""
    verb.add_argument("epoch", nargs="?", type=int, help="the epoch that the change began")
    which = verb.add_mutually_exclusive_group()
    which.add_argument("--why-not", metavar="NODE", help="what that node needs to become active")
    which.add_argument("--what-if", metavar="NODE=WORD", help="what would be decided if")
    which.add_argument("--save", metavar="FILE", help="write the change for `sipfront replay`")


def add_replay(verb: argparse.ArgumentParser) -> None:
    """The options of ``replay``."""
    verb.add_argument("file", help="as `sipfront explain EPOCH --save FILE` wrote it")
    verb.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="another setting: patience, burst, hold_down, rescue_after, ... (seconds, numbers)",
    )
    verb.add_argument("--json", action="store_true", help="print both answers as JSON")


def explain(args: argparse.Namespace) -> int:
    """``sipfront explain [EPOCH | --why-not NODE | --what-if NODE=WORD] [--save FILE]``."""
    client = Client(args)
    if args.why_not is not None:
        name = urllib.parse.quote(args.why_not, safe="")
        return _print(args, client.get(f"/api/v1/explain/why-not/{name}"), _why_not)
    if args.what_if is not None:
        query = urllib.parse.urlencode({"change": args.what_if})
        return _print(args, client.get(f"/api/v1/explain/what-if?{query}"), _what_if)
    epoch = args.epoch or 0
    if epoch < 0:
        raise Usage("an epoch is a number from 1 on")
    told = client.get(f"/api/v1/explain?epoch={epoch}")
    if args.save is not None:
        return _save(args, client, told)
    return _print(args, told, _explained)


def _save(args: argparse.Namespace, client: Client, told: dict[str, Any]) -> int:
    epoch = told.get("event", {}).get("epoch")
    case = client.get(f"/api/v1/cases/{epoch}")
    try:
        Path(args.save).write_text(json.dumps(case) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failed(f"{args.save}: {error.strerror or error}") from None
    print(f"the change of role to epoch {epoch} is in {plain(args.save)}: sipfront replay FILE")
    return FINE


def _print(
    args: argparse.Namespace, told: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]]
) -> int:
    print(json.dumps(told, indent=2) if args.json else "\n".join(lines(told)))
    return FINE


def _explained(told: dict[str, Any]) -> list[str]:
    event = told.get("event", {})
    lines = [
        ", ".join(
            (
                f"epoch {plain(event.get('epoch'))}",
                plain(event.get("event")),
                moment(event.get("at")),
            )
        ),
        plain(event.get("text")),
    ]
    if told.get("rule"):
        lines.append(f"Rule: {plain(told['rule'])}: {plain(told.get('because'))}")
    if isinstance(took := event.get("took"), int | float):
        lines.append(f"It took {took:.3f} s from the first sign of trouble.")
    evidence = [item for item in event.get("evidence", []) if isinstance(item, dict)]
    if evidence:
        lines += ["", "It rests on this, in seconds before the decision:"]
        lines += [_evidence(item) for item in evidence]
    lines += _conditions("What would have changed it:", told.get("would_change"))
    lines += ["", f"Now: {plain(told.get('now'))}"]
    lines.append(f"Rule: {plain(told.get('now_rule'))}: {plain(told.get('now_because'))}")
    lines.append(f"Redundant: {plain(told.get('redundant'))}")
    lines += _conditions("What would change that:", told.get("now_would_change"))
    return lines


def _evidence(item: dict[str, Any]) -> str:
    rest = {key: value for key, value in item.items() if key not in ("kind", "at")}
    told = ", ".join(f"{key} {plain(value)}" for key, value in rest.items())
    at = item.get("at")
    when = f"{at:9.3f}" if isinstance(at, int | float) else " " * 9
    return f"  {when}  {plain(item.get('kind')):<11} {told}"


def _conditions(head: str, conditions: Any) -> list[str]:
    if not isinstance(conditions, list) or not conditions:
        return []
    return ["", head, *(f"  - {plain(condition)}" for condition in conditions)]


def _why_not(told: dict[str, Any]) -> list[str]:
    ready = "could become active now" if told.get("ready") else "is not active because of this"
    lines = [f"{plain(told.get('node'))} {ready}:"]
    lines += [
        f"  {'yes' if check.get('good') else 'NO':<4}{plain(check.get('text'))}"
        for check in told.get("checks", [])
    ]
    return [*lines, f"Now: {plain(told.get('answer'))}"]


def _what_if(told: dict[str, Any]) -> list[str]:
    assumed = ", ".join(f"{plain(k)} {plain(v)}" for k, v in told.get("assumed", {}).items())
    active = told.get("active")
    then = f"{plain(active)} would become active" if active else "no role would change"
    return [
        f"If {assumed}: {then}",
        f"  {plain(told.get('answer'))}",
        f"  rule: {plain(told.get('rule'))}: {plain(told.get('because'))}",
        f"Now: {plain(told.get('now'))}",
    ]


def replay(args: argparse.Namespace) -> int:
    """``sipfront replay FILE``."""
    from sipfront.runtime.decisions import replayed

    try:
        case = json.loads(Path(args.file).read_text(encoding="utf-8"))
        told = replayed(case, **_settings(args.set))
    except OSError as error:
        raise Usage(f"{args.file}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise Usage(f"{args.file}: {error}") from None
    same = bool(told["same"])
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(_replayed(told)))
    return FINE if same else DIFFERENT


def _settings(pairs: list[str]) -> dict[str, object]:
    """``KEY=VALUE`` as values of the settings that there are."""
    from dataclasses import fields

    from sipfront.control.settings import Settings

    kinds = {field.name: str(field.type) for field in fields(Settings)}
    known = {name: kind for name, kind in kinds.items() if kind in ("float", "int")}
    made: dict[str, object] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in known:
            raise Usage(f"--set {name}: there are {', '.join(sorted(known))}")
        number = float(value.removesuffix("s")) if known[name] == "float" else int(value)
        made[name] = number
    return made


def _replayed(told: dict[str, Any]) -> list[str]:
    stored, again = told["stored"], told["again"]
    lines = [f"{event['at']:9.3f}  {plain(event['event']):<11} {plain(event['text'])}"
             for event in told["events"]]  # fmt: skip
    lines += ["", f"stored: {_answer(stored)}"]
    lines.append(f"again:  {_answer(again) if again else 'no role changed'}")
    word = "the same answer" if told["same"] else "ANOTHER answer"
    return [*lines, f"{word}, from {told['entries']} things that were told"]


def _answer(answer: dict[str, Any]) -> str:
    return (
        f"epoch {plain(answer['epoch'])}, {plain(answer['event'])} to {plain(answer['node'])} "
        f"({plain(answer['rule'])}): {plain(answer['sentence'])}"
    )
