"""``sipfront trace``: both sides of a call in clear text, as a diagram, as text, as a capture."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import sys
import time
import urllib.parse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed
from sipfront.cli.pcap import Packet, place, written
from sipfront.cli.remote import FINE
from sipfront.cli.text import held, plain
from sipfront.cli.views import moment
from sipfront.screen.ladder import FRONT, Seen, draw, fitting

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

ABOUT = """\
Show what was said in a call on both sides of the front: by the phones and trunks outside, and by
the nodes, also where it was encrypted on the wire, with what the front did for the call and the
changes of role meanwhile. With a Call-ID (of any of its dialogs): that call. With an extension or
user@domain: the newest calls, registrations and subscriptions of that party.

The front remembers the newest messages in memory (the keys of `trace`). Passwords, keys of media
and digits dialled in a call are asterisks unless --with-secrets is given. Needs the token.
"""
#: Seconds between two looks of --follow.
LOOK = 0.5
#: Seconds that --follow goes on asking a front that does not answer (it may be starting again).
AWAY = 15.0
#: Lines of one diagram; a call has 20 to 50.
LINES = 1_000


def add(verb: argparse.ArgumentParser) -> None:
    """The options."""
    verb.add_argument("what", metavar="CALL-ID|AOR", help="a Call-ID, an extension or user@domain")
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--ladder", action="store_true", help="as a diagram (default)")
    form.add_argument("--text", action="store_true", help="every message in full")
    form.add_argument("--pcap", metavar="FILE", help="write a capture for Wireshark; - is stdout")
    verb.add_argument("--aor", action="store_true", help="it is a party, whatever it looks like")
    verb.add_argument("--follow", action="store_true", help="go on with what comes, until ^C")
    verb.add_argument(
        "--with-secrets", action="store_true", help="show passwords, keys and dialled digits too"
    )


def run(args: argparse.Namespace) -> int:
    """``sipfront trace CALL-ID|AOR``."""
    if args.follow and args.pcap:
        raise Failed("--follow writes lines; take --pcap when the call is over")
    client = Client(args)
    if args.follow:
        return _follow(args, client)
    _, found = _ask(args, client)
    calls = held(found, "calls")
    if args.json:
        print(json.dumps(found, indent=2))
        return FINE
    if not calls:
        raise Failed(_nothing(args.what, found))
    if args.pcap:
        return _write(args.pcap, calls)
    for number, call in enumerate(calls):
        print("\n" * (number > 0) + "\n".join(_text(call) if args.text else _ladder(call)))
    if found.get("cut"):
        print("(there is more than one answer holds: ask for a single Call-ID)", file=sys.stderr)
    return FINE


def _ask(
    args: argparse.Namespace, client: Client, after: int = 0, kind: str = ""
) -> tuple[str, dict[str, Any]]:
    """As a Call-ID; when nobody has that, as a party.  As which, and the answer."""
    wanted: dict[str, Any] = {"after": after}
    if args.with_secrets:
        wanted["secrets"] = "true"
    if args.pcap:
        wanted["octets"] = "true"
    kinds = [kind] if kind else ["aor"] if args.aor else ["call", "aor"]
    found: dict[str, Any] = {}
    for one in kinds:
        query = urllib.parse.urlencode({"name": args.what, "kind": one, **wanted})
        found = client.get(f"/api/v1/trace?{query}", private=True)
        if held(found, "calls"):
            return one, found
    return kind, found


def _nothing(what: str, found: dict[str, Any]) -> str:
    if not found.get("remembers"):
        return "this front remembers no messages (trace.messages is 0)"
    since = found.get("since")
    if since is None:
        return "this front has seen no message yet"
    return f"nothing is remembered of {plain(what)}; the oldest message is of {moment(since)}"


# -- a diagram ---------------------------------------------------------------------------------


def _ladder(call: dict[str, Any]) -> list[str]:
    messages = held(call, "messages")
    names = _names(messages)
    outside = [name for place_, name in names.items() if place_[0] == "outside"]
    inside = sorted(name for place_, name in names.items() if place_[0] == "inside")
    columns = [*dict.fromkeys(outside), FRONT, *dict.fromkeys(inside)]
    seen = [
        Seen(_at(one), names[_party(one)], not one.get("sent"), plain(one.get("label")))
        for one in messages
    ]
    notes = [(_at(note), plain(note.get("text"))) for note in held(call, "notes")]
    width = shutil.get_terminal_size((120, 24)).columns
    lines = draw(seen, columns, notes, LINES, fitting(width, len(columns)))
    return [f"{moment(_at(messages[0]))}  {_title(call)}", *lines] if messages else []


def _title(call: dict[str, Any]) -> str:
    return "Call-ID " + ", ".join(map(plain, call.get("call_ids", [])))


def _party(one: dict[str, Any]) -> tuple[str, str, str]:
    return str(one.get("side")), str(one.get("party")), str(one.get("remote"))


def _names(messages: Sequence[dict[str, Any]]) -> dict[tuple[str, str, str], str]:
    """A column's name for each party: its address too where two have one name."""
    parties = list(dict.fromkeys(map(_party, messages)))
    same = Counter((side, name) for side, name, _ in parties)
    return {
        (side, name, where): plain(
            f"{name} {where}" if side == "outside" and same[side, name] > 1 else name
        )
        for side, name, where in parties
    }


