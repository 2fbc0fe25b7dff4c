"""The document against the running application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import jsonschema_rs
import pytest
import schemathesis
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from sipfront.admin.app import ROUTES, make_app
from sipfront.admin.openapi import TAGS, document
from sipfront.admin.route import Route
from sipfront.admin.stream import Hub
from tests.admin.conftest import TOKEN
from tests.admin.fake import Pair
from tests.admin.listed import DOCUMENT


async def test_it_is_served(client: TestClient) -> None:
    answer = await client.get("/api/v1/openapi.json")
    assert await answer.json() == document(ROUTES)


def test_every_schema_is_one() -> None:
    for route in ROUTES:
        for answer in route.all_answers().values():
            assert jsonschema_rs.meta.is_valid(answer.schema or {})
        assert jsonschema_rs.meta.is_valid(route.body or {})


def test_every_route_is_told_in_full() -> None:
    seen = set()
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert set(operation["tags"]) <= set(TAGS)
            assert operation["operationId"] not in seen
            seen.add(operation["operationId"])
            assert any(status.startswith("2") for status in operation["responses"])
    assert len(seen) == len(ROUTES)


def test_what_changes_something_needs_the_token() -> None:
    for route in ROUTES:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        if route.method != "GET":
            assert operation["security"] == [{"token": []}]
            assert "401" in operation["responses"]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A front's admin side on a thread of its own."""
    ready = threading.Event()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    where: list[str] = []

    async def serve() -> None:
        pair = Pair()
        # A stream that ends at once is a request as any other.
        runner = web.AppRunner(make_app(pair, TOKEN, hub=Hub(pair, life=0.01)))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        where.append("http://{}:{}".format(*runner.addresses[0]))
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    yield where[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    assert not thread.is_alive()
    loop.close()


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
#: Requests of each kind for each route; the whole is about ten seconds.
EXAMPLES = 40


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_request_gets_what_is_not_listed(
    route: Route, mode: schemathesis.GenerationMode, served: str
) -> None:
    """Right and wrong requests: no 5xx, no unlisted answer, no wrong shape, nothing wrong taken."""
    if mode is schemathesis.GenerationMode.NEGATIVE and not (route.query or route.body):
        mode = schemathesis.GenerationMode.POSITIVE  # nothing in it can be wrong

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=SCHEMA[route.path][route.method].as_strategy(generation_mode=mode))
    def one(case: schemathesis.Case) -> None:
        case.call_and_validate(
            base_url=served,
            headers={"Authorization": f"Bearer {TOKEN}"},
            excluded_checks=[ignored_auth, *([positive_data_acceptance] if route.names else [])],
            timeout=10,
        )

    one()
