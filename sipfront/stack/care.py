"""What can be done for the dialogs of a node that was given up: the engine's side of rescue.

Which dialogs, and what, is decided in :mod:`sipfront.rescue`; the runtime hands each verdict here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.routing import Router
from sipfront.stack.setups import Held, resume

if TYPE_CHECKING:
    from sipfront.stack.dialog import Gone, Leg
    from sipfront.stack.owed import Owed
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.record import Record
    from sipfront.stack.shared import Shared


class Care:
    """Shows the dialogs that there are, ends them, or goes on with them."""

    def __init__(self, shared: Shared, proxy: Proxy, router: Router | None = None) -> None:
        self._shared = shared
        self._router = router
        self._proxy = proxy

    @property
    def owed(self) -> Owed:
        """What nodes have to be told when they return."""
        return self._proxy.owed

    def live(self) -> list[Leg]:
        """All dialogs, oldest first."""
        return list(self._shared.legs)

    def just_ended(self, now: float) -> list[Gone]:
        """The calls that ended a moment ago."""
        legs = self._shared.legs
        return [gone for gone in legs.recent if gone.at > now - legs.RECENT]

    def hosts(self, node: int) -> tuple[bytes, ...]:
        """The addresses by which a node is known."""
        return self._shared.settings.nodes[node].hosts

    def end(self, leg: Leg, now: float, reason: str) -> None:
        """End a dialog in its node's name (Reason: RFC 3326)."""
        self._proxy.aftermath.end(leg, now, reason.encode())

    def hang_up(self, node: int, legs: list[Leg], now: float, reason: str) -> None:
        """End dialogs of a node that is there, towards both sides (Reason: RFC 3326)."""
        for leg in legs:
            self.end(leg, now, reason)
        if not self._shared.pair.down(node):
            text = b"Reason: %b\r\n" % reason.encode()
            self._proxy.owed.back(self._shared.pair.links[node], now, text)

    def resume(self, now: float) -> None:
        """The front was restarted: calls that it keeps are kept on."""
        self._proxy.joined.resume(now)

    def resume_setup(self, held: Held, now: float) -> Record | None:
        """The front was restarted: an INVITE that was under way goes on; the record of its call.

        Raises SipError or Refusal when it cannot.
        """
        return resume(self._shared, self._proxy, self._router or Router(self._shared), held, now)

    def keep(self, leg: Leg, other: Leg, now: float) -> None:
        """A call goes on without its node: the front is its end of both legs from now on."""
        self._proxy.joined.keep(leg, other, now)
