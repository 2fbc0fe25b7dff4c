"""The carriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, boolean, integer, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

ACCOUNT = record(
    {
        "account": text("The address of the account at the carrier"),
        "registered": boolean("The carrier has granted it, and that has not ended"),
        "expires": number("Seconds that are left of what was granted"),
        "status": integer("The carrier's last final answer; 0: none"),
        "why": text("What is wrong; empty: nothing"),
        "nodes": array(text(), "The nodes that registered for it, in the front's eyes"),
    }
)
TRUNK = record(
    {
        "name": text("As it is called in the configuration"),
        "uri": text("Where it is"),
        "ways": array(text(), "Its addresses, in order of preference; none: its name has none now"),
        "calls": integer("Calls on it that are up"),
        "register": text("Who registers there: none, node or front"),
        "registrations": array(ACCOUNT),
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
