from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from sipfront.admin import stream
from sipfront.admin.app import make_app
from sipfront.admin.stream import Client, Hub
from tests.admin.conftest import TOKEN
from tests.admin.fake import Pair

LIMIT = 5.0


class Told(NamedTuple):
    kind: str
    id: str
    value: Any


async def read(answer: aiohttp.ClientResponse) -> Told:
    """The next message; comments are of the kind ":"."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(LIMIT):
        while line := (await answer.content.readline()).decode():
            if line == "\n":
                if set(fields) - {"retry"}:
                    break
                continue
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value
    assert fields, "the stream has ended"
    value = json.loads(fields["data"]) if "data" in fields else fields.get("")
    return Told(fields.get("event", ":"), fields.get("id", ""), value)


async def until(answer: aiohttp.ClientResponse, kind: str) -> Told:
    while (told := await read(answer)).kind != kind:
        pass
    return told


@pytest.fixture
async def quick(pair: Pair) -> AsyncIterator[TestClient]:
    """The status twenty times a second."""
    app = make_app(pair, TOKEN, hub=Hub(pair, heartbeat=0.1), seconds=0.05)
    async with TestClient(TestServer(app)) as made:
        yield made


async def test_what_happens_is_told_at_once(quick: TestClient, pair: Pair) -> None:
    async with quick.get("/api/v1/stream") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        hello = await read(answer)
        assert hello.value == {"instance": "one", "resumed": False, "events": stream.CATCH_UP}
        for n in range(2000 - stream.CATCH_UP, 2000):
            assert (await read(answer)).value["text"] == f"event {n}"
        assert (await read(answer)).value == pair.status()
        pair.happen("the sky fell")
        told = await until(answer, "event")
        assert (told.id, told.value["text"]) == ("one.2001", "the sky fell")
        pair.active = "b"
        while (await until(answer, "status")).value["active"] != "b":
            pass
        while (await until(answer, "sample")).value["nodes"]["b"]["active"] != 1:
            pass


async def test_an_event_brings_the_status_with_it(client: TestClient, pair: Pair) -> None:
    async with client.get("/api/v1/stream") as answer:
        await until(answer, "sample")  # the next is a second away
        pair.active = "b"
        begun = asyncio.get_running_loop().time()
        pair.happen("b is active")
        while (await until(answer, "status")).value["active"] != "b":
            pass
        assert asyncio.get_running_loop().time() - begun < 0.5


async def test_who_comes_back_has_missed_nothing(quick: TestClient, pair: Pair) -> None:
    pair.happen("first")
    headers = {"Last-Event-ID": "one.1999"}
    async with quick.get("/api/v1/stream?status=false", headers=headers) as answer:
        hello = await read(answer)
        assert hello.value == {"instance": "one", "resumed": True, "events": 2}
        assert [(await read(answer)).id for _ in range(2)] == ["one.2000", "one.2001"]


@pytest.mark.parametrize("last", ["two.1999", "one", "one.", "one.x", "one.²", "." * 900])
async def test_another_instance_tells_everything(quick: TestClient, last: str) -> None:
    headers = {"Last-Event-ID": last.encode("utf-8").decode("latin-1")}
    async with quick.get("/api/v1/stream", headers=headers) as answer:
        assert (await read(answer)).value["resumed"] is False


async def test_silence_is_broken(quick: TestClient) -> None:
    headers = {"Last-Event-ID": "one.2000"}
    async with quick.get("/api/v1/stream?status=false", headers=headers) as answer:
        assert (await read(answer)).kind == "hello"
        assert (await read(answer)).kind == ":"


async def test_clients_are_bounded(
    quick: TestClient, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MAX_CLIENTS", 1)
    async with quick.get("/api/v1/stream") as first:
        await read(first)
        async with quick.get("/api/v1/stream") as second:
            assert second.status == 503
            assert "no more" in (await second.json())["error"]
    # The one who went has left room, once the front has seen it go.
    async with asyncio.timeout(LIMIT):
        while (answer := await quick.get("/api/v1/stream")).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    answer.close()


def test_a_client_that_does_not_read_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(with_status=True)
    monkeypatch.setattr(stream, "MAX_WAITING", 3)
    for number in range(3):
        client.event(b"%d" % number)
        client.status(b"s%d" % number)
    assert not client.closed
    client.event(b"3")
    assert client.closed
    assert client.take() == b"012s2"


async def test_a_stream_ends_with_its_life_and_with_the_front(pair: Pair) -> None:
    server = TestServer(make_app(pair, TOKEN, hub=Hub(pair, life=0.05)))
    async with TestClient(server) as client, client.get("/api/v1/stream") as answer:
        async with asyncio.timeout(LIMIT):
            await answer.read()
    server = TestServer(make_app(pair, TOKEN))
    async with TestClient(server) as client, client.get("/api/v1/stream") as answer:
        await read(answer)
        closing = asyncio.create_task(server.close())
        async with asyncio.timeout(LIMIT):
            await answer.read()
            await closing
    assert pair.listeners == []


async def test_it_needs_what_reading_needs(client: TestClient, auth: dict[str, str]) -> None:
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    assert (await client.get("/api/v1/stream", headers=stranger)).status == 401
    async with client.get("/api/v1/stream", headers=stranger | auth) as answer:
        assert answer.status == 200
