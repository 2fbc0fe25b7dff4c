"""``python -m bench``: everything that is promised about speed, or one measurement by its verb."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import crowd, faults, health, ills, registrations, ringing, side, spaces, speed, whole
from bench.lab import WIRINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main() -> int:
    """Run one measurement and print what it showed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all lengths, all peers (an hour)")
    parser.add_argument("--only", action="append", default=[], help="only this part of the whole")
    parser.add_argument("--results", type=Path, default=whole.folder(), help="a folder")
    verbs = parser.add_subparsers(dest="verb", help="default: all promises, half an hour")
    speed.add(verbs)
    verb = verbs.add_parser("faults", help="faults under load on a real Asterisk pair (root)")
    verb.add_argument("fault", type=one_of(faults.FAULTS), nargs="*", help=names(faults.FAULTS))
    verb.add_argument("--to", choices=("extension", "trunk"), default="extension")
    verb.add_argument("--rate", type=float, help="new calls a second (20; 10 with loss)")
    verb.add_argument("--seconds", type=float, default=60.0, help="length of the load")
    verb.add_argument("--hold", type=float, default=0.0, help="seconds that a call lasts")
    verb.add_argument("--ring", type=int, default=0, help="ms that the called party rings")
    verb.add_argument("--wiring", choices=WIRINGS, help="where the nodes are")
    verb.add_argument("--no-icmp", action="store_true", help="the nodes' hosts send no ICMP")
    verb.add_argument("--loss", type=float, default=0.05, help="share of packets lost each way")
    verb.add_argument("--against", choices=("kamailio",), help="the same runs with another proxy")
    verb.add_argument("--keep", type=Path, help="a folder for packets and logs")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb = verbs.add_parser("ringing", help="calls that ring when their PBX dies (root)")
    verb.add_argument("fault", type=one_of(ringing.FAULTS), nargs="*", help=names(ringing.FAULTS))
    verb.add_argument("--calls", type=int, default=50, help="how many ring at once")
    verb.add_argument("--one-dialog", action="store_true", help="a carrier that takes one To-tag")
    verb = verbs.add_parser(
        "registrations",
        help="a storm, a day, costs (a moved clock); crowd: on real Asterisks (root)",
    )
    kinds = (*registrations.KINDS, "crowd")
    verb.add_argument("what", type=one_of(kinds), nargs="*", help=names(kinds))
    verb.add_argument("--phones", type=int, help="how many (2000; a day: 1000)")
    verb.add_argument("--rate", type=float, default=200.0, help="REGISTERs a second to a node")
    verb.add_argument("--hours", type=float, default=24.0, help="length of a day")
    verb.add_argument("--seed", type=int, default=1, help="another day")
    verb = verbs.add_parser("health", help="how soon it is seen that a PBX cannot serve (root)")
    known = tuple(ills.FAULTS)
    verb.add_argument("fault", type=one_of(known), nargs="*", help=names(known))
    verb.add_argument("--times", type=int, default=10, help="how often each")
    arguments = parser.parse_args()
    if arguments.verb == "health":
        return _health(arguments)
    if arguments.verb == "ringing":
        return _ringing(arguments)
    if arguments.verb == "registrations":
        return _registrations(arguments)
    if arguments.verb in speed.VERBS:
        return speed.run(arguments)
    if arguments.verb == "faults":
        return _faults(arguments)
    only = tuple(arguments.only)
    return whole.run(speed.progress, arguments.results, full=arguments.full, only=only)


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """The type of a word that must be one of these.

    ``choices`` would also look at the empty list that no word at all makes, in some Pythons.
    """

    def check(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return word

    return check


def names(known: Sequence[str]) -> str:
    """What the help says of such words."""
    return f"one after the other: {', '.join(known)}"


def _health(arguments: argparse.Namespace) -> int:
    findings = spaces.run(
        health.run(arguments.fault or list(ills.FAULTS), arguments.times, faults.show)
    )
    print("\n".join(health.lines(findings)), flush=True)
    return 0 if all(finding.good for finding in findings) else 1


def _ringing(arguments: argparse.Namespace) -> int:
    bad = 0
    for fault in arguments.fault or ringing.FAULTS:
        found = spaces.run(ringing.run(fault, arguments.calls, one_dialog=arguments.one_dialog))
        print("\n".join(found.lines()), flush=True)
        bad += not found.good
    return int(bad > 0)


def _registrations(arguments: argparse.Namespace) -> int:
    bad = 0
    for what in arguments.what or registrations.KINDS:
        print(f"==== registrations {what}", flush=True)
        many = arguments.phones or (1000 if what == "day" else 2000)
        if what == "storm":
            found = registrations.storm(many, arguments.rate)
        elif what == "day":
            found = registrations.day(many, arguments.hours, arguments.seed, _progress)
        elif what == "cost":
            found = registrations.cost(10 * many)
        else:
            found = spaces.run(crowd.run(crowd.Plan(many, arguments.rate), _progress))
        print("\n".join(found.lines), flush=True)
        bad += len(found.bad)
    return int(bad > 0)


def _progress(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _faults(arguments: argparse.Namespace) -> int:
    reports = []
    for fault in arguments.fault or ["kill", "freeze"]:
        lossy = fault == "loss"
        plan = faults.Plan(
            fault=fault,
            target=arguments.to,
            rate=arguments.rate or (10.0 if lossy else 20.0),
            seconds=arguments.seconds,
            hold=arguments.hold,
            ring=arguments.ring,
            wiring=arguments.wiring
            or (
                "lossy"
                if fault in faults.OF_THE_CABLE
                else "namespaces"
                if arguments.no_icmp
                else "loopback"
            ),
            icmp=not arguments.no_icmp,
            loss=arguments.loss,
            keep=arguments.keep,
        )
        for against in ["", arguments.against] if arguments.against else [""]:
            chosen = faults.against(plan, against)
            report = spaces.run(faults.run(chosen, faults.show))
            reports.append(report)
            if not arguments.json:
                print("\n".join(report.lines()), flush=True)
    if arguments.json:
        print(json.dumps([report.as_json() for report in reports], indent=1))
    elif arguments.against:
        print("\n".join(side.table(reports)))
    ours = [report for report in reports if report.what == "sipfront"]
    return 1 if any(report.failed or report.caught_failed for report in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
