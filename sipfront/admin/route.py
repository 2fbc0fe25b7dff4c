"""One route: what it takes, what it gives, and who does it, said once.

A module of routes has handlers and a tuple ``ROUTES`` of :class:`Route`, and stands in the list of
:mod:`sipfront.admin.app`.  From it come the address that aiohttp knows, the OpenAPI document, and
the checks of query, place and body; a handler sees only what is right::

    async def _calls(asked: Asked) -> web.StreamResponse:
        return answer({"calls": asked.control.calls(asked.query["limit"])})

    ROUTES = (
        Route(
            "GET", "/api/v1/calls", _calls, "The dialogs that are up", "calls",
            {200: Answer("They, oldest first", record({"calls": array(CALL)}))},
            query={"limit": LIMIT},
        ),
    )

A handler refuses with ``raise Refused(404, "there is no such call")``; the status must be among
the route's answers.  400, 401, 408 and 413 are added where they can happen.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from sipfront.admin import schema as schemas
from sipfront.admin.guard import PUBLIC, error
from sipfront.admin.port import ControlPort
from sipfront.admin.schema import Schema, integer, not_understood, problem, record, text

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A lever's body is a few words.
MAX_BODY = 4096
#: A client that sends its body slower than this is not waited for.
BODY_SECONDS = 5.0
#: Things (events, bindings, calls) in one answer.
MAX_THINGS = 1000

CONTROL = web.AppKey("control", ControlPort)
TOKEN = web.AppKey("token", str)
SECONDS = web.AppKey("seconds", float)

JSON = "application/json"

#: A number as JSON writes it (RFC 8259 6).
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)

#: Every refusal.
ERROR = record({"error": text("What is wrong, in one sentence")})
#: What a lever has done.
DONE = record({"text": text("What was done, in one sentence")})
#: How many things are asked for.
LIMIT = integer("So many at most", minimum=1, maximum=MAX_THINGS, default=100)


class Refused(Exception):
    """The front does not do this; answered as ``{"error": text}``."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a route: what it means, and the shape of it (None: not JSON)."""

    what: str
    schema: Schema | None = None
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose query, places and body are as the route says; defaults are filled in."""

    control: ControlPort
    query: Mapping[str, Any]
    places: Mapping[str, str]
    body: Mapping[str, Any]
    request: web.Request


Handler = Callable[[Asked], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """An address, its handler, and everything that the document says of it."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    handler: Handler
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    #: query parameters by name; without a ``default`` in its schema one is required
    query: Mapping[str, Schema] = field(default_factory=dict)
    #: the ``{names}`` in the path; a string when not told
    places: Mapping[str, Schema] = field(default_factory=dict)
    #: a ``record(..., closed=True)``; an empty body is an empty object
    body: Schema | None = None
    about: str = ""
    #: reading it needs the token too, also from this machine
    private: bool = False

    @property
    def public(self) -> bool:
        """Answered without token, from anywhere."""
        return self.path in PUBLIC

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"\{(\w+)\}", self.path)

    def all_answers(self) -> dict[int, Answer]:
        """The route's own answers and those of the frame."""
        also: dict[int, str] = {}
        if not self.public:
            also[401] = "The token is missing or wrong"
        if self.query or self.body is not None or self.names:
            also[400] = "Something in the request is not as it must be"
        if self.body is not None:
            also |= {408: "The body did not come in time", 413: "The body is too large"}
        told = {status: Answer(what, ERROR) for status, what in also.items()}
        return dict(sorted({**told, **self.answers}.items()))


def add(app: web.Application, routes: Iterable[Route]) -> None:
    """Make the application answer these."""
    for route in routes:
        app.router.add_route(route.method, route.path, _carried(route))
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, _carried(route))


def _carried(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            asked = Asked(
                request.app[CONTROL],
                _query(route, request),
                _places(route, request),
                await _body(route, request),
                request,
            )
            return await route.handler(asked)
        except Refused as refused:
            return error(refused.status, str(refused))

    return handle


def _query(route: Route, request: web.Request) -> dict[str, Any]:
    given = request.query
    if unknown := sorted(set(given) - set(route.query)):
        raise Refused(400, not_understood(unknown[0], route.query))
    values: dict[str, Any] = {}
    for name, schema in route.query.items():
        if name not in given:
            if "default" not in schema:
                raise Refused(400, f"{name} is missing")
            values[name] = schema["default"]
            continue
        if len(given.getall(name)) > 1:
            raise Refused(400, f"{name} stands there twice")
        values[name] = _read(schema, given[name])
        if wrong := problem(schema, values[name], name):
            raise Refused(400, wrong)
    return values


def _read(schema: Schema, word: str) -> Any:
    """A query's text as what the schema wants; what cannot be read stays text and is refused."""
    kind = schema.get("type")
    # A number longer than any that can be meant is not worked out.
    if kind == "integer" and len(word) <= 20 and re.fullmatch(r"-?[0-9]+", word, re.ASCII):
        return int(word)
    if kind == "number" and len(word) <= 40 and _NUMBER.fullmatch(word):
        value = float(word)
        return value if math.isfinite(value) else word
    if kind == "boolean" and word in ("true", "false"):
        return word == "true"
    return word


def _places(route: Route, request: web.Request) -> dict[str, str]:
    values = dict(request.match_info)
    for name, value in values.items():
        if wrong := problem(route.places.get(name, schemas.text()), value, name):
            raise Refused(400, wrong)
    return values


async def _body(route: Route, request: web.Request) -> Mapping[str, Any]:
    """The JSON object in the body; an empty body is an empty object."""
    if route.body is None:
        return {}
    try:
        async with asyncio.timeout(request.app[SECONDS]):
            raw = await request.read()
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    try:
        body = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if wrong := problem(route.body, body, "the body"):
        raise Refused(400, wrong)
    members: Mapping[str, Any] = body
    return members


def answer(value: Any, status: int = 200) -> web.Response:
    """``value`` as JSON that every reader takes: no NaN, no infinity."""
    return web.Response(text=as_json(value), status=status, content_type=JSON)


def as_json(value: Any) -> str:
    """``value`` as one line of JSON; what is not finite is null."""
    try:
        return json.dumps(value, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(its) for key, its in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(its) for its in value]
    return value
