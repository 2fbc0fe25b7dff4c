"""What load balancers, service managers and Prometheus ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from sipfront.admin import metrics
from sipfront.admin.guard import has_token, is_local
from sipfront.admin.route import TOKEN, Answer, Asked, Route, answer
from sipfront.admin.schema import boolean, record, text

if TYPE_CHECKING:
    from sipfront.admin.port import ControlPort

_REGISTRY = web.AppKey("registry", CollectorRegistry)


def prepare(app: web.Application, control: ControlPort) -> None:
    """What the handlers here need."""
    app[_REGISTRY] = metrics.registry(control)


async def _livez(_: Asked) -> web.StreamResponse:
    return answer({"live": True})


async def _readyz(asked: Asked) -> web.StreamResponse:
    ready, why = asked.control.ready()
    told: dict[str, Any] = {"ready": ready}
    if is_local(asked.request) or has_token(asked.request, asked.request.app[TOKEN]):
        told["why"] = why
    return answer(told, 200 if ready else 503)


async def _access(asked: Asked) -> web.StreamResponse:
    token = has_token(asked.request, asked.request.app[TOKEN])
    return answer({"local": is_local(asked.request), "levers": token})


async def _metrics(asked: Asked) -> web.StreamResponse:
    return web.Response(
        body=metrics.render(asked.request.app[_REGISTRY]),
        headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"},
    )


_READY = record({"ready": boolean(), "why": text("Why; not told to strangers")}, optional=["why"])

ROUTES = (
    Route(
        "GET",
        "/livez",
        _livez,
        "Is the process alive",
        "health",
        {200: Answer("It is", record({"live": boolean()}))},
    ),
    Route(
        "GET",
        "/readyz",
        _readyz,
        "Can traffic be served now",
        "health",
        {200: Answer("It can", _READY), 503: Answer("It cannot", _READY)},
    ),
    Route(
        "GET",
        "/api/v1/access",
        _access,
        "What the asker may do",
        "about",
        {
            200: Answer(
                "It may read; and this",
                record(
                    {
                        "local": boolean("It is on the front's machine"),
                        "levers": boolean("It has the token: it may change something"),
                    }
                ),
            )
        },
    ),
    Route(
        "GET",
        "/metrics",
        _metrics,
        "All samples of now, for Prometheus",
        "health",
        {200: Answer("Prometheus' text format", media="text/plain")},
    ),
)
