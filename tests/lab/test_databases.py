"""The ``sql`` probe and real databases: primary, replica, behind, cut off, frozen, gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bench import spaces
from probes.result import Result
from probes.sql import Server, sql
from tests.lab import mariadb
from tests.lab.mariadb import MariaDb
from tests.lab.postgres import USER, Postgres


async def until(server: Server, good: Callable[[Result], bool], limit: float = 20.0) -> Result:
    """Ask until the answer is as it should be."""
    ends = time.monotonic() + limit
    while not good(result := await sql(server, timeout=2, max_lag=5)):
        assert time.monotonic() < ends, result
        await asyncio.sleep(0.1)
    return result


def test_postgresql(lab: Path) -> None:
    spaces.run(postgresql())


async def postgresql() -> None:
    primary, replica = Postgres("127.0.0.21"), Postgres("127.0.0.22")
    try:
        await asyncio.to_thread(primary.prepare)
        await primary.start()
        await asyncio.to_thread(replica.follow, primary)
        await replica.start()
        first, second = Server(primary.ip, USER), Server(replica.ip, USER)
        result = await until(first, lambda result: bool(result.good))
        assert result.details["role"] == "primary"
        result = await until(second, lambda result: bool(result.good))
        assert (result.details["role"], result.details["receiving"]) == ("replica", True)
        assert (await sql(second, role="primary")).text == "is replica, not primary"
        assert (await sql(first, role="replica")).good is False

        primary.freeze()
        frozen = await sql(first, timeout=1)
        assert (frozen.good, frozen.text) == (False, "no answer within 1 s")
        primary.kill()
        assert (await sql(first, timeout=1)).good is False
        # It has replayed all that it ever got, and yet it is not well.
        cut = await until(second, lambda result: result.good is False)
        assert "receives nothing" in cut.text
        await replica.promote()
        result = await until(second, lambda result: bool(result.good))
        assert result.details["role"] == "primary"
    finally:
        primary.close()
        replica.close()


def test_mariadb(lab: Path) -> None:
    spaces.run(maria())


async def maria() -> None:
    primary = MariaDb("127.0.0.23", 1)
    replica = MariaDb("127.0.0.24", 2, primary=primary.ip)
    account = {"user": mariadb.USER, "password": mariadb.PASSWORD, "kind": "mariadb"}
    first, second = Server(primary.ip, **account), Server(replica.ip, **account)
    try:
        await asyncio.gather(*(asyncio.to_thread(one.prepare) for one in (primary, replica)))
        await primary.start()
        await replica.start()
        result = await until(first, lambda result: bool(result.good))
        assert result.details["role"] == "primary"
        result = await until(second, lambda result: bool(result.good))
        assert (result.details["role"], result.details["receiving"]) == ("replica", True)
        wrong = await sql(Server(primary.ip, "probe", "wrong", kind="mariadb"))
        assert (wrong.good, "Access denied" in wrong.text) == (False, True)

        primary.freeze()
        frozen = await sql(first, timeout=1)
        assert (frozen.good, frozen.text) == (False, "no answer within 1 s")
        primary.kill()
        assert (await sql(first, timeout=1)).text == "refused: nobody listens there"
        cut = await until(second, lambda result: result.good is False)
        assert "receives nothing" in cut.text
    finally:
        primary.close()
        replica.close()
