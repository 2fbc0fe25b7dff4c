"""Why it was decided so, why not otherwise, what if, and the stored changes of role."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sipfront.admin.events import EVENT
from sipfront.admin.route import ERROR, Answer, Asked, Refused, Route, answer
from sipfront.admin.schema import array, boolean, integer, mapping, maybe, number, record, text

if TYPE_CHECKING:
    from aiohttp import web

EPOCH = integer("The epoch that the change of role began", minimum=1, maximum=2**53)

EXPLAINED = record(
    {
        "event": EVENT,
        "rule": text("The rule that decided"),
        "because": text("What the rule says"),
        "would_change": array(text(), "What would have led to another answer"),
        "replay": boolean("The change is kept whole and can be replayed"),
        "now": text("What is decided at this moment"),
        "now_rule": text("The rule that decides now"),
        "now_because": text("What that rule says"),
        "now_would_change": array(text(), "What would lead to another answer now"),
        "redundant": text("Could a node take over, and why"),
    }
)
WHY_NOT = record(
    {
        "node": text("The node"),
        "ready": boolean("It could become active now"),
        "checks": array(record({"good": boolean(), "text": text()}), "Point by point"),
        "answer": text("What is decided at this moment"),
    }
)
WHAT_IF = record(
    {
        "assumed": mapping(text(), "Node and what was assumed of it"),
        "answer": text("What would be decided"),
        "rule": text("By which rule"),
        "because": text("What that rule says"),
        "active": maybe(text("Who would become active; null: nobody would")),
        "now": text("What is decided at this moment"),
    }
)
REPLAYED = record(
    {
        "same": boolean("The same answer, to the word"),
        "stored": record({"event": text(), "rule": text(), "node": text()}),
        "again": maybe(record({"event": text(), "rule": text(), "node": text()})),
        "entries": integer("What was told to the decision"),
        "events": array(record({"at": number(), "event": text(), "text": text()})),
    }
)
CASE = record({"what": text(), "version": integer()}, "As `sipfront replay` takes it")


async def _explain(asked: Asked) -> web.StreamResponse:
    epoch = asked.query["epoch"]
    told = asked.control.decisions.explain(epoch or None)
    if told is None:
        raise Refused(404, _unknown(epoch))
    return answer(told)


def _unknown(epoch: int) -> str:
    which = f"epoch {epoch}" if epoch else "a change of role"
    return f"nothing is known (any more) of {which}; see `sipfront history`"


async def _why_not(asked: Asked) -> web.StreamResponse:
    try:
        return answer(asked.control.decisions.why_not(asked.places["name"]))
    except ValueError as error:
        raise Refused(404, str(error)) from None


async def _what_if(asked: Asked) -> web.StreamResponse:
    changes: dict[str, str] = {}
    for pair in asked.query["change"].split(","):
        name, _, word = pair.partition("=")
        changes[name.strip()] = word.strip()
    try:
        return answer(asked.control.decisions.what_if(changes))
    except ValueError as error:
        raise Refused(404, str(error)) from None


def _case_of(asked: Asked) -> dict[str, object]:
    word = asked.places["epoch"]
    case = asked.control.decisions.case(int(word)) if word.isdecimal() and word.isascii() else None
    if case is None:
        raise Refused(404, f"no change of role to epoch {word[:20]} is kept")
    return case


async def _case(asked: Asked) -> web.StreamResponse:
    return answer(_case_of(asked))


async def _replay(asked: Asked) -> web.StreamResponse:
    case = _case_of(asked)
    try:
        return answer(await asyncio.to_thread(asked.control.decisions.replay, case))
    except ValueError as error:
        raise Refused(409, str(error)) from None


_NAME = {"epoch": text("The epoch that it began", pattern="^[0-9]{1,15}$")}
_NONE = {404: Answer("It is not known (any more)", ERROR)}

ROUTES = (
    Route(
        "GET",
        "/api/v1/explain",
        _explain,
        "Why the roles changed, and why they are as they are",
        "decisions",
        {200: Answer("The change, its evidence, its rule, and what would change it", EXPLAINED)}
        | _NONE,
        query={"epoch": {**EPOCH, "minimum": 0, "default": 0}},
        about="Without an epoch: the last change of role.",
    ),
    Route(
        "GET",
        "/api/v1/explain/why-not/{name}",
        _why_not,
        "Why a node is not active",
        "decisions",
        {200: Answer("What it needs, point by point", WHY_NOT)} | _NONE,
    ),
    Route(
        "GET",
        "/api/v1/explain/what-if",
        _what_if,
        "What would be decided if",
        "decisions",
        {200: Answer("The answer of the decision", WHAT_IF)} | _NONE,
        query={
            "change": text(
                "NODE=WORD, several with commas: pbx-a=down",
                maxLength=200,
                pattern="^[^=,]+=[^=,]+(,[^=,]+=[^=,]+)*$",
            )
        },
    ),
    Route(
        "GET",
        "/api/v1/cases/{epoch}",
        _case,
        "A change of role with all that it came from",
        "decisions",
        {200: Answer("The file that `sipfront replay` takes", CASE)} | _NONE,
        places=_NAME,
    ),
    Route(
        "GET",
        "/api/v1/cases/{epoch}/replay",
        _replay,
        "Decide it again",
        "decisions",
        {200: Answer("Both answers", REPLAYED), 409: Answer("It is damaged", ERROR)} | _NONE,
        places=_NAME,
    ),
)
