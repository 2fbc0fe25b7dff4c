"""Registrations over time: what a phone's REGISTER starts, and what their two clocks end.

A phone's clock is short, a node's is long.  A REGISTER that changes nothing is answered here
(:mod:`sipfront.stack.refresh`), every other one goes to a node.  When a phone's own clock ends, the
binding is gone for everybody: calls to it get 480.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.stack.refresh import judge

if TYPE_CHECKING:
    from sipfront.stack.plan import Plan
    from sipfront.stack.proxy import Proxy
    from sipfront.stack.shared import Shared
    from sipfront.stack.transaction import ServerTx

#: Between two looks at a slice of the bindings, and looks until each of them was seen once: an
#: expired one is found within 10 s, and no look is longer than a millisecond at 100,000.
LOOK = 0.25
LOOKS = 40
#: Bindings of one look at least.
SLICE = 50


class Registrations:
    """The transaction user of REGISTER, and the sweeper of bindings."""

    def __init__(self, shared: Shared, proxy: Proxy) -> None:
        self._shared = shared
        self._proxy = proxy
        self._names: list[bytes] = []
        self._at: float | None = None

    def start(self, server: ServerTx, plan: Plan, now: float) -> None:
        """A REGISTER from outside: answer it, or take it to a node."""
        registration, request = plan.registration, server.request
        if registration is None or request is None:
            return
        verdict = judge(self._shared, registration, request, now)
        if verdict.status == 0:
            self._shared.count("REGISTER passed: " + verdict.why)
            self._proxy.start(server, plan, now)
            return
        self._shared.count(
            "refreshes answered here" if verdict.status == 200 else "refused: " + verdict.why
        )
        self._proxy.refuse(server, verdict.status, now, verdict.extra)

    # -- time ----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When the next slice is due; None without bindings."""
        if self._at is None and len(self._shared.bindings):
            return 0.0
        return self._at

    def expire(self, now: float) -> None:
        """Look at the next slice of the bindings, if it is time."""
        if self._at is not None and now < self._at:
            return
        bindings = self._shared.bindings
        count = len(bindings)
        if not count and not self._names:
            self._at = None
            return
        self._at = now + LOOK
        if not self._names:
            self._names = bindings.names()
        for _ in range(min(max(SLICE, count // LOOKS), len(self._names))):
            binding = bindings.get(self._names.pop())
            if binding is not None and binding.expires <= now:
                self._shared.count("bindings expired")
                bindings.remove(binding)
