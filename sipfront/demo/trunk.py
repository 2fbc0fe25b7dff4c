"""A small carrier: it knows its customer by address, answers what comes, and makes calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.demo.station import Station

if TYPE_CHECKING:
    from sipfront.demo.request import Request
    from sipfront.stack.settings import Timing


class DemoTrunk(Station):
    """One carrier, with many lines and no registration."""

    def __init__(
        self,
        front: tuple[str, int],
        *,
        bind: tuple[str, int] = ("127.0.0.1", 0),
        number: str = "4930123456",
        tone: int = 2300,
        timing: Timing | None = None,
    ) -> None:
        super().__init__(number, *bind, front, tone=tone, lines=100, timing=timing)
        self.refused = 0

    def requested(self, request: Request) -> None:
        """Only the customer may call here."""
        if request.source[0] != self.front[0]:
            self.refused += 1
            request.reply(403)
            return
        super().requested(request)
