"""What is to be done with one request: the outcome of :mod:`sipfront.stack.routing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.stack.bindings import Binding
    from sipfront.stack.dialog import Leg
    from sipfront.stack.flows import Flow
    from sipfront.stack.registrar import Registration


class Target:
    """One place outside that a request is sent to."""

    __slots__ = ("binding", "flow", "routes", "uri")

    def __init__(
        self, uri: bytes, flow: Flow, binding: Binding | None = None, routes: bytes = b""
    ) -> None:
        self.uri = uri
        self.flow = flow
        self.binding = binding
        self.routes = routes


class Plan:
    """What is to be done with one request.

    To a node: ``node`` is the owner or the one that credentials lead to, None for the active one;
    ``uri`` and ``routes`` only in a dialog.  To the outside: ``targets``.
    """

    __slots__ = (
        "aor",
        "attempts",
        "correlation",
        "emergency",
        "extra",
        "leg",
        "local",
        "masked",
        "node",
        "overflowed",
        "registration",
        "routes",
        "targets",
        "to_node",
        "trunk",
        "uri",
    )

    def __init__(self, *, to_node: bool) -> None:
        self.to_node = to_node
        self.node: int | None = None
        self.leg: Leg | None = None
        self.uri = b""
        self.routes = b""
        self.targets: list[Target] = []
        self.extra = b""
        self.trunk = ""
        self.local = False
        self.masked = b""
        self.registration: Registration | None = None
        self.emergency = False
        self.attempts = 0
        self.aor = b""
        self.overflowed = False
        self.correlation = b""
