"""Calls as people count them: both legs as one, those that are up and those that were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.admin.route import LIMIT, Answer, Asked, Route, answer
from sipfront.admin.schema import array, integer, maybe, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

#: The longest name of a node or party that is looked for.
NAME_MAX = 255

_FIELDS = {
    "id": text("The call's name: its X-Sipfront-Call"),
    "start": number("When its INVITE came, seconds since the epoch of Unix"),
    "ring": maybe(number("When the caller first heard something")),
    "answer": maybe(number("When it was answered")),
    "end": maybe(number("When it ended; null: not over")),
    "seconds": maybe(number("How long it was up")),
    "ended_by": text("caller, callee, node, front or nobody; empty: not over"),
    "status": integer("The final answer; 0: none"),
    "caller": text("Who called"),
    "callee": text("Who was called"),
    "reached": text("Who answered, where both legs are known to be one call"),
    "from_trunk": text("The trunk that it came from, or empty"),
    "to_trunk": text("The trunk that it went to, or empty"),
    "node": text("The node that it was given to at first"),
    "node_end": text("The node that carried it last"),
    "epoch": integer("The change of role in which it began"),
    "done": text("What was done for it: parked, hedged, moved, ended by front, ..."),
    "call_id": text("The Call-ID of the leg that it began with"),
    "other_call_id": text("The Call-ID of the other leg, where that is known"),
}
LIVE = record({**_FIELDS, "state": text("setting up, ringing or up")})
CALL = record({"n": integer("Its number, for the next page; 0: not written yet"), **_FIELDS})

_NODE = text("Only calls of this node", maxLength=NAME_MAX, default="")
#: Seconds since 1970; the year 36812 is late enough, and no reader has to print 308 digits.
_TIME = {"minimum": 0, "maximum": 2**40, "default": 0}


async def _live(asked: Asked) -> web.StreamResponse:
    held = asked.control.live_calls(asked.query["node"], asked.query["limit"])
    return answer({"calls": held})


async def _records(asked: Asked) -> web.StreamResponse:
    return answer({"calls": await asked.control.call_records(asked.query)})


ROUTES = (
    Route(
        "GET",
        "/api/v1/calls/live",
        _live,
        "The calls that are not over, both legs as one",
        "calls",
        {200: Answer("They, oldest first", record({"calls": array(LIVE)}))},
        query={"node": _NODE, "limit": LIMIT},
    ),
    Route(
        "GET",
        "/api/v1/calls/records",
        _records,
        "The newest calls that are written down",
        "calls",
        {200: Answer("They, newest first", record({"calls": array(CALL)}))},
        query={
            "limit": LIMIT,
            "before": integer(
                "Only calls with a smaller number: the next page",
                minimum=0,
                maximum=2**53,
                default=0,
            ),
            "since": number("Only calls that began then or later", **_TIME),
            "until": number("Only calls that began before", **_TIME),
            "node": _NODE,
            "party": text("Only calls of this party", maxLength=NAME_MAX, default=""),
        },
    ),
)
