"""The verbs that ask the running front: ``status``, and the levers."""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from sipfront.cli import pair
from sipfront.cli.client import Client
from sipfront.cli.text import age, held, plain, table
from sipfront.cli.waiting import left, wait

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

FINE = 0

_COLUMNS = ("name", "role", "state", "mode", "ready", "heard", "uri")


def status(args: argparse.Namespace) -> int:
    """``sipfront status``."""
    answer = Client(args).get("/api/v1/status")
    print(json.dumps(answer, indent=2) if args.json else as_text(answer))
    return FINE


def switchover(args: argparse.Namespace) -> int:
    """``sipfront switchover [NODE] [--force]``."""
    body: dict[str, Any] = {"force": args.force}
    if args.node is not None:
        body["to"] = args.node
    return _lever(args, "/api/v1/switchover", body)


def mode(wanted: str) -> Callable[[argparse.Namespace], int]:
    """``sipfront drain|maintenance|resume NODE``."""

    def run(args: argparse.Namespace) -> int:
        path = f"/api/v1/nodes/{urllib.parse.quote(args.node, safe='')}/mode"
        body: dict[str, Any] = {"mode": wanted}
        if getattr(args, "force_after", None) is not None:
            body["force_after"] = args.force_after
        done = _lever(args, path, body)
        return wait(args) if getattr(args, "wait", False) else done

    return run


def _lever(args: argparse.Namespace, path: str, body: dict[str, Any]) -> int:
    answer = Client(args).post(path, body)
    print(json.dumps(answer, indent=2) if args.json else plain(answer.get("text", "done")))
    return FINE


def as_text(answer: dict[str, Any]) -> str:
    """The status for people: first whether a dead node would be survived now."""
    redundant = "yes" if answer.get("redundant") else "no"
    why = plain(answer.get("why")).removeprefix(f"{redundant}: ")
    lines = [f"redundant: {redundant}, because {why}"]
    active = plain(answer.get("active") or "none")
    lines.append(f"active: {active}, epoch {plain(answer.get('epoch'))}")
    lines.append(f"decision: {plain(answer.get('decision'))}")
    lines += pair.trouble(answer)
    nodes = [node for node in answer.get("nodes", []) if isinstance(node, dict)]
    if nodes:
        lines += ["", *table([_COLUMNS, *(_row(node) for node in nodes)])]
        lines += [_why(node) for node in nodes if node.get("why")]
        lines += [plain(left(node)) for node in nodes if node.get("draining")]
    lines += pair.verdicts(answer) + pair.probes(answer)
    lines += [
        _registration(trunk, one)
        for trunk in held(answer, "trunks")
        for one in held(trunk, "registrations")
    ]
    counts = [f"{key} {plain(answer[key])}" for key in ("calls", "bindings") if key in answer]
    if "uptime" in answer:
        counts.append(f"up {age(answer['uptime'])}")
    if "version" in answer:
        counts.append(f"version {plain(answer['version'])}")
    if counts:
        lines += ["", ", ".join(counts)]
    return "\n".join(lines)


def _registration(trunk: dict[str, Any], one: dict[str, Any]) -> str:
    """An account at a trunk: is the front registered there, and what is wrong."""
    how = (
        f"registered, {age(one.get('expires'))} left" if one.get("registered") else "NOT registered"
    )
    if one.get("why"):
        how += f" ({plain(one['why'])})"
    return f"trunk {plain(trunk.get('name'))}: {plain(one.get('account'))} {how}"


def _why(node: dict[str, Any]) -> str:
    """The sentence about a node, its name in front once."""
    name, why = plain(node.get("name")), plain(node["why"])
    return why if why.startswith(f"{name} ") else f"{name}: {why}"


def _row(node: dict[str, Any]) -> tuple[str, ...]:
    heard = node.get("heard")
    shown = dict(node, heard="never" if heard is None else f"{age(heard)} ago")
    return tuple(plain(shown.get(column)) for column in _COLUMNS)
