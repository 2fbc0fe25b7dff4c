from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sipfront.admin.app import make_app
from tests.admin.fake import Pair

READS = ["/metrics", "/api/v1/status", "/api/v1/events"]
LEVERS = ["/api/v1/switchover", "/api/v1/nodes/a/mode"]


@pytest.mark.parametrize("path", LEVERS)
@pytest.mark.parametrize(
    "value",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic x", "Bearer \xe4", "Bearer None"],
)
async def test_levers_need_the_token(client: TestClient, path: str, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    answer = await client.post(path, headers=headers, json={"mode": "drain"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "token" in (await answer.json())["error"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
        {"Host": "evil.example:8060"},
    ],
)
async def test_a_proxy_or_a_web_page_is_not_this_machine(
    client: TestClient, auth: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    assert (await client.get(path)).status == 200
    assert (await client.get(path, headers=headers)).status == 401
    assert (await client.get(path, headers=headers | auth)).status == 200


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8060", "LOCALHOST"])
async def test_plain_hosts_are_fine(client: TestClient, host: str) -> None:
    assert (await client.get("/api/v1/status", headers={"Host": host})).status == 200


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/nowhere", "/static/", "/static/nowhere.js"])
async def test_strangers_do_not_learn_what_is_there(client: TestClient, path: str) -> None:
    assert (await client.get(path, headers={"X-Real-IP": "203.0.113.9"})).status == 401


async def test_without_a_token_no_lever_moves(pair: Pair) -> None:
    async with TestClient(TestServer(make_app(pair, None))) as client:
        for header in ("Bearer ", "Bearer None"):
            answer = await client.post(LEVERS[0], headers={"Authorization": header})
            assert answer.status == 401
        assert (await client.get("/api/v1/status")).status == 200
