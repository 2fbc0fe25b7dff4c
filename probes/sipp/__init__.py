"""SIPp from asyncio, in the words of pysipp.

::

    from probes.sipp import client, scenario, server

    uas = server(srcaddr=("127.0.2.1", 5060), ring=200)
    uac = client(srcaddr="127.0.1.1", uri_username="1001", call_count=20, rate=5)
    results = await scenario(uas, uac, proxyaddr=("127.0.0.10", 5060)).run()

One agent alone: ``result = await client(destaddr=...).run()``, or, while it runs::

    async with server(srcaddr="127.0.2.1").start() as run:
        print(run.address, run.stats)

What it refuses to know: what the calls are for.  It imports nothing of sipfront.  A process is
started by the loop that asks; a large program that must not pause for a fork (some milliseconds)
starts its SIPps from a small helper process.
"""

from probes.sipp.agent import Address, Agent, client, server
from probes.sipp.outcome import Outcome, Result, SippError, SippFailed, Stats
from probes.sipp.process import Run
from probes.sipp.scenario import Scenario, scenario
from probes.sipp.timing import CallTiming, spread

__all__ = [
    "Address",
    "Agent",
    "CallTiming",
    "Outcome",
    "Result",
    "Run",
    "Scenario",
    "SippError",
    "SippFailed",
    "Stats",
    "client",
    "scenario",
    "server",
    "spread",
]
