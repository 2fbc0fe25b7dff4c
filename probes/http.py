"""Does a web page answer, and does Asterisk's REST interface (ARI) let us in?"""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import aiohttp

from probes.result import Bad, Result, judged

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from probes.result import Detail

#: Octets of an answer that are looked at.
MOST = 65_536
TIMEOUT = 3.0
#: Where ARI answers without telling anything about calls.
PING = "/ari/asterisk/ping"


async def http(
    url: str,
    *,
    user: str | None = None,
    password: str = "",
    expect: tuple[int, ...] = (200,),
    contains: str = "",
    local: str | None = None,
    timeout: float = TIMEOUT,
    context: ssl.SSLContext | None = None,
) -> Result:
    """GET ``url``: the status must be one of ``expect``, and ``contains`` stand in the answer.

    Redirects are not followed: where one leads is another server's health.
    """

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        return await _get(url, _login(user, password), expect, contains, local, context)

    return await judged("http", url, timeout, ask())


async def ari(
    url: str,
    *,
    user: str,
    password: str,
    local: str | None = None,
    timeout: float = TIMEOUT,
    context: ssl.SSLContext | None = None,
) -> Result:
    """Log in to ARI at ``url`` (``http://HOST:8088``) and ping it: does Asterisk itself run?"""
    where = url.rstrip("/") + PING

    async def ask() -> tuple[str, Mapping[str, Detail]]:
        login = _login(user, password)
        _, details = await _get(where, login, (200,), '"pong"', local, context)
        return "logged in, pong", details

    return await judged("ari", where, timeout, ask())


def _login(user: str | None, password: str) -> dict[str, str]:
    """The header line of basic authentication (RFC 7617)."""
    if user is None:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


async def _get(
    url: str,
    login: Mapping[str, str],
    expect: tuple[int, ...],
    contains: str,
    local: str | None,
    context: ssl.SSLContext | None,
) -> tuple[str, Mapping[str, Detail]]:
    began = time.monotonic()
    # A connection of its own: one that is kept open would hide a server that takes no new ones.
    connector = aiohttp.TCPConnector(
        local_addr=(local, 0) if local else None, force_close=True, ssl=context or True
    )
    try:
        async with (
            aiohttp.ClientSession(connector=connector, headers=login) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            text = (await answer.content.read(MOST)).decode("utf-8", "replace")
            status = answer.status
    except aiohttp.ClientConnectorError as error:
        raise error.os_error from None
    except aiohttp.InvalidURL:
        raise Bad("this is no URL") from None
    except aiohttp.ClientError as error:
        raise Bad(f"{type(error).__name__}: {error}") from None
    details: dict[str, Detail] = {"status": status, "answer_s": round(time.monotonic() - began, 4)}
    if status in (401, 403):
        raise Bad(f"{status}: the credentials are refused", **details)
    if status not in expect:
        raise Bad(f"{status} {answer.reason or ''}".strip(), **details)
    if contains and contains not in text:
        raise Bad(f"{status}, but without {contains!r} in it", **details)
    return f"{status}", details
