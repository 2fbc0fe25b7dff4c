"""``sipfront calls``: the calls that are up, those that were, and their export."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
import time
import urllib.parse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.remote import FINE
from sipfront.cli.text import plain, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ABOUT = """\
List the calls that are up, and the last ones that ended. A call is the pair of legs that a node
bridges; where the dialplan does not copy X-Sipfront-Call, each leg is a call of its own. With
--node: those that a node carries (what draining waits for). With --csv or --jsonl: what is written
down, oldest first, for a spreadsheet or a program.
"""
#: Calls of one answer of the front.
PAGE = 1000
#: Calls that are shown without being asked, and exported.
LAST, EXPORTED = 10, 1000

COLUMNS = [
    "id",
    "start",
    "ring",
    "answer",
    "end",
    "seconds",
    "ended_by",
    "status",
    "caller",
    "callee",
    "reached",
    "from_trunk",
    "to_trunk",
    "node",
    "node_end",
    "epoch",
    "done",
    "call_id",
    "other_call_id",
]
_MOMENTS = ("start", "ring", "answer", "end")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add(verb: argparse.ArgumentParser) -> None:
    """The options."""
    verb.add_argument("--node", default="", help="only calls of this node")
    verb.add_argument("--party", default="", help="only calls of user@domain (not those that ring)")
    verb.add_argument(
        "--last", type=_count, metavar="N", help=f"so many that are written down ({LAST})"
    )
    verb.add_argument(
        "--since", type=_moment, default=0.0, metavar="TIME", help="1h, 2d, or 2026-01-31T12:00"
    )
    verb.add_argument("--until", type=_moment, default=0.0, metavar="TIME", help="as --since")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help=f"export as CSV (--last {EXPORTED})")
    form.add_argument("--jsonl", action="store_true", help="export as JSON, one line a call")
    form.add_argument("--legs", action="store_true", help="every dialog instead of whole calls")


def run(args: argparse.Namespace) -> int:
    """``sipfront calls``."""
    client = Client(args)
    if args.legs:
        return _legs(args, client)
    if args.csv or args.jsonl:
        last = args.last or EXPORTED
        rows = sorted(records(client, args, last), key=lambda call: call.get("start", 0))
        out = as_csv(rows) if args.csv else (json.dumps(row) + "\n" for row in rows)
        for piece in out:
            sys.stdout.write(piece)
        return FINE
    query = urllib.parse.urlencode({"node": args.node, "limit": args.limit})
    live = _calls(client.get(f"/api/v1/calls/live?{query}"))
    over = [call for call in records(client, args, args.last or LAST) if call.get("end")]
    if args.json:
        print(json.dumps({"live": live, "last": over}, indent=2))
        return FINE
    _show(live, "no call is up", ("state", "since"))
    if len(live) == args.limit:
        print(f"(the first {args.limit}; --limit shows more)")
    print()
    _show(over[::-1], "no call has ended yet", ("status", "ended_by", "at", "lasted"))
    return FINE


def records(client: Client, args: argparse.Namespace, last: int) -> Iterator[dict[str, Any]]:
    """What is written down, newest first, page by page; shows progress on a terminal."""
    before, told = 0, 0
    while told < last:
        wanted = {
            "limit": min(PAGE, last - told),
            "before": before,
            "since": args.since,
            "until": args.until,
            "node": args.node,
            "party": args.party,
        }
        page = _calls(client.get(f"/api/v1/calls/records?{urllib.parse.urlencode(wanted)}"))
        yield from page
        told += len(page)
        before = min([n for call in page if (n := call.get("n"))], default=0)
        if len(page) < wanted["limit"] or not before:
            break
        if sys.stderr.isatty():
            print(f"\r{told} calls", end="", file=sys.stderr, flush=True)
    if told > PAGE and sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines of CSV (RFC 4180), the head first; moments as ISO 8601 in UTC."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(column, row.get(column)) for column in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(column: str, value: Any) -> Any:
    if value is None:
        return ""
    if column in _MOMENTS:
        at = float(value)
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
    if not isinstance(value, str):
        return value
    text = "".join(char if char.isprintable() else "?" for char in value)
    # A spreadsheet takes what begins so for a formula, and callers choose their names.
    dangerous = text[:1] in ("=", "@", "-", "+") and not re.match(r"[+-][0-9]+(@|\Z)", text)
    return "'" + text if dangerous else text


def _show(calls: list[dict[str, Any]], none: str, more: tuple[str, ...]) -> None:
    if not calls:
        print(none)
        return
    head = (*more, "caller", "callee", "reached", "node", "trunk", "done", "call_id")
    print("\n".join(table([head, *(_row(call, head) for call in calls)])))


def _row(call: dict[str, Any], head: tuple[str, ...]) -> tuple[str, ...]:
    nodes = [str(call.get(key) or "") for key in ("node", "node_end")]
    trunks = [str(call[key]) for key in ("from_trunk", "to_trunk") if call.get(key)]
    shown = {
        **call,
        "since": _clock(call.get("answer") or call.get("start")),
        "at": _clock(call.get("start")),
        "lasted": "-" if call.get("seconds") is None else f"{call['seconds']:.1f} s",
        "node": " > ".join(dict.fromkeys(name for name in nodes if name)),
        "trunk": " > ".join(trunks),
    }
    return tuple(plain(shown.get(column)) for column in head)


def _legs(args: argparse.Namespace, client: Client) -> int:
    answer = client.get(f"/api/v1/calls?limit={args.limit}")
    held = [leg for leg in _calls(answer) if args.node in ("", leg.get("node"))]
    columns = ("call", "kind", "node", "from", "outside", "inside", "flow", "trunk")
    if args.json:
        print(json.dumps(held, indent=2))
    elif not held:
        print("no dialog is up")
    else:
        rows = [tuple(plain(leg.get(column)) for column in columns) for leg in held]
        print("\n".join(table([columns, *rows])))
    return FINE


def _calls(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [call for call in answer.get("calls", []) if isinstance(call, dict)]


def _clock(at: Any) -> str:
    if not isinstance(at, int | float):
        return "-"
    return time.strftime("%m-%d %H:%M:%S", time.localtime(at))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError("must be a number above 0")
    return int(text)


def _moment(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if found:
        return max(0.0, time.time() - int(found[1]) * _UNITS[found[2]])
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("must be like 30m, 1h, 2d or 2026-01-31T12:00") from None
