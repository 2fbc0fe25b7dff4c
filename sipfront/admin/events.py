"""What happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, integer, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

EVENT = record(
    {
        "id": integer("Grows by one with every event of a front's life"),
        "at": number("Seconds since the epoch of Unix"),
        "event": text("What it is, in one word"),
        "text": text("What happened, in one sentence"),
        "epoch": integer("The change of role that it belongs to"),
        "node": text("The node that it is about"),
        "rule": text("What decided, where something was decided"),
        "took": number("Changes of role: seconds since the trouble that led to it began"),
        "evidence": array(record({"kind": text()}), "What a decision rests on"),
    },
    optional=("id", "epoch", "node", "rule", "took", "evidence"),
)


async def _events(asked: Asked) -> web.StreamResponse:
    return answer({"events": asked.control.events(asked.query["limit"])})


ROUTES = (
    Route(
        "GET",
        "/api/v1/events",
        _events,
        "The newest events",
        "events",
        {200: Answer("They, oldest first", record({"events": array(EVENT)}))},
        query={"limit": LIMIT},
    ),
)
