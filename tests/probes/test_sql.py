from __future__ import annotations

import asyncio

import pytest

from probes.result import Bad
from probes.sql import Server, State, judge, of_mariadb, sql
from tests.probes.peers import line_peer


@pytest.mark.parametrize(
    ("state", "role", "good"),
    [
        (State(False, 0, False), "any", True),
        (State(False, 0, False), "primary", True),
        (State(False, 0, False), "replica", False),
        (State(True, 0.5, True), "any", True),
        (State(True, 0.5, True), "primary", False),
        (State(True, 11, True), "any", False),
        (State(True, 0, False), "any", False),  # nothing comes: that it replayed all means nothing
        (State(True, None, True), "any", False),
    ],
)
def test_role_and_lag(state: State, role: str, good: bool) -> None:
    if good:
        assert judge(state, role, 10)[1]["role"] == ("replica" if state.replica else "primary")
    else:
        with pytest.raises(Bad):
            judge(state, role, 10)


def test_the_columns_of_mariadb() -> None:
    row = {"Seconds_Behind_Master": 3, "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes"}
    assert of_mariadb(row) == State(True, 3.0, True)
    assert of_mariadb(row | {"Slave_IO_Running": "Connecting"}) == State(True, 3.0, False)
    assert of_mariadb(row | {"Seconds_Behind_Master": None}).lag is None


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_refused_and_frozen(kind: str) -> None:
    async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with line_peer(hangs) as port:
        frozen = await sql(Server("127.8.41.2", "u", port=port, kind=kind), timeout=0.2)
        assert (frozen.good, frozen.text) == (False, "no answer within 0.2 s")
    gone = await sql(Server("127.8.41.2", "u", port=port, kind=kind), timeout=1)
    assert gone.good is False


async def test_bad_words() -> None:
    with pytest.raises(ValueError, match="role"):
        await sql(Server("h", "u"), role="boss")
    assert "secret" not in repr(Server("h", "u", "secret"))