def _at(one: dict[str, Any]) -> float:
    at = one.get("at")
    return float(at) if isinstance(at, int | float) else 0.0


# -- in full -----------------------------------------------------------------------------------


def _text(call: dict[str, Any]) -> list[str]:
    lines = [_title(call)]
    said = [(_at(one), _message(one)) for one in held(call, "messages")]
    said += [(_at(one), [_note(one)]) for one in held(call, "notes")]
    for _, part in sorted(said, key=lambda one: one[0]):
        lines += ["", *part]
    return lines


def _note(one: dict[str, Any]) -> str:
    return f"--- {moment(_at(one))}  {plain(one.get('text'))}"


def _message(one: dict[str, Any]) -> list[str]:
    arrow = "->" if one.get("sent") else "<-"
    head = (
        f"{moment(_at(one))}  {one.get('local')} {arrow} {plain(one.get('party'))} "
        f"{one.get('remote')}  {plain(one.get('transport'))}"
    )
    body = str(one.get("text")).replace("\r\n", "\n").rstrip("\n").split("\n")
    return [head, *("    " + _printed(line) for line in body)]


def _printed(line: str) -> str:
    """No octet of anybody moves the cursor of a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in line)


# -- a capture ---------------------------------------------------------------------------------


def _write(file: str, calls: Sequence[dict[str, Any]]) -> int:
    packets = sorted(
        (_packet(one) for call in calls for one in held(call, "messages")),
        key=lambda packet: packet.at,
    )
    if file == "-":
        for piece in written(packets):
            sys.stdout.buffer.write(piece)
        return FINE
    try:
        # What people said to each other is for the one who asked.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.writelines(written(packets))
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}") from None
    print(f"{len(packets)} messages of {len(calls)} calls are in {Path(file)}")
    return FINE


def _packet(one: dict[str, Any]) -> Packet:
    try:
        data = base64.b64decode(str(one.get("octets")), validate=True)
        local, remote = place(str(one.get("local"))), place(str(one.get("remote")))
    except (ValueError, binascii.Error):
        raise Failed("what the front answered is no trace") from None
    source, target = (local, remote) if one.get("sent") else (remote, local)
    return Packet(_at(one), source, target, one.get("transport") != "UDP", data)


# -- as it happens -----------------------------------------------------------------------------


def _follow(args: argparse.Namespace, client: Client) -> int:
    """Each message when it comes: a line, or in full; notes between them."""
    kind, after, away = "", 0, 0.0
    told: set[tuple[float, str]] = set()
    while True:
        try:
            kind, found = _ask(args, client, after, kind)
        except Failed:
            # It may be starting again, as a front that was killed does within 2 s.
            away += LOOK
            if not after or away > AWAY:
                raise
            time.sleep(LOOK)
            continue
        away = 0.0
        newest = int(found.get("next") or 0)
        if newest < after:  # another front, whose numbers begin anew
            after = 0
            continue
        after = newest
        for line in _news(args, held(found, "calls"), told):
            print(line)
        sys.stdout.flush()
        time.sleep(LOOK)


def _news(
    args: argparse.Namespace, calls: Iterable[dict[str, Any]], told: set[tuple[float, str]]
) -> Iterator[str]:
    """Lines about what is new; notes come with every answer and are told once."""
    said = []
    for call in calls:
        said += [(_at(one), True, one) for one in held(call, "messages")]
        said += [(_at(one), False, one) for one in held(call, "notes")]
    for at, is_message, one in sorted(said, key=lambda part: part[0]):
        if not is_message:
            if (at, str(one.get("text"))) in told:
                continue
            told.add((at, str(one.get("text"))))
        if args.json:
            yield json.dumps(one)
        elif not is_message:
            yield _note(one)
        elif args.text:
            yield from (*_message(one), "")
        else:
            yield _line(one)


def _line(one: dict[str, Any]) -> str:
    arrow = "->" if one.get("sent") else "<-"
    return (
        f"{moment(_at(one))}  {FRONT} {arrow} {plain(one.get('party')):<16} "
        f"{plain(one.get('label')):<14} {plain(one.get('call_id'))}"
    )
