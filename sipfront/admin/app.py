"""The HTTP API: ``make_app`` ties the routes to the port of the running front."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry

from sipfront.admin import metrics
from sipfront.admin.guard import error, guard, has_token, is_local, plain_errors
from sipfront.admin.port import MODES, ControlPort, Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A lever's body is a few words.
MAX_BODY = 4096
#: A client that sends its body slower than this is not waited for.
BODY_SECONDS = 5.0
#: Events, bindings or calls in one answer.
MAX_EVENTS = 1000

_CONTROL = web.AppKey("control", ControlPort)
_REGISTRY = web.AppKey("registry", CollectorRegistry)
_TOKEN = web.AppKey("token", str)
_SECONDS = web.AppKey("seconds", float)


def make_app(
    control: ControlPort, token: str | None, *, body_seconds: float = BODY_SECONDS
) -> web.Application:
    """The application; without a ``token`` no lever can be pulled."""
    app = web.Application(middlewares=[plain_errors, guard(token)], client_max_size=MAX_BODY)
    app[_CONTROL] = control
    app[_TOKEN] = token or ""
    app[_SECONDS] = body_seconds
    app[_REGISTRY] = metrics.registry(control)
    app.router.add_get("/livez", _livez)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/api/v1/status", _status)
    app.router.add_get("/api/v1/events", _events)
    app.router.add_get("/api/v1/bindings", _bindings)
    app.router.add_get("/api/v1/calls", _calls)
    app.router.add_post("/api/v1/switchover", _switchover)
    app.router.add_post("/api/v1/nodes/{name}/mode", _mode)
    return app


def _answer(value: Any, status: int = 200) -> web.Response:
    """``value`` as JSON that every reader takes: no NaN, no infinity."""
    try:
        text = json.dumps(value, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_finite(value), allow_nan=False, default=str)
    return web.Response(text=text, status=status, content_type="application/json")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(its) for key, its in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(its) for its in value]
    return value


async def _livez(_: web.Request) -> web.Response:
    return _answer({"live": True})


async def _readyz(request: web.Request) -> web.Response:
    ready, why = request.app[_CONTROL].ready()
    told: dict[str, Any] = {"ready": ready}
    if is_local(request) or has_token(request, request.app[_TOKEN]):
        told["why"] = why
    return _answer(told, 200 if ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(
        body=metrics.render(request.app[_REGISTRY]),
        headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"},
    )


async def _status(request: web.Request) -> web.Response:
    return _answer(request.app[_CONTROL].status())


def _limit(request: web.Request) -> int:
    """How many things are asked for."""
    text = request.query.get("limit", "100")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_EVENTS):
        raise web.HTTPBadRequest(text=f"limit must be a number from 1 to {MAX_EVENTS}")
    return int(text)


async def _events(request: web.Request) -> web.Response:
    return _answer({"events": request.app[_CONTROL].events(_limit(request))})


async def _bindings(request: web.Request) -> web.Response:
    aor = request.query.get("aor", "")[:255]
    return _answer({"bindings": request.app[_CONTROL].bindings(aor, _limit(request))})


async def _calls(request: web.Request) -> web.Response:
    return _answer({"calls": request.app[_CONTROL].calls(_limit(request))})


async def _switchover(request: web.Request) -> web.Response:
    body = await _body(request, {"to", "force"})
    to, force = body.get("to"), body.get("force", False)
    if to is not None and not isinstance(to, str):
        return error(400, "to must be the name of a node")
    if not isinstance(force, bool):
        return error(400, "force must be true or false")
    if to is not None and to not in _node_names(request):
        return error(404, _no_node(request))
    return _outcome(*request.app[_CONTROL].switchover(to, force))


async def _mode(request: web.Request) -> web.Response:
    node = request.match_info["name"]
    if node not in _node_names(request):
        return error(404, _no_node(request))
    body = await _body(request, {"mode"})
    mode: Mode
    for mode in MODES:
        if mode == body.get("mode"):
            return _outcome(*request.app[_CONTROL].set_mode(node, mode))
    return error(400, f"mode must be one of {', '.join(MODES)}")


def _outcome(done: bool, text: str) -> web.Response:
    """What a lever has done; one that the front has refused is a conflict with its state."""
    return _answer({"text": text}) if done else error(409, text)


def _node_names(request: web.Request) -> list[str]:
    nodes = request.app[_CONTROL].status().get("nodes", [])
    return [str(node.get("name")) for node in nodes]


def _no_node(request: web.Request) -> str:
    return f"there is no such node; the nodes are {' and '.join(_node_names(request))}"


async def _body(request: web.Request, known: set[str]) -> Mapping[str, Any]:
    """The JSON object in the body; an empty body is an empty object."""
    try:
        async with asyncio.timeout(request.app[_SECONDS]):
            raw = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body did not come in time") from None
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    if unknown := sorted(set(body) - known):
        word = unknown[0][:40].encode("ascii", "backslashreplace").decode()
        text = f"{word!r} is not understood here, only {', '.join(sorted(known))}"
        raise web.HTTPBadRequest(text=text)
    return body
