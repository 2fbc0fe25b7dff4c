"""``--wait`` and ``--force-after`` of ``sipfront drain`` and ``maintenance``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from sipfront.cli.client import Client
from sipfront.cli.errors import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two looks, and between two lines where nobody overwrites them.
LOOK, LINE = 0.5, 10.0
#: The longest time that a node may be given: a week.
LONGEST = 7 * 86400


def add(verb: argparse.ArgumentParser) -> None:
    """The options."""
    verb.add_argument(
        "--wait", action="store_true", help="until it has no dialog any more; ^C only stops this"
    )
    verb.add_argument(
        "--force-after",
        type=_seconds,
        metavar="TIME",
        help="then end what is left, with a BYE to both sides (10m)",
    )


def left(node: Mapping[str, Any]) -> str:
    """How far a node is, in a sentence."""
    its = node.get("draining") or {}
    dialogs = its.get("left", 0)
    text = f"{node.get('name')}: {node.get('mode')} for {_span(its.get('for'))}, "
    text += f"{dialogs} dialog{'' if dialogs == 1 else 's'} left" if dialogs else "nothing left"
    if dialogs and its.get("force_in") is not None:
        text += f", ended in {_span(its['force_in'])}"
    return text


def wait(args: argparse.Namespace) -> int:
    """Until the node has no dialog any more; raises Failed when somebody resumed it."""
    client, told, terminal = Client(args), -LINE, sys.stderr.isatty()
    while True:
        nodes = client.get("/api/v1/status").get("nodes", [])
        node: dict[str, Any] = next((one for one in nodes if one.get("name") == args.node), {})
        if not node.get("draining"):
            raise Failed(f"{args.node} is not being drained any more")
        text = left(node)
        empty = not node["draining"].get("left")
        if terminal:
            print(f"\r\x1b[K{text}", end="\n" if empty else "", file=sys.stderr, flush=True)
        elif empty or time.monotonic() >= told + LINE:
            told = time.monotonic()
            print(text, file=sys.stderr, flush=True)
        if empty:
            return 0
        time.sleep(LOOK)


def _span(seconds: Any) -> str:
    if not isinstance(seconds, int | float):
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{whole // 60} min {whole % 60} s"


def _seconds(text: str) -> float:
    from sipfront.config.values import parse_duration  # the parser itself needs nothing installed

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError("must be at most 7d")
    return seconds
