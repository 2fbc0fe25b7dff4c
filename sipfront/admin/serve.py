"""Serves the application on the address of the configuration, inside the loop that runs already.

The command hands :func:`start` to the runtime, which must not import this folder.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web

from sipfront.admin import token as tokens
from sipfront.admin.app import make_app
from sipfront.runtime.errors import StartupError, plain

if TYPE_CHECKING:
    from sipfront.admin.port import ControlPort
    from sipfront.config.model import Admin

log = logging.getLogger("sipfront.admin")

#: What a request may still take when the front stops.
STOP_SECONDS = 1.0


class Server:
    """The HTTP side while it serves."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._runner.addresses[0][:2]
        return str(host), int(port)

    async def stop(self) -> None:
        """Stop listening; requests under way are finished."""
        await self._runner.cleanup()


async def start(settings: Admin, control: ControlPort) -> Server:
    """Make the token if it is not there, and listen.

    :raises StartupError: the address or the token file cannot be used.
    """
    try:
        token = tokens.read_or_make(settings.token_file)
    except tokens.TokenError as error:
        raise StartupError(f"admin.token_file: {error}") from None
    runner = web.AppRunner(
        make_app(control, token),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=STOP_SECONDS,
    )
    await runner.setup()
    at = settings.listen
    try:
        await web.TCPSite(runner, at.host, at.port).start()
    except OSError as error:
        await runner.cleanup()
        raise StartupError(f"admin.listen: {at}: {plain(error)}") from None
    return Server(runner)
