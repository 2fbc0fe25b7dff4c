"""What the shells read of the engine's tables: counts, and which connections are needed.

Reads only, and only what :class:`sipfront.stack.shared.Shared` offers.  Imported by
:mod:`sipfront.runtime.server` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipfront.stack.dialog import CONFIRMED
from sipfront.stack.reach import reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sipfront.stack.flows import Flow
    from sipfront.stack.shared import Shared

#: The set of needed connections is made anew at most so often: it costs a look at every binding
#: and dialog, and is only asked for when a connection was silent for minutes.
FRESH = 60.0
#: More bindings than this are not counted for every question, but once in so many seconds.
MANY = 5_000
COUNTED = 10.0


class EngineView:
    """A window on the tables of one engine."""

    def __init__(self, shared: Shared, now: Callable[[], float]) -> None:
        self._shared = shared
        self._now = now
        self._held: set[int] = set()
        self._made: float | None = None
        self._counted = 0.0
        self._reachable: list[int] = []

    def owned(self, node: int) -> int:
        """Live dialogs of a node, and calls that it is setting up; 0 ends its draining."""
        link = self._shared.pair.links[node]
        setting_up = len(link.pending) + len(link.ringing) + len(link.serving)
        return self._shared.legs.owned[node] + setting_up

    def gauges(self) -> dict[str, int]:
        """How much there is of everything.  A call has two dialogs, one with each party."""
        shared = self._shared
        dialogs = sum(shared.legs.owned) + shared.legs.joined
        return {
            "bindings": len(shared.bindings),
            "calls": (dialogs + 1) // 2,
            "dialogs": dialogs,
            "parked": len(shared.parked),
        }

    def traffic(self) -> list[tuple[int, int]]:
        """Per node: final answers to calls so far, and how many of them were 5xx but 503."""
        return [(link.finals, link.failed) for link in self._shared.pair.links]

    def bindings(self, aor: str, limit: int) -> list[dict[str, Any]]:
        """The bindings of one AOR (or user part), or of all; the first ``limit``."""
        now = self._now()
        shared = self._shared
        place = shared.registrar.place
        shown: list[dict[str, Any]] = []
        for binding in (
            shared.bindings.called(aor.encode("utf-8", "replace")) if aor else shared.bindings
        ):
            flow = binding.flow
            shown.append(
                {
                    "aor": _text(binding.aor),
                    "contact": _text(binding.contact),
                    "flow": f"{flow.listener.transport.name.lower()} {_place(flow)}",
                    "reachable": flow.open and binding.expires > now,
                    "expires": round(binding.expires - now, 1),
                    "user_agent": _text(binding.user_agent),
                    "nodes": {
                        node.name: max(0.0, round(binding.held[place(number)] - now, 1))
                        for number, node in enumerate(shared.settings.nodes)
                    },
                    "seen": round(now - binding.seen, 1),
                    "call_id": _text(binding.call_id),
                    "params": _text(binding.params),
                    "credentials": self._credentials(binding.aor),
                }
            )
            if len(shown) >= limit:
                break
        return shown

    def _credentials(self, aor: bytes) -> str:
        """Whether the front can register a phone by itself."""
        accounts = self._shared.accounts
        if aor in accounts.refused:
            return "refused"
        return "known" if accounts.of(aor) is not None else "unknown"

    def reachable(self) -> list[int]:
        """How many phones each node can call now; with many phones up to 10 s old."""
        now = self._now()
        bindings = self._shared.bindings
        if len(bindings) > MANY and now < self._counted + COUNTED:
            return self._reachable
        self._counted = now
        nodes = range(len(self._shared.settings.nodes))
        self._reachable = [reached(self._shared, node, now)[0] for node in nodes]
        return self._reachable

    def dialogs(self, names: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """The live dialogs, oldest first; two with one ``call`` are the legs of one call."""
        shown = []
        for leg in self._shared.legs:
            if leg.state != CONFIRMED:
                continue
            flow = leg.outside_flow
            shown.append(
                {
                    "call": _text(leg.correlation),
                    "kind": _text(leg.kind) or "INVITE",
                    "call_id": _text(leg.call_id),
                    "outside": _text(leg.outside_party),
                    "inside": _text(leg.inside_party),
                    "from": "outside" if leg.by_outside else "inside",
                    "flow": f"{flow.listener.transport.name.lower()} {_place(flow)}"
                    if flow
                    else "",
                    "trunk": leg.trunk,
                    "node": names[leg.owner],
                    "epoch": leg.epoch,
                    "kept": leg.joined is not None,
                }
            )
            if len(shown) >= limit:
                break
        return shown

    def trunks(self, limit: int) -> list[dict[str, Any]]:
        """The trunks as configured, the ways to each, and the calls on it."""
        shared = self._shared
        calls: dict[str, int] = {}
        for leg in shared.legs:
            if leg.trunk and leg.state == CONFIRMED and leg.kind == b"INVITE":
                calls[leg.trunk] = calls.get(leg.trunk, 0) + 1
        return [
            {
                "name": trunk.name,
                "uri": f"sip:{_text(trunk.host)}" + (f":{trunk.port}" if trunk.port else ""),
                "ways": [
                    f"{flow.listener.transport.name.lower()} {_place(flow)}"
                    for flow in shared.trunk_flows.get(trunk.name, ())
                ],
                "calls": calls.get(trunk.name, 0),
                "register": trunk.register,
                "registrations": self._enrolled(trunk.name),
            }
            for trunk in shared.settings.trunks[:limit]
        ]

    def trunk_flows(self) -> Mapping[str, Iterable[Flow]]:
        """The ways to each trunk, by its name."""
        return self._shared.trunk_flows

    def _enrolled(self, trunk: str) -> list[dict[str, Any]]:
        """The accounts at a trunk that is registered at."""
        shared = self._shared
        now = self._now()
        return [
            {
                "account": _text(one.aor),
                "registered": one.expires > now,
                "expires": round(max(one.expires - now, 0.0), 1),
                "status": one.status,
                "why": one.why,
                "nodes": [
                    node.name
                    for node, until in zip(shared.settings.nodes, one.until, strict=True)
                    if until > now
                ],
            }
            for one in shared.enrolments.of(trunk)
        ]

    def answers(self) -> dict[str, int]:
        """Calls from outside by the status of their final answer; those with a 200 always."""
        counted = {200: 0, **self._shared.tally.answers}
        return {str(status): n for status, n in sorted(counted.items())}

    def setups(self, since: int) -> tuple[int, list[float]]:
        """How many callers have heard something so far, and the times of those after ``since``."""
        tally = self._shared.tally
        new = min(tally.heard - since, len(tally.times))
        return tally.heard, list(tally.times)[-new:] if new > 0 else []

    def heard_seconds(self) -> float:
        """The sum of all these times."""
        return self._shared.tally.seconds

    def holds(self, flow: Flow) -> bool:
        """Does a binding or a dialog need this connection?  May be a minute old."""
        now = self._now()
        if self._made is None or now >= self._made + FRESH:
            self._made = now
            shared = self._shared
            held = {binding.flow.ident for binding in shared.bindings if binding.expires > now}
            held.update(leg.outside_flow.ident for leg in shared.legs if leg.outside_flow)
            self._held = held
        return flow.ident in self._held


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _place(flow: Flow) -> str:
    return f"[{flow.host}]:{flow.port}" if ":" in flow.host else f"{flow.host}:{flow.port}"
