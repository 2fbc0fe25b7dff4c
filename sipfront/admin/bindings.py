"""The phones that are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, boolean, mapping, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

#: The longest address-of-record that is looked for.
AOR_MAX = 255

BINDING = record(
    {
        "aor": text("The address-of-record"),
        "contact": text("The phone's own Contact"),
        "flow": text("How it is reached"),
        "reachable": boolean(),
        "expires": number("Seconds that it still holds"),
        "user_agent": text(),
        "nodes": mapping(number(), "Seconds that each node still holds it; 0: not at all"),
        "seen": number("Seconds since its phone last registered"),
        "call_id": text("The Call-ID of its phone's REGISTERs"),
        "params": text("The parameters of its Contact"),
        "credentials": text("known, refused or unknown: can the front register it by itself"),
    },
    optional=(
        "contact",
        "flow",
        "expires",
        "user_agent",
        "nodes",
        "seen",
        "call_id",
        "params",
        "credentials",
    ),
)


async def _bindings(asked: Asked) -> web.StreamResponse:
    held = asked.control.bindings(asked.query["aor"], asked.query["limit"])
    return answer({"bindings": held})


ROUTES = (
    Route(
        "GET",
        "/api/v1/bindings",
        _bindings,
        "The phones that are registered",
        "bindings",
        {200: Answer("They", record({"bindings": array(BINDING)}))},
        query={
            "aor": text("Only this extension or user@domain", maxLength=AOR_MAX, default=""),
            "limit": LIMIT,
        },
    ),
)
