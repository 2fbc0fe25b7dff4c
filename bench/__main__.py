"""``python -m bench``: the measurements, one verb each."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import faults


def main() -> int:
    """Run one measurement and print what it showed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("faults", help="faults under load on a real Asterisk pair (root)")
    verb.add_argument("fault", choices=faults.FAULTS)
    verb.add_argument("--to", choices=("extension", "trunk"), default="extension")
    verb.add_argument("--rate", type=float, default=20.0, help="new calls a second")
    verb.add_argument("--seconds", type=float, default=60.0, help="length of the load")
    arguments = parser.parse_args()
    report = asyncio.run(
        faults.run(arguments.fault, arguments.to, arguments.rate, arguments.seconds)
    )
    print("\n".join(report.lines()))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
