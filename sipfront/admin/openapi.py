"""The OpenAPI 3.1 document, made from the routes: it cannot say anything else than what is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront import __version__
from sipfront.admin.route import ERROR, JSON, Answer, Route, answer
from sipfront.admin.schema import Schema, record, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiohttp import web

    from sipfront.admin.route import Asked

_ABOUT = """\
What the command `sipfront` does, over HTTP: the same verbs, the same words.

Reading needs the token, or a request from this machine under an address or `localhost`. Whatever
changes something, or shows messages, needs the token, always. `/livez` and `/readyz` answer everybody, in one word.
Every answer is bounded; every refusal is `{"error": "one sentence"}`.
"""

#: The tags, in the order in which a reader meets them.
TAGS = {
    "health": "For load balancers, service managers and monitoring",
    "pair": "Who is active and why, and the levers",
    "events": "What happened",
    "decisions": "Why it was decided so, why not otherwise, what if",
    "calls": "The dialogs that are up",
    "bindings": "The phones that are registered",
    "trunks": "The carriers",
    "about": "This document",
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sipfront",
            "version": __version__,
            "summary": "The front door of a hot-standby pair of PBXs",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "the front that this document comes from"}],
        "tags": [{"name": name, "description": what} for name, what in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    words = [word for word in route.path.strip("/").split("/") if word not in ("api", "v1")]
    name = "_".join(word.strip("{}") for word in words).replace(".", "_").replace("-", "_")
    made: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{name}",
        "summary": route.summary,
        "tags": [route.tag],
        "responses": {str(status): _answer(one) for status, one in route.all_answers().items()},
    }
    if route.about:
        made["description"] = route.about
    parameters = [_parameter(name, "path", route.places.get(name, text())) for name in route.names]
    parameters += [_parameter(name, "query", schema) for name, schema in route.query.items()]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        needed = bool(route.body.get("required"))
        made["requestBody"] = {"required": needed, "content": {JSON: {"schema": route.body}}}
    if route.public:
        made["security"] = []
    elif route.method == "GET" and not route.private:
        made["security"] = [{}, {"token": []}]  # from this machine without
    else:
        made["security"] = [{"token": []}]
    return made


def _parameter(name: str, where: str, schema: Schema) -> dict[str, Any]:
    schema = dict(schema)
    what = schema.pop("description", "")
    needed = where == "path" or "default" not in schema
    made = {"name": name, "in": where, "required": needed, "schema": schema}
    return {**made, "description": what} if what else made


def _answer(one: Answer) -> dict[str, Any]:
    if one.schema is None and one.media == JSON:
        return {"description": one.what}
    schema: Schema = one.schema if one.schema is not None else {"type": "string"}
    if schema is ERROR:
        schema = {"$ref": "#/components/schemas/Error"}
    return {"description": one.what, "content": {one.media: {"schema": schema}}}


def routes_with_document(routes: Sequence[Route]) -> tuple[Route, ...]:
    """The routes, and the one that shows the document of them all."""
    shown: dict[str, Any] = {}

    async def handler(_: Asked) -> web.StreamResponse:
        return answer(shown)

    itself = Route(
        "GET",
        "/api/v1/openapi.json",
        handler,
        "This document",
        "about",
        {200: Answer("OpenAPI 3.1", record({"openapi": text()}))},
    )
    everything = (*routes, itself)
    shown.update(document(everything))
    return everything
