"""The carriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, integer, record, text

if TYPE_CHECKING:
    from aiohttp import web

TRUNK = record(
    {
        "name": text("As it is called in the configuration"),
        "uri": text("Where it is"),
        "ways": array(text(), "Its addresses, in order of preference; none: its name has none now"),
        "calls": integer("Calls on it that are up"),
    }
)


async def _trunks(asked: Asked) -> web.StreamResponse:
    return answer({"trunks": asked.control.trunks(asked.query["limit"])})


ROUTES = (
    Route(
        "GET",
        "/api/v1/trunks",
        _trunks,
        "The carriers, the ways to each, and the calls on it",
        "trunks",
        {200: Answer("They, as configured", record({"trunks": array(TRUNK)}))},
        query={"limit": LIMIT},
    ),
)
