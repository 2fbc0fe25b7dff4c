"""The dashboard: fixed files, read once, served to everybody.

They are the same on every front and tell nothing of this one; whatever is shown comes from the API,
which asks for the token.  No build step: what lies in ``web/`` is what the browser gets.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FOLDER = Path(__file__).parent / "web"
#: Where the files are, besides the page itself at ``/``.
PREFIX = "/static/"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
#: Nothing from elsewhere, nothing inline, in nobody's frame; scripts cannot write markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def files() -> dict[str, Path]:
    """What is served, by its address."""
    found = {
        PREFIX + path.relative_to(FOLDER).as_posix(): path
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _KINDS and path.is_file()
    }
    found["/"] = found.pop(PREFIX + "index.html")
    return found


#: The addresses that need no token.
PAGES = frozenset(files())


def add(app: web.Application) -> None:
    """Make the application serve the files."""
    for address, path in files().items():
        app.router.add_get(address, _served(path.read_bytes(), _KINDS[path.suffix]))


def _served(octets: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    mark = f'"{hashlib.blake2b(octets, digest_size=12).hexdigest()}"'
    # A new version is seen at once; one that the browser has need not be sent again.
    headers = {**_HEADERS, hdrs.CONTENT_TYPE: kind, hdrs.ETAG: mark, hdrs.CACHE_CONTROL: "no-cache"}

    async def handler(request: web.Request) -> web.Response:
        if mark in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=octets, headers=headers)

    return handler
