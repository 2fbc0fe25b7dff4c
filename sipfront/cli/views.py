"""The verbs that look: ``calls``, ``bindings``, ``history``."""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.remote import FINE, plain, table

if TYPE_CHECKING:
    import argparse


def bindings(args: argparse.Namespace) -> int:
    """``sipfront bindings [AOR]``."""
    query = urllib.parse.urlencode({"aor": args.aor or "", "limit": args.limit})
    held = _list(Client(args).get(f"/api/v1/bindings?{query}"), "bindings")
    columns = ("aor", "reachable", "expires", "flow", "contact", "user_agent")
    return _show(args, held, columns, "no phone is registered")


def calls(args: argparse.Namespace) -> int:
    """``sipfront calls``."""
    held = _list(Client(args).get(f"/api/v1/calls?limit={args.limit}"), "calls")
    columns = ("call", "kind", "node", "from", "outside", "inside", "flow", "trunk")
    return _show(args, held, columns, "no call is up")


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
