from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sipfront.admin.guard import guard, plain_errors
from sipfront.admin.route import (
    CONTROL,
    SECONDS,
    Answer,
    Asked,
    Refused,
    Route,
    add,
    answer,
    as_json,
)
from sipfront.admin.schema import boolean, integer, number, record, text
from tests.admin.fake import Pair


async def echo(asked: Asked) -> web.StreamResponse:
    if asked.places.get("name") == "nobody":
        raise Refused(404, "there is nobody")
    return answer({"query": asked.query, "body": asked.body, "places": asked.places})


QUERY = {
    "must": text(maxLength=5),
    "count": integer(minimum=0, default=7),
    "share": number(default=0.5),
    "all": boolean(default=False),
}
FINE = {200: Answer("It", record({}))}
ROUTES = (
    Route("GET", "/look", echo, "look", "pair", FINE, query=QUERY),
    Route("POST", "/pull", echo, "pull", "pair", FINE, body=record({"n": integer()}, closed=True)),
    Route("DELETE", "/things/{name}", echo, "no more", "pair", {**FINE, 404: Answer("not there")}),
)


@pytest.fixture
async def asking() -> AsyncIterator[TestClient]:
    app = web.Application(middlewares=[plain_errors, guard("0123456789abcdefghij")])
    app[CONTROL] = Pair()
    app[SECONDS] = 1.0
    add(app, ROUTES)
    headers = {"Authorization": "Bearer 0123456789abcdefghij"}
    async with TestClient(TestServer(app), headers=headers) as made:
        yield made


async def test_a_handler_sees_values_and_defaults(asking: TestClient) -> None:
    got = await (await asking.get("/look?must=x&count=3&all=true&share=1.5")).json()
    assert got["query"] == {"must": "x", "count": 3, "share": 1.5, "all": True}
    got = await (await asking.get("/look?must=x&share=1.5e-3")).json()
    assert got["query"]["share"] == 0.0015
    got = await (await asking.get("/look?must=x")).json()
    assert got["query"] == {"must": "x", "count": 7, "share": 0.5, "all": False}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "must is missing"),
        ("must=x&must=y", "must stands there twice"),
        ("must=abcdef", "must is longer than 5 characters"),
        ("must=x&count=", "count must be a whole number"),
        ("must=x&count=²", "count must be a whole number"),
        ("must=x&count=" + "9" * 5000, "count must be a whole number"),
        ("must=x&count=-1", "count must be a number of at least 0"),
        ("must=x&all=1", "all must be true or false"),
        ("must=x&share=nan", "share must be a number"),
        ("must=x&share=1e999", "share must be a number"),
        ("must=x&wrong=1", "'wrong' is not understood here, only all, count, must, share"),
    ],
)
async def test_what_is_wrong_in_a_query(asking: TestClient, query: str, sentence: str) -> None:
    got = await asking.get(f"/look?{query}")
    assert (got.status, (await got.json())["error"]) == (400, sentence)


async def test_bodies_and_places(asking: TestClient) -> None:
    got = await asking.post("/pull", json={"n": 3})
    assert (await got.json())["body"] == {"n": 3}
    got = await asking.post("/pull", json={"n": 3, "m": 4})
    assert got.status == 400
    got = await asking.delete("/things/a%20b")
    assert (await got.json())["places"] == {"name": "a b"}
    got = await asking.delete("/things/nobody")
    assert (got.status, await got.json()) == (404, {"error": "there is nobody"})


async def test_head_is_answered_where_get_is(asking: TestClient) -> None:
    assert (await asking.head("/look?must=x")).status == 200
    assert (await asking.head("/pull")).status == 405


def test_answers_of_the_frame_are_listed() -> None:
    assert [set(route.all_answers()) for route in ROUTES] == [
        {200, 400, 401},
        {200, 400, 401, 408, 413},
        {200, 400, 401, 404},
    ]


def test_json_is_for_every_reader() -> None:
    odd = {"a": float("nan"), "b": [float("inf"), (1.5,)], "c": {"d": None}, "e": b"x"}
    assert json.loads(as_json(odd)) == {
        "a": None,
        "b": [None, [1.5]],
        "c": {"d": None},
        "e": "b'x'",
    }
