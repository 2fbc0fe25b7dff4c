"""The verbs that look: ``calls``, ``bindings``, ``history``, ``explain``."""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed
from sipfront.cli.remote import FINE, plain, table

if TYPE_CHECKING:
    import argparse

#: Events that are changes of role, or what a role rests on.
CHANGES = ("start", "failover", "switch-over", "drain", "fail-back")


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
            print(f"{_moment(event.get('at'))}  {plain(event.get('event')):<12} {_said(event)}")
    return FINE


def explain(args: argparse.Namespace) -> int:
    """``sipfront explain [EPOCH]``: a change of role, what it rests on, and how it is now."""
    events = [event for event in _events(args) if event.get("event") in CHANGES]
    if args.epoch is not None:
        events = [event for event in events if event.get("epoch") == args.epoch]
    if not events:
        which = f"epoch {args.epoch}" if args.epoch is not None else "a change of role"
        raise Failed(f"nothing is known (any more) of {which}; see `sipfront history`")
    event = events[-1]
    status = Client(args).get("/api/v1/status")
    if args.json:
        print(json.dumps({"event": event, "now": status.get("decision")}, indent=2))
        return FINE
    print(f"epoch {plain(event.get('epoch'))}, {plain(event.get('event'))}, {_moment(event['at'])}")
    print(_said(event))
    evidence = [item for item in event.get("evidence", []) if isinstance(item, dict)]
    if evidence:
        print("\nIt rests on this, in seconds before the decision:")
        for item in evidence:
            rest = {key: value for key, value in item.items() if key not in ("kind", "at")}
            told = ", ".join(f"{key} {plain(value)}" for key, value in rest.items())
            at = item.get("at")
            when = f"{at:9.3f}" if isinstance(at, int | float) else " " * 9
            print(f"  {when}  {plain(item.get('kind')):<11} {told}")
    print(f"\nNow: {plain(status.get('decision'))}")
    print(f"Redundant: {plain(status.get('why'))}")
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


def _moment(at: Any) -> str:
    if not isinstance(at, int | float):
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"
