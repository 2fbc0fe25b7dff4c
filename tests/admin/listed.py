"""Holds every answer that a test gets against the OpenAPI document."""

from __future__ import annotations

import json

import jsonschema_rs
from aiohttp import web

from sipfront.admin.app import ROUTES
from sipfront.admin.guard import Handler
from sipfront.admin.openapi import document
from sipfront.admin.page import PAGES
from sipfront.admin.route import JSON

DOCUMENT = document(ROUTES)
#: What no route answers: nothing there, or not by that method; and a bug, which one test plants.
BESIDE = {404, 405, 500}


@web.middleware
async def listed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Around everything else: fails with 599 when the document does not know the answer."""
    answer = await handler(request)
    resource = request.match_info.route.resource
    path = DOCUMENT["paths"].get(resource.canonical) if resource is not None else None
    operation = path.get(request.method.lower()) if path is not None else None
    if request.path in PAGES:
        return answer
    if operation is None or answer.status == 500:
        assert answer.status in BESIDE | {401}, (request.path, answer.status)
        return answer
    known = operation["responses"]
    if str(answer.status) not in known:
        return web.Response(status=599, text=f"{request.path}: {answer.status} is not listed")
    content = known[str(answer.status)]["content"]
    if answer.content_type not in content:
        return web.Response(status=599, text=f"{request.path}: {answer.content_type}")
    if answer.content_type == JSON and isinstance(answer, web.Response):
        assert isinstance(answer.text, str)
        wrong = errors(content[JSON]["schema"], json.loads(answer.text))
        if wrong:
            return web.Response(status=599, text=f"{request.path}: {wrong}")
    return answer


def errors(schema: dict[str, object], value: object) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole)
    return [
        f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)
    ]
