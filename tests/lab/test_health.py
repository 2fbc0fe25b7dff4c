"""Real Asterisks that answer OPTIONS and cannot serve: what the probes see, and what the front does.

The full table is ``python -m bench health``; here each fault is done once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import health, spaces
from bench.ills import FAULTS
from probes.asking import Question, ask
from probes.result import Result
from tests.lab.faulting import BUSY, FULL
from tests.lab.postgres import Postgres
from tests.lab.realtime import PASSWORD, PROMPT, USER, Realtime

#: Those that never reach the database, and those that are about it.
SHALLOW = ("kill", "freeze", "prompt", "dialplan", "full")
DATABASE = ("database-frozen", "register", "database-gone", "overload")
#: Those that other tests show with many more calls.
MOMENTS = ("restart", "stun", "stun1", "stun3")
FROM = "127.0.0.10"


@pytest.mark.parametrize(
    "names",
    [SHALLOW, DATABASE, pytest.param(MOMENTS, marks=pytest.mark.soak)],
    ids=["shallow", "database", "moments"],
)
def test_what_is_seen_and_when(lab: Path, names: tuple[str, ...]) -> None:
    findings = spaces.run(health.run(list(names), 10 if FULL else 1))
    print("\n" + "\n".join(health.lines(findings)))
    for finding in findings:
        # Whether the roles change holds on any machine; when, on one that has time to spare.
        assert finding.free or bool(finding.stayed) == (finding.target is None), finding
        assert all(heard.good for heard in finding.heard), finding
        if finding.name == FAULTS["overload"].words:  # the other node took what this one dropped
            assert all(heard.elsewhere for heard in finding.heard), finding
        if os.getloadavg()[0] / (os.cpu_count() or 1) <= BUSY:
            assert finding.good, finding


def test_each_probe_asks_a_real_asterisk(lab: Path, tmp_path: Path) -> None:
    spaces.run(_each(tmp_path))


async def _each(folder: Path) -> None:
    database = Postgres("127.0.0.21")
    node = Realtime("pbx-a", "127.0.0.11", folder, database=database, static=True)
    try:
        await asyncio.to_thread(database.prepare)
        await database.start()
        await node.fill()
        await node.start()
        await _well(node.ip)
        await _ill(node)
    finally:
        node.kill()
        database.close()


def sip(kind: str, ip: str, extension: str = "", **more: object) -> Question:
    user = f"{extension}@" if extension else ""
    values = {"timeout": 2.0, "target": f"sip:{user}{ip}", "local": FROM, **more}
    return Question(kind=kind, **values)  # type: ignore[arg-type]


ACCOUNT = {"user": USER, "password": PASSWORD}


async def _well(ip: str) -> None:
    manager = {"user": "sipfront", "password": "ami-secret"}
    asked = [
        sip("options", ip),
        sip("options", ip, "health"),
        sip("call", ip, "600"),
        sip("call", ip, "600", **ACCOUNT),
        sip("call", ip, "601", hear=1004),
        sip("call", ip, PROMPT, hear=600),
        sip("register", ip, **ACCOUNT),
        Question(kind="tcp", timeout=2.0, host=ip, port=5060),
        Question(kind="ami", timeout=2.0, host=ip, port=5038, **manager),
        Question(
            kind="ari", timeout=2.0, url=f"http://{ip}:8088", user="sipfront", password="ari-secret"
        ),
        Question(kind="http", timeout=2.0, url=f"http://{ip}:8088/httpstatus"),
    ]
    for question in asked:
        result = await ask(question)
        print(result)
        assert result.good, result
    assert (await ask(sip("options", ip, "nobody"))).text.startswith("404")
    assert (await ask(sip("call", ip, "nobody"))).text.startswith("404")
    refused = await ask(sip("register", ip, user=USER, password="wrong"))
    assert (refused.good, "refused" in refused.text) == (False, True)


async def _ill(node: Realtime) -> None:
    async def found(good: Callable[[Result], bool], question: Question) -> None:
        ends = time.monotonic() + 5  # the PBX's own session learns of it a moment later
        while not good(result := await ask(question)):
            assert time.monotonic() < ends, result
            await asyncio.sleep(0.05)
        print(result)

    ip, database = node.ip, node.database
    alive, called = sip("options", ip), sip("call", ip, "600", **ACCOUNT)
    node.prompt.unlink()
    prompt = sip("call", ip, PROMPT, hear=600)
    await found(lambda result: "not one packet of audio" in result.text, prompt)
    await database.writable(yes=False)
    await found(lambda r: "without our Contact" in r.text, sip("register", ip, **ACCOUNT))
    await database.writable(yes=True)
    await found(lambda result: bool(result.good), sip("register", ip, **ACCOUNT))
    database.freeze()
    await found(lambda result: result.good is False, called)
    await found(lambda result: bool(result.good), alive)
    database.thaw()
