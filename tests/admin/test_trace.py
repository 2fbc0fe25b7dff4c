from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from sipfront.admin.app import ROUTES
from tests.admin.fake import Pair

PATH = "/api/v1/trace"


async def test_a_call(client: TestClient, auth: dict[str, str], pair: Pair) -> None:
    answer = await client.get(f"{PATH}?name=c1&secrets=true", headers=auth)
    assert answer.status == 200
    found = await answer.json()
    assert [one["party"] for one in found["calls"][0]["messages"]] == ["1001", "a", "b"]
    wanted = {"name": "c1", "kind": "call", "after": 0, "calls": 20, "octets": False}
    assert pair.traced == {**wanted, "secrets": True}


@pytest.mark.parametrize("path", [PATH, "/api/v1/%74race", "/api/v1/trac%65"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nobody_reads_what_others_say_without_the_token(
    client: TestClient, path: str, method: str, pair: Pair
) -> None:
    """From this machine other reads need none."""
    assert (await client.get("/api/v1/calls/live")).status == 200
    answer = await client.request(method, f"{path}?name=c1")
    assert answer.status == 401
    assert not pair.traced


async def test_the_document_says_so(client: TestClient) -> None:
    document = await (await client.get("/api/v1/openapi.json")).json()
    assert document["paths"][PATH]["get"]["security"] == [{"token": []}]
    assert [route.path for route in ROUTES if route.private] == [PATH]


async def test_one_after_the_other(client: TestClient, auth: dict[str, str], pair: Pair) -> None:
    pair.busy = True
    answer = await client.get(f"{PATH}?name=c1", headers=auth)
    assert answer.status == 503
    assert "try again" in (await answer.json())["error"]


@pytest.mark.parametrize(
    "query", ["", "?name=", "?name=x&kind=y", "?name=x&calls=21", "?name=x&after=-1", "?name=x&a=b"]
)
async def test_what_cannot_be_asked(client: TestClient, auth: dict[str, str], query: str) -> None:
    assert (await client.get(PATH + query, headers=auth)).status == 400
