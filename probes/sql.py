"""Does a database answer, is it primary or replica, and how far behind?  PostgreSQL and MariaDB.

Needs a driver: ``pip install 'sipfront[postgresql]'`` (asyncpg) or ``'sipfront[mariadb]'`` (aiomysql);
without it the question cannot be asked, which is not a bad answer.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.result import Bad, CannotAsk, Result, judged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.result import Detail

KINDS = ("postgresql", "mariadb")
PORTS = {"postgresql": 5432, "mariadb": 3306}
ROLES = ("any", "primary", "replica")
TIMEOUT = 3.0
#: Seconds that a replica may be behind: what is lost of it would be missed by people.
MAX_LAG = 10.0

#: A replica that has replayed all that it received is not behind, however long ago the last change
#: was; whether it still receives anything is the last column's question.
_POSTGRESQL = """
select pg_is_in_recovery() as replica,
       case when not pg_is_in_recovery()
              or pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end as lag,
       (select count(*) from pg_stat_wal_receiver) > 0 as receiving
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a database is, and who asks."""

    host: str
    user: str
    password: str = ""
    database: str = ""
    port: int | None = None
    kind: str = "postgresql"

    def __repr__(self) -> str:
        """Never the password."""
        return f"Server({self})"

    def __str__(self) -> str:
        return f"{self.kind}://{self.host}:{self.port or PORTS[self.kind]}/{self.database}"


@dataclass(frozen=True, slots=True)
class State:
    """What a server says of itself; ``lag``: seconds, None when it does not know."""

    replica: bool
    lag: float | None
    receiving: bool


async def sql(
    server: Server,
    *,
    role: str = "any",
    max_lag: float = MAX_LAG,
    timeout: float = TIMEOUT,
) -> Result:
    """Ask ``server``; ``role``: what it must be.  (The drivers cannot bind: the route chooses the
    address that is asked from.)  Raises ValueError for words that are unknown."""
    if server.kind not in KINDS or role not in ROLES:
        raise ValueError(f"a database is {' or '.join(KINDS)}, a role {', '.join(ROLES)}")

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        reader = _postgresql if server.kind == "postgresql" else _mariadb
        return judge(await reader(server, timeout), role, max_lag)

    return await judged("sql", str(server), timeout, ask())


def judge(state: State, role: str, max_lag: float) -> tuple[str, Mapping[str, Detail]]:
    """What a state means; raises Bad."""
    found = "replica" if state.replica else "primary"
    details: dict[str, Detail] = {"role": found}
    if state.replica:
        details |= {"lag_s": state.lag, "receiving": state.receiving}
    if role not in ("any", found):
        raise Bad(f"is {found}, not {role}", **details)
    if not state.replica:
        return "primary", details
    if not state.receiving:
        raise Bad("replica that receives nothing from its primary", **details)
    if state.lag is None:
        raise Bad("replica that does not know how far it is behind", **details)
    if state.lag > max_lag:
        raise Bad(f"replica, {state.lag:.0f} s behind", **details)
    return f"replica, {state.lag:.1f} s behind", details


async def _postgresql(server: Server, timeout: float) -> State:
    try:
        import asyncpg
    except ImportError:
        raise CannotAsk("asyncpg is not installed: pip install 'sipfront[postgresql]'") from None
    try:
        connection = await asyncpg.connect(
            host=server.host,
            port=server.port or PORTS["postgresql"],
            user=server.user,
            password=server.password or None,
            database=server.database or None,
            timeout=timeout,
            statement_cache_size=0,
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Bad(_first(error)) from None
    try:
        row = await connection.fetchrow(_POSTGRESQL)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Bad(_first(error)) from None
    finally:
        connection.terminate()  # close() would wait for a server that may be frozen
    lag = row["lag"]
    return State(row["replica"], None if lag is None else float(lag), row["receiving"])


async def _mariadb(server: Server, timeout: float) -> State:
    try:
        import aiomysql
        import pymysql
    except ImportError:
        raise CannotAsk("aiomysql is not installed: pip install 'sipfront[mariadb]'") from None
    try:
        connection = await aiomysql.connect(
            host=server.host,
            port=server.port or PORTS["mariadb"],
            user=server.user,
            password=server.password,
            db=server.database or None,
            connect_timeout=timeout,
            cursorclass=aiomysql.DictCursor,
        )
    except pymysql.err.OperationalError as error:
        cause = error.__cause__
        if isinstance(cause, ConnectionRefusedError):
            raise cause from None
        raise Bad(_first(error)) from None
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("show replica status")
            row: dict[str, Any] | None = await cursor.fetchone()
    except pymysql.err.MySQLError as error:
        raise Bad(_first(error)) from None
    finally:
        with contextlib.suppress(OSError):
            connection.close()
    if row is None:
        return State(False, 0.0, False)
    return of_mariadb(row)


def of_mariadb(row: Mapping[str, Any]) -> State:
    """A row of SHOW REPLICA STATUS (its columns have kept their old names)."""
    lag = row.get("Seconds_Behind_Master")
    running = row.get("Slave_IO_Running") == "Yes" and row.get("Slave_SQL_Running") == "Yes"
    return State(True, None if lag is None else float(lag), running)


def _first(error: Exception) -> str:
    """The first line of what a driver says."""
    text = str(error.args[-1] if error.args else error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
