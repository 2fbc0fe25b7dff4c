"""The ``sql`` probe and real databases: primary, replica, behind, cut off, frozen, gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import spaces
from probes.result import Result
from probes.sql import Server, sql
from sipfront.config.registrations import Source
from sipfront.runtime.credentials import CredentialsError, read
from sipfront.stack.accounts import Account
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


#: Phones as a PBX has them in its database: a password, and the hash of one in two algorithms.
PHONES = """
create table phones (name text, secret text, md5 text, sha text);
insert into phones values ('1001', 'one', null, null), ('1002', null, repeat('a', 32), null),
  ('1003', null, null, repeat('B', 64));
"""
ASKED = """
select name as user, secret as password, coalesce(md5, sha) as ha1, 'example.com' as realm,
  case when sha is null then 'MD5' else 'SHA-256' end as algorithm, name || '@example.com' as aor
from phones order by name
"""


def test_credentials_of_phones_in_postgresql(lab: Path) -> None:
    spaces.run(credentials())


async def credentials() -> None:
    """Passwords and hashes are read; what is wrong is told, and never the secret."""
    server = Postgres("127.0.0.26")
    uri = f"postgresql://{USER}:hunter2@{server.ip}/{USER}"
    realm = b"example.com"
    try:
        await asyncio.to_thread(server.prepare)
        await server.start()
        await server.sql(PHONES)
        found = await read(Source(database=uri, query=ASKED))
        assert found == {
            b"1001@example.com": Account(b"1001", b"one"),
            b"1002@example.com": Account(b"1002", b"", ((realm, b"md5", b"a" * 32),)),
            b"1003@example.com": Account(b"1003", b"", ((realm, b"sha-256", b"b" * 64),)),
        }
        wrong = {
            "select name as user from phones": "needs user and one of password and ha1",
            "select secret from nowhere": "does not exist",
            "drop table phones": "read-only transaction",
        }
        for query, told in wrong.items():
            with pytest.raises(CredentialsError, match=told) as caught:
                await read(Source(database=uri, query=query))
            assert "hunter2" not in str(caught.value)
        assert len(await read(Source(database=uri, query=ASKED))) == 3, "still there"
    finally:
        server.close()
    with pytest.raises(CredentialsError) as caught:
        await read(Source(database=uri, query=ASKED))
    assert "hunter2" not in str(caught.value)
