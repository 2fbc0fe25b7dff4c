"""``python -m probes``: ask one node one question (``--help`` teaches).

Exit codes, for cron: 0 good, 1 the answer was bad or there was none, 2 bad usage or it could not be
asked; with ``--plugin`` those of monitoring plug-ins.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import sys
from typing import TYPE_CHECKING

from probes.asking import Question, ask
from probes.result import FAILED, FINE, USAGE
from probes.sipp import CallTiming, Result, SippError, Stats, client, server, spread
from probes.sipp.agent import Agent, scenario_names
from probes.usage import parser
from sipfront.sip.errors import SipError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

#: What a question calls it, and what the command line does, where they differ.
_SAME = (
    "target", "url", "user", "local", "hear", "audio", "max_loss", "contains", "name", "days",
    "authorities", "database_kind", "database", "role", "max_lag",
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, ask, print, and return the exit code."""
    chosen = parser().parse_args(words)
    try:
        return asyncio.run(_cancellable(chosen))
    except (SipError, SippError, ValueError, OSError) as error:
        print(f"probes: {error}", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return FAILED


async def _cancellable(chosen: argparse.Namespace) -> int:
    """Run what was chosen; SIGTERM ends it as Ctrl-C does, with everything cleaned up."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await (_sipp(chosen) if chosen.run == "sipp" else _ask(chosen))


def _question(chosen: argparse.Namespace) -> Question:
    given = vars(chosen)
    more = {name: given[name] for name in _SAME if given.get(name) is not None}
    if file := given.get("password_file"):
        more["password"] = (file.read_text().splitlines() or [""])[0]
    if "address" in given:
        host, port = given["address"]
        if port is None and chosen.kind != "sql":
            raise ValueError(f"{host}: the port is missing")
        more |= {"host": host, "port": port or 0}
    if given.get("expect"):
        more["expect"] = tuple(given["expect"])
    if chosen.kind == "command":
        words = tuple(word for n, word in enumerate(chosen.words) if n or word != "--")
        if not words:
            raise ValueError("command: what is to be run?")
        more["words"] = words
    return Question(
        kind=chosen.kind,
        timeout=chosen.timeout,
        verify=not given.get("insecure", False),
        any_answer=given.get("any", False),
        **more,
    )


async def _ask(chosen: argparse.Namespace) -> int:
    result = await ask(_question(chosen))
    if chosen.json:
        print(json.dumps(dataclasses.asdict(result) | {"word": result.word}))
    elif chosen.plugin:
        word = {True: "OK", False: "CRITICAL", None: "UNKNOWN"}[result.good]
        print(f"{result.probe.upper()} {word} - {result.text} | time={result.seconds:.4f}s")
    else:
        print(result)
    return result.exit_code(plugin=chosen.plugin)


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
