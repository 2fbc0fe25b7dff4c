from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sipfront.admin.app import make_app
from sipfront.admin.route import MAX_BODY
from tests.admin.fake import Pair


async def test_livez(client: TestClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status, await answer.json()) == (200, {"live": True})


async def test_readyz_says_why_on_this_machine(client: TestClient, pair: Pair) -> None:
    answer = await client.get("/readyz")
    assert (answer.status, await answer.json()) == (200, {"ready": True, "why": "a takes calls"})
    pair.ready_ = False
    answer = await client.get("/readyz")
    assert (answer.status, (await answer.json())["ready"]) == (503, False)


async def test_readyz_tells_strangers_one_word(client: TestClient) -> None:
    answer = await client.get("/readyz", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (answer.status, await answer.json()) == (200, {"ready": True})


async def test_status(client: TestClient, pair: Pair) -> None:
    answer = await client.get("/api/v1/status")
    assert answer.status == 200
    assert await answer.json() == pair.status()
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_is_not_finite_is_null(client: TestClient, pair: Pair) -> None:
    pair.heard = float("-inf")
    text = await (await client.get("/api/v1/status")).text()
    assert json.loads(text)["nodes"][0]["heard"] is None
    assert "Infinity" not in text


@pytest.mark.parametrize(("query", "count"), [("", 100), ("?limit=1", 1), ("?limit=1000", 1000)])
async def test_events_are_bounded(client: TestClient, query: str, count: int) -> None:
    events = (await (await client.get("/api/v1/events" + query)).json())["events"]
    assert len(events) == count
    assert events[-1]["text"] == "event 1999"


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "²", "9" * 5000])
async def test_a_wrong_limit_is_refused(client: TestClient, limit: str) -> None:
    answer = await client.get("/api/v1/events", params={"limit": limit})
    assert answer.status == 400
    assert "limit" in (await answer.json())["error"]


async def test_switchover(client: TestClient, pair: Pair, auth: dict[str, str]) -> None:
    answer = await client.post("/api/v1/switchover", headers=auth)
    assert (answer.status, await answer.json()) == (200, {"text": "b is active since epoch 2"})
    answer = await client.post("/api/v1/switchover", headers=auth, json={"to": "b"})
    assert (answer.status, await answer.json()) == (409, {"error": "b is active already"})
    pair.ready_ = False
    body = {"to": "a", "force": True}
    assert (await client.post("/api/v1/switchover", headers=auth, json=body)).status == 200
    assert pair.active == "a"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"to": 3}', 400),
        (b'{"force": "yes"}', 400),
        (b'{"to": "c"}', 404),
        (b'{"where": "b"}', 400),
        (b'{"\xff": 1}', 400),
        (b"{", 400),
        (b"[]", 400),
        (b"[" * 4000, 400),
        (b" " * (MAX_BODY + 1), 413),
    ],
)
async def test_a_wrong_body_moves_nothing(
    client: TestClient, pair: Pair, auth: dict[str, str], body: bytes, status: int
) -> None:
    answer = await client.post("/api/v1/switchover", headers=auth, data=body)
    assert answer.status == status
    assert (await answer.json())["error"]
    assert pair.active == "a"


async def test_a_body_that_does_not_come(pair: Pair, auth: dict[str, str]) -> None:
    token = auth["Authorization"].removeprefix("Bearer ")
    async with TestClient(TestServer(make_app(pair, token, body_seconds=0.05))) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        head = "POST /api/v1/switchover HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
        writer.write(f"{head}Authorization: Bearer {token}\r\n\r\n".encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
        writer.close()


async def test_modes(client: TestClient, pair: Pair, auth: dict[str, str]) -> None:
    answer = await client.post("/api/v1/nodes/a/mode", headers=auth, json={"mode": "drain"})
    assert (answer.status, pair.modes["a"]) == (200, "drain")
    answer = await client.post("/api/v1/nodes/c/mode", headers=auth, json={"mode": "drain"})
    assert answer.status == 404
    assert "a and b" in (await answer.json())["error"]
    for body in ({"mode": "away"}, {}, {"mode": ["drain"]}):
        answer = await client.post("/api/v1/nodes/a/mode", headers=auth, json=body)
        assert answer.status == 400
    assert pair.modes["a"] == "drain"


async def test_errors_are_json(client: TestClient, auth: dict[str, str]) -> None:
    answer = await client.get("/nowhere")
    assert (answer.status, await answer.json()) == (
        404,
        {"error": "there is nothing at this address"},
    )
    answer = await client.get("/api/v1/switchover")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_a_bug_is_told_as_nothing_more(
    client: TestClient, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    pair.log = None  # type: ignore[assignment]
    answer = await client.get("/api/v1/events")
    assert answer.status == 500
    assert "TypeError" not in await answer.text()
    assert "TypeError" in caplog.text


async def test_bindings_and_calls(client: TestClient) -> None:
    held = (await (await client.get("/api/v1/bindings")).json())["bindings"]
    assert [one["aor"] for one in held] == ["1001@example.com", "1002@example.com"]
    held = (await (await client.get("/api/v1/bindings?aor=1001@example.com")).json())["bindings"]
    assert len(held) == 1
    assert (await (await client.get("/api/v1/calls?limit=1")).json())["calls"][0]["call"] == "c"
    assert (await client.get("/api/v1/calls?limit=x")).status == 400
