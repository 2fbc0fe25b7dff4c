"""Who may ask what, and how every refusal looks: two middlewares around all handlers."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from sipfront.admin.page import PAGES

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

log = logging.getLogger("sipfront.admin")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Answered to everybody: load balancers ask, and are told one word; the files of the dashboard are
#: the same on every front.
PUBLIC = frozenset({"/livez", "/readyz"}) | PAGES
_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def error(status: int, text: str) -> web.Response:
    """A refusal: one sentence as JSON."""
    return web.json_response({"error": text}, status=status)


def has_token(request: web.Request, token: str | None) -> bool:
    """Does the request carry the token (RFC 6750 2.1)."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if not token or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())


def is_local(request: web.Request) -> bool:
    """Does it come from this machine, and not through a proxy or a stranger's web page.

    A page in the operator's browser can reach loopback under a name of its own (DNS rebinding);
    its Host is then no address.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    return _loopback(request.remote or "") and _host_is_plain(request.host)


def _loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def _host_is_plain(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() == "localhost"
    return True


def guard(token: str | None, private: frozenset[str] = frozenset()) -> Middleware:
    """Levers and ``private`` paths need the token, reads need the token or loopback."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in PUBLIC and request.method in _READS:
            return await handler(request)
        if has_token(request, token):
            return await handler(request)
        # The path of the route that was found, however its address was written.
        found = request.match_info.route.resource
        path = found.canonical if found is not None else request.path
        if request.method in _READS and is_local(request) and path not in private:
            return await handler(request)
        answer = error(401, "this needs the token (Authorization: Bearer ...)")
        answer.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="sipfront"'
        return answer

    return check


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is JSON with a sentence; a bug of ours is logged and told as nothing more."""
    try:
        answer = await handler(request)
    except web.HTTPException as refusal:
        answer = error(refusal.status, _reason(refusal))
        if allow := refusal.headers.get(hdrs.ALLOW):
            answer.headers[hdrs.ALLOW] = allow
    except Exception:
        fields = {"method": request.method, "path": request.rel_url.path}
        log.exception("admin_failed", extra={"fields": fields})
        answer = error(500, "the front has failed to answer this; its log says why")
    if answer.prepared:  # a stream, which has said so itself and is over
        return answer
    answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _reason(refusal: web.HTTPException) -> str:
    if refusal.status == 404:
        return "there is nothing at this address"
    if refusal.status == 405:
        return "this address does not take that method"
    if refusal.status == 413:
        return "the body is too large"
    return refusal.text or refusal.reason
