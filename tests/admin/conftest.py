from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sipfront.admin.app import make_app
from tests.admin.fake import Pair
from tests.admin.listed import listed

TOKEN = "0123456789abcdefghij"


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture
def auth() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def client(pair: Pair) -> AsyncIterator[TestClient]:
    app = make_app(pair, TOKEN)
    app.middlewares.insert(0, listed)
    async with TestClient(TestServer(app)) as made:
        yield made
