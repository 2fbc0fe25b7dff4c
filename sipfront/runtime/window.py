"""Tells when the window for fail-back opens and closes: by the clock on the wall, in its zone.

Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sipfront.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.config.failover import Window

#: How often it is looked at: the wall clock may be set, and nobody tells.
LOOK: Final = 5.0


async def watch(
    window: Window, tell: Callable[[bool], None], wall: Callable[[], float] = clock.wall
) -> None:
    """Tell at once how it is, and whenever that has changed; until cancelled."""
    was: bool | None = None
    while True:
        is_open = window.open_at(wall())
        if is_open is not was:
            was = is_open
            tell(is_open)
        await asyncio.sleep(LOOK)
