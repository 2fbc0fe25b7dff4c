"""The HTTP API: ``make_app`` ties the routes to the port of the running front.

A new group of routes is a module with ``ROUTES`` (see :mod:`sipfront.admin.route`) and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sipfront.admin import (
    bindings,
    calls,
    decisions,
    events,
    health,
    page,
    pair,
    records,
    series,
    stream,
    trace,
    trunks,
)
from sipfront.admin.guard import guard, plain_errors
from sipfront.admin.openapi import routes_with_document
from sipfront.admin.route import BODY_SECONDS, CONTROL, MAX_BODY, SECONDS, TOKEN, add

if TYPE_CHECKING:
    from sipfront.admin.port import ControlPort

#: Every route there is; the OpenAPI document is made of them.
ROUTES = routes_with_document(
    (
        *health.ROUTES,
        *pair.ROUTES,
        *events.ROUTES,
        *decisions.ROUTES,
        *stream.ROUTES,
        *calls.ROUTES,
        *records.ROUTES,
        *trace.ROUTES,
        *bindings.ROUTES,
        *trunks.ROUTES,
        *series.ROUTES,
    )
)


def make_app(
    control: ControlPort,
    token: str | None,
    *,
    body_seconds: float = BODY_SECONDS,
    hub: stream.Hub | None = None,
    seconds: float = series.SECONDS,
) -> web.Application:
    """The application; without a ``token`` no lever can be pulled."""
    private = frozenset(route.path for route in ROUTES if route.private)
    frames = [plain_errors, guard(token, private)]
    app = web.Application(middlewares=frames, client_max_size=MAX_BODY)
    app[CONTROL] = control
    app[TOKEN] = token or ""
    app[SECONDS] = body_seconds
    health.prepare(app, control)
    told = hub or stream.Hub(control)
    stream.prepare(app, told)
    series.prepare(app, series.Series(control, seconds=seconds, tell=told.sampled))
    add(app, ROUTES)
    page.add(app)
    return app
