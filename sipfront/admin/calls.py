"""The calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, boolean, integer, record, text

if TYPE_CHECKING:
    from aiohttp import web

DIALOG = record(
    {
        "call": text("Equal for the two legs of one call"),
        "kind": text("INVITE, or the event of a subscription"),
        "call_id": text(),
        "outside": text("From or To of the party outside"),
        "inside": text("From or To of the party inside"),
        "from": text("Who began it: outside or inside"),
        "flow": text("How the party outside is reached"),
        "trunk": text("The trunk, or empty"),
        "node": text("The node that carries it"),
        "epoch": integer("Since which change of role"),
        "kept": boolean("The call goes on without that node: the front is its end of both legs"),
    },
    optional=("call_id", "outside", "inside", "from", "flow", "trunk", "epoch", "kept"),
)


async def _calls(asked: Asked) -> web.StreamResponse:
    return answer({"calls": asked.control.calls(asked.query["limit"])})


ROUTES = (
    Route(
        "GET",
        "/api/v1/calls",
        _calls,
        "The dialogs that are up",
        "calls",
        {200: Answer("They, oldest first", record({"calls": array(DIALOG)}))},
        query={"limit": LIMIT},
    ),
)
