from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient


async def test_live(client: TestClient) -> None:
    answer = await client.get("/api/v1/calls/live?limit=2")
    calls = (await answer.json())["calls"]
    assert [(call["id"], call["state"]) for call in calls] == [("call0", "up"), ("call1", "up")]
    answer = await client.get("/api/v1/calls/live?node=nobody")
    assert await answer.json() == {"calls": []}


async def test_records_come_in_pages(client: TestClient) -> None:
    answer = await client.get("/api/v1/calls/records?limit=1000")
    calls = (await answer.json())["calls"]
    assert (len(calls), calls[0]["n"], calls[-1]["n"]) == (1000, 2500, 1501)
    answer = await client.get("/api/v1/calls/records?limit=1000&before=1501&since=1400.5")
    calls = (await answer.json())["calls"]
    assert (calls[0]["n"], calls[-1]["n"]) == (1500, 1401)


@pytest.mark.parametrize(
    "query",
    ["limit=1001", "limit=0", "before=-1", "since=x", "until=-1", "node=" + "x" * 256, "what=1"],
)
async def test_what_cannot_be_asked(client: TestClient, query: str) -> None:
    answer = await client.get(f"/api/v1/calls/records?{query}")
    assert answer.status == 400
