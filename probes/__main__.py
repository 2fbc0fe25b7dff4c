"""``python -m probes``: ask one node one question.

Exit codes, for cron and monitoring: 0 fine, 1 the answer was bad or there was none, 2 bad usage.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import signal
import sys
from typing import TYPE_CHECKING

from probes.options import TIMEOUT, options
from probes.sipp import CallTiming, Result, SippError, Stats, client, server, spread
from probes.sipp.agent import Agent, scenario_names
from sipfront.sip.errors import SipError

if TYPE_CHECKING:
    from collections.abc import Sequence

FINE, FAILED, USAGE = 0, 1, 2


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, ask, print, and return the exit code."""
    chosen = _parser().parse_args(words)
    try:
        return asyncio.run(_cancellable(chosen))
    except (SipError, SippError, ValueError) as error:
        print(f"probes: {error}", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return FAILED


async def _cancellable(chosen: argparse.Namespace) -> int:
    """Run what was chosen; SIGTERM ends it as Ctrl-C does, with everything cleaned up."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return int(await chosen.run(chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m probes", description=__doc__.split("\n")[0])
    kinds = parser.add_subparsers(required=True, metavar="PROBE")

    ask = kinds.add_parser("options", help="one OPTIONS: does it answer, and how fast")
    ask.add_argument("target", help="sip:host[:port][;transport=tcp]")
    ask.add_argument("--local", metavar="HOST", help="send from this address")
    ask.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S")
    ask.add_argument("--any", action="store_true", help="every answer is fine, not only 2xx")
    ask.add_argument("--json", action="store_true")
    ask.set_defaults(run=_options)

    load = kinds.add_parser("sipp", help="run one of our SIPp scenarios ('sipp list' names them)")
    load.add_argument("scenario", help=f"{', '.join(scenario_names())}, or list, or FILE.xml")
    load.add_argument("--to", type=_address, metavar="HOST[:PORT]", help="whom to call")
    load.add_argument("--via", type=_address, metavar="HOST[:PORT]", help="send packets there")
    load.add_argument("--local", type=_address, metavar="HOST[:PORT]", default=("127.0.0.1", None))
    load.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    load.add_argument("--user", default="service", help="the extension to call")
    load.add_argument("--caller", default="sipp", help="the user in From")
    load.add_argument("--domain", help="the host in From, To and Request-URI")
    load.add_argument("--auth", metavar="USER:PASSWORD")
    load.add_argument("--calls", type=int, metavar="N", help="default: 1; a server: no end")
    load.add_argument("--rate", type=float, default=10.0, metavar="N", help="new calls a second")
    load.add_argument("--length", type=int, default=0, metavar="MS", help="how long a call lasts")
    load.add_argument("--ring", type=int, default=0, metavar="MS", help="from 180 to 200")
    load.add_argument("--timeout", type=int, metavar="S", help="end the whole run then")
    load.add_argument("--timings", action="store_true", help="when each call was set up")
    load.add_argument("--json", action="store_true")
    load.set_defaults(run=_sipp)
    return parser


async def _options(chosen: argparse.Namespace) -> int:
    answer = await options(chosen.target, local=chosen.local, timeout=chosen.timeout)
    fine = answer.alive if chosen.any else answer.ok
    if chosen.json:
        print(json.dumps(dataclasses.asdict(answer) | {"ok": fine}))
    else:
        print(answer)
    return FINE if fine else FAILED


async def _sipp(chosen: argparse.Namespace) -> int:
    if chosen.scenario == "list":
        print("\n".join(scenario_names()))
        return FINE
    agent = _agent(chosen)
    async with agent.start(None if chosen.json else _progress) as run:
        if not agent.is_client and not chosen.json:
            print(f"{agent.name} listens on {run.address[0]} port {run.address[1]}", flush=True)
        result = await run.wait()
    if chosen.json:
        print(json.dumps(_plain(result)))
    else:
        print(result)
        for name, seconds in spread(_set_ups(result.calls)).items():
            print(f"set-up {name}: {seconds * 1000:.1f} ms")
    return FINE if result.ok else FAILED


def _agent(chosen: argparse.Namespace) -> Agent:
    is_file = chosen.scenario.endswith(".xml")
    serves = chosen.to is None and chosen.via is None
    agent = server() if serves else client()
    if is_file:
        agent = agent.but(scen_file=chosen.scenario, name=chosen.scenario)
    else:
        agent = agent.but(scen_name=chosen.scenario, name=chosen.scenario)
    if not serves and chosen.scenario.startswith("uas"):
        raise SippError(f"{chosen.scenario} waits for calls: it takes no --to")
    if serves and not is_file and not chosen.scenario.startswith("uas"):
        raise SippError(f"{chosen.scenario} calls somebody: --to HOST is missing")
    if chosen.auth:
        user, _, password = chosen.auth.partition(":")
        agent = agent.but(auth_username=user, auth_password=password)
        if chosen.scenario == "register":
            agent = agent.but(users=((user, password),))
    return agent.but(
        srcaddr=chosen.local,
        destaddr=chosen.to,
        proxyaddr=chosen.via,
        transport=chosen.transport,
        uri_username=chosen.user,
        caller=chosen.caller,
        domain=chosen.domain,
        call_count=chosen.calls or agent.call_count,
        rate=chosen.rate,
        pause_duration=chosen.length,
        ring=chosen.ring,
        timeout=chosen.timeout,
        timings=chosen.timings,
    )


def _address(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port`` or ``[v6]:port``."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):
        return text.strip("[]"), None
    if not port.isdigit() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text}: the port is a number from 1 to 65535")
    return host.strip("[]"), int(port)


def _progress(stats: Stats) -> None:
    print(
        f"{stats.elapsed:6.1f} s  {stats.created} calls, {stats.current} up, "
        f"{stats.successful} successful, {stats.failed} failed",
        file=sys.stderr,
        flush=True,
    )


def _set_ups(calls: Sequence[CallTiming]) -> list[float]:
    return [call.set_up for call in calls if call.set_up is not None]


def _plain(result: Result) -> dict[str, object]:
    plain = dataclasses.asdict(result)
    plain["outcome"] = result.outcome.name.lower()
    plain["ok"] = result.ok
    plain["set_up"] = spread(_set_ups(result.calls))
    return plain


if __name__ == "__main__":
    sys.exit(main())
