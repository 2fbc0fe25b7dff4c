"""The verbs that look: ``bindings``, ``history``."""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.remote import FINE
from sipfront.cli.text import plain, table

if TYPE_CHECKING:
    import argparse


#: Seconds between two looks of --watch.
WATCH = 1.0
#: What is said of one binding: key, title.
_DETAIL = (
    ("contact", "contact"),
    ("flow", "flow"),
    ("reachable", "reachable"),
    ("expires", "expires, s"),
    ("seen", "seen, s ago"),
    ("user_agent", "user agent"),
    ("params", "parameters"),
    ("call_id", "Call-ID"),
    ("credentials", "credentials"),
)


def bindings(args: argparse.Namespace) -> int:
    """``sipfront bindings [AOR]``: all in a table, those of one address in detail."""
    query = urllib.parse.urlencode({"aor": args.aor or "", "limit": args.limit})
    while True:
        held = _list(Client(args).get(f"/api/v1/bindings?{query}"), "bindings")
        if args.watch:
            print("\033[H\033[2J" if sys.stdout.isatty() else "", end="")
        if args.aor and held and not args.json:
            print("\n\n".join("\n".join(_detail(item)) for item in held))
        else:
            for item in held if not args.json else ():
                item["at"] = _places(item)
            columns = ("aor", "reachable", "expires", "at", "flow", "contact", "user_agent")
            _show(args, held, columns, "no phone is registered")
        if not args.watch:
            return FINE
        sys.stdout.flush()
        time.sleep(WATCH)


def _places(item: dict[str, Any]) -> str:
    """The nodes that hold a binding."""
    nodes = item.get("nodes")
    if not isinstance(nodes, dict):
        return "-"
    return ",".join(name for name, left in nodes.items() if left) or "-"


def _detail(item: dict[str, Any]) -> list[str]:
    """One binding, a line each."""
    nodes = item.get("nodes")
    lines = [plain(item.get("aor"))]
    for key, title in _DETAIL:
        if key in item:
            lines.append(f"  {title + ':':<13} {plain(item[key])}")
    for name, left in nodes.items() if isinstance(nodes, dict) else ():
        lines.append(f"  {'at ' + name + ':':<13} " + (f"{left:.0f} s" if left else "no"))
    return lines


def history(args: argparse.Namespace) -> int:
    """``sipfront history``."""
    events = _events(args)
    if args.json:
        print(json.dumps(events, indent=2))
    else:
        for event in events:
            print(f"{moment(event.get('at'))}  {plain(event.get('event')):<12} {_said(event)}")
    return FINE


def _events(args: argparse.Namespace) -> list[dict[str, Any]]:
    return _list(Client(args).get(f"/api/v1/events?limit={args.limit}"), "events")


def _list(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [item for item in answer.get(key, []) if isinstance(item, dict)]


def _show(
    args: argparse.Namespace, held: list[dict[str, Any]], columns: tuple[str, ...], none: str
) -> int:
    if args.json:
        print(json.dumps(held, indent=2))
    elif not held:
        print(none)
    else:
        rows = [tuple(plain(item.get(column)) for column in columns) for item in held]
        print("\n".join(table([columns, *rows])))
        if len(held) == args.limit:
            print(f"(the first {args.limit}; --limit shows more)")
    return FINE


def _said(event: dict[str, Any]) -> str:
    return plain(event.get("text"))


def moment(at: Any) -> str:
    """A time of the wall clock, to the millisecond."""
    if not isinstance(at, int | float):
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"
