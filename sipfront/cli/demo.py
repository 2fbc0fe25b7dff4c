"""The verb that shows what all this is for: ``demo``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sipfront.cli.errors import Usage

if TYPE_CHECKING:
    import argparse

FAULTS = ("kill", "freeze", "switchover", "front")
ABOUT = """\
Start a front, two small PBXs, six phones and a trunk on this machine's loopback, with calls
running, and let yourself kill, freeze, slow and revive the PBXs and watch what happens and why.
It needs no root, no Asterisk and no configuration, and leaves nothing behind.

Without a terminal, or with --script, a list of faults is played once under load, the timeline is
printed, and the exit code is 0 only if the promise held: no new call failed, and none took longer
to set up than promised.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--script", action="store_true", help="play the faults once and judge")
    parser.add_argument(
        "--faults", default=",".join(FAULTS), metavar="LIST", help="which, in which order"
    )
    parser.add_argument("--rate", type=float, default=8.0, help="calls a second (default: 8)")
    parser.add_argument(
        "--network", metavar="127.X.Y", help="three octets of loopback to use (default: a free one)"
    )
    parser.add_argument("--folder", type=Path, help="keep configuration and the front's log here")
    parser.add_argument(
        "--plant", choices=["refuse"], help="a fault that breaks the promise, to see it noticed"
    )


def run(args: argparse.Namespace) -> int:
    """``sipfront demo``."""
    if not 0.1 <= args.rate <= 50:
        raise Usage("--rate is from 0.1 to 50 calls a second: these are phones, not a benchmark")
    if args.network is not None and not _is_loopback(args.network):
        raise Usage(f"--network {args.network}: three octets of loopback, such as 127.0.7")
    faults = args.faults.split(",")
    if unknown := set(faults) - set(FAULTS):
        raise Usage(f"--faults {', '.join(sorted(unknown))}: there are {', '.join(FAULTS)}")
    if args.folder is not None:
        args.folder.mkdir(parents=True, exist_ok=True)
    from sipfront.demo.show import show

    return show(
        script=args.script or not (sys.stdin.isatty() and sys.stdout.isatty()),
        rate=args.rate,
        network=args.network,
        plant=args.plant,
        faults=faults,
        folder=args.folder.resolve() if args.folder else None,
    )


def _is_loopback(text: str) -> bool:
    octets = text.split(".")
    fine = len(octets) == 3 and octets[0] == "127"
    return fine and all(part.isascii() and part.isdigit() and int(part) < 256 for part in octets)
