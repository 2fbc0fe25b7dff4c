"""What the admin side asks of the running front: its ``ControlPort``, by shape only.

Plain values, made on the loop, nothing that blocks.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from sipfront import __version__
from sipfront.runtime import clock
from sipfront.runtime.decisions import Decisions
from sipfront.runtime.measures import grounds, verdicts
from sipfront.runtime.records import as_call
from sipfront.runtime.tracing import Busy, Tracer
from sipfront.runtime.tracing import Wanted as WantedTrace
from sipfront.runtime.trouble import trouble
from sipfront.stack.route import NodeState, Standing
from sipfront.store.calls import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sipfront.runtime.measures import Metric
    from sipfront.runtime.server import Server


class FrontControl:
    """The levers and windows of one :class:`Server`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.decisions = Decisions(server.monitor, server.supervisor, server.chronicle)
        self._tracer = Tracer(
            server.tape,
            server.monitor.settings.nodes,
            trunks=lambda: server.view.trunk_flows() if server.view is not None else {},
            events=lambda: server.supervisor.events,
            others=lambda name: server.recorder.others(name) if server.recorder is not None else (),
        )
        #: numbers of events and counters begin anew with it
        self.instance = secrets.token_hex(8)

    # ------------------------------------------------------------------ levers

    def switchover(self, to: str | None, force: bool) -> tuple[bool, str]:
        """Make ``to`` (None: the other node) the active one."""
        done = self._server.supervisor.switchover(to, force)
        self._server.driver.wake()
        return done

    def set_mode(self, node: str, mode: str, force_after: float | None = None) -> tuple[bool, str]:
        """Set the operator's wish for a node; after ``force_after`` s what is left is ended."""
        done = self._server.supervisor.set_mode(node, mode)
        if done[0] and self._server.draining is not None:
            self._server.draining.wished(node, mode, force_after, clock.wall())
        self._server.driver.wake()
        return done

    # ------------------------------------------------------------------ windows

    def ready(self) -> tuple[bool, str]:
        """Can traffic be served now?"""
        route = self._server.supervisor.route
        if route is None or route.active is None:
            return False, "no active node is known yet"
        names = self._server.monitor.settings.nodes
        if route.states[route.active] is NodeState.DOWN:
            return False, f"the active node {names[route.active]} is down and no other is ready"
        why = f"{names[route.active]} is active"
        wrong = trouble(self._server)
        return True, f"{why}; degraded: {wrong}" if wrong else why

    def events(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, oldest first."""
        events = list(self._server.supervisor.events)
        return events[-limit:] if limit > 0 else []

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call ``listener`` with every event from now on, until what is returned is called."""
        listeners = self._server.supervisor.listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def bindings(self, aor: str, limit: int) -> list[dict[str, Any]]:
        """The phones that are known."""
        view = self._server.view
        return view.bindings(aor, limit) if view is not None else []

    def calls(self, limit: int) -> list[dict[str, Any]]:
        """The dialogs that are up, oldest first."""
        view = self._server.view
        names = self._server.monitor.settings.nodes
        return view.dialogs(names, limit) if view is not None else []

    def live_calls(self, node: str, limit: int) -> list[dict[str, Any]]:
        """The calls that are not over, oldest first; of one node, or of all ("")."""
        recorder = self._server.recorder
        return recorder.live(node, limit) if recorder is not None else []

    async def call_records(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The newest calls that are written down, newest first."""
        recorder = self._server.recorder
        if recorder is None:
            return []
        found = await asyncio.to_thread(recorder.store.find, Wanted(**wanted))
        return [{"n": n, **as_call(row)} for n, row in found]

    async def trace(self, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """The messages of a call, or of a party's calls; None: too many ask."""
        try:
            return await self._tracer.trace(WantedTrace(**wanted))
        except Busy:
            return None

    def trunks(self, limit: int) -> list[dict[str, Any]]:
        """The trunks, the ways to each, and the calls on it."""
        view = self._server.view
        return view.trunks(limit) if view is not None else []

    def setups(self, since: int) -> tuple[int, list[float]]:
        """Callers that have heard something so far, and how long those after ``since`` waited."""
        view = self._server.view
        return view.setups(since) if view is not None else (0, [])

    def status(self) -> dict[str, Any]:
        """Everything that is shown."""
        server = self._server
        now = clock.now()
        status = server.monitor.status(now)
        gauges = self._gauges()
        wrong = trouble(server)
        nodes = []
        phones = server.view.reachable() if server.view is not None else [0] * len(status.nodes)
        for index, (node, configured, reached) in enumerate(
            zip(status.nodes, server.config.nodes, phones, strict=True)
        ):
            heard = None if node.heard_ms is None else round(node.heard_ms / 1000, 3)
            nodes.append(
                {
                    "name": node.name,
                    "uri": str(configured.uri),
                    "role": node.role,
                    "state": node.state,
                    "standing": node.standing,
                    "mode": node.mode,
                    "ready": node.ready,
                    "phones": reached,
                    "draining": self._draining(index),
                    "why": node.why,
                    "verdicts": verdicts(node),
                    "grounds": grounds(node),
                    "heard": heard,
                    "answered": None if node.answered_ms is None else node.answered_ms / 1000,
                    "status": node.status,
                    "rtt_ms": node.rtt_ms,
                    "unanswered": node.unanswered,
                    "evidence": dict(node.evidence),
                    "counters": dict(node.counters),
                }
            )
        return {
            "redundant": status.redundant,
            "why": status.redundancy,
            "active": status.active,
            "epoch": status.epoch,
            "decision": status.decision,
            "rule": status.rule,
            "last_move": status.last_move,
            "instance": self.instance,
            "version": __version__,
            "healthy": not wrong,
            "store": server.store.health()[1],
            "trouble": wrong,
            "probes": server.health.outcomes(),
            "uptime": round(now - server.started, 3),
            "nodes": nodes,
            "trunks": [trunk for trunk in self.trunks(1000) if trunk["registrations"]],
            "calls": gauges.get("calls", 0),
            "bindings": gauges.get("bindings", 0),
            "answers": server.view.answers() if server.view is not None else {},
            "gauges": gauges,
            "counters": {**server.engine.counters, **server.driver.counters},
        }

    def _draining(self, node: int) -> dict[str, Any] | None:
        draining = self._server.draining
        return None if draining is None else draining.status(node, clock.wall())

    def _gauges(self) -> dict[str, int]:
        """How much there is of everything now."""
        view = self._server.view
        recorder = self._server.recorder
        return {
            **(view.gauges() if view is not None else {}),
            **self._server.streams.gauges(),
            **(recorder.gauges() if recorder is not None else {}),
            **self._server.tape.gauges(),
        }

    def metrics(self) -> Iterator[Metric]:
        """All samples of now; samples of one name stand together."""
        server = self._server
        status = server.monitor.status(clock.now())
        yield (
            "sipfront_uptime_seconds",
            "Since the start",
            "gauge",
            {},
            clock.now() - server.started,
        )
        yield ("sipfront_epoch", "Changes of role so far", "gauge", {}, status.epoch)
        text = "1 if a dead active node would be survived now"
        yield ("sipfront_redundant", text, "gauge", {}, float(status.redundant))
        text = "1 if what must outlive the front is being saved"
        yield ("sipfront_store_healthy", text, "gauge", {}, float(server.store.health()[0]))
        text = "1 if all is well with the front itself: store, call records, log, probes, hooks"
        yield ("sipfront_healthy", text, "gauge", {}, float(not trouble(server)))
        yield from server.health.metrics()
        for node in status.nodes:
            text = "1 on the active node"
            yield (
                "sipfront_node_active",
                text,
                "gauge",
                {"node": node.name},
                float(node.role == "active"),
            )
        for node in status.nodes:
            for state in ("UP", "SUSPECT", "OVERLOADED", "DOWN", "UNKNOWN"):
                labels = {"node": node.name, "state": state}
                text = "1 in the state that the node has"
                yield ("sipfront_node_state", text, "gauge", labels, float(node.state == state))
        for node in status.nodes:
            for standing in Standing:
                name = standing.name.lower()
                labels = {"node": node.name, "standing": name}
                text = "1 at what the node may start"
                yield (
                    "sipfront_node_standing",
                    text,
                    "gauge",
                    labels,
                    float(node.standing == name),
                )
        phones = server.view.reachable() if server.view is not None else []
        for node, reached in zip(status.nodes, phones, strict=False):
            text = "Phones that can be called through this node now"
            labels = {"node": node.name}
            yield ("sipfront_phones_reachable", text, "gauge", labels, float(reached))
        for node in status.nodes:
            text = "1 if it may take over now"
            yield ("sipfront_node_ready", text, "gauge", {"node": node.name}, float(node.ready))
        for node in status.nodes:
            if node.rtt_ms is not None:
                text = "Time to an answer to OPTIONS, smoothed"
                yield (
                    "sipfront_node_rtt_seconds",
                    text,
                    "gauge",
                    {"node": node.name},
                    node.rtt_ms / 1000,
                )
        yield from server.supervisor.measures.metrics(status)
        for trunk in self.trunks(1000):
            for one in trunk["registrations"]:
                text = "1 if this account is registered at its carrier"
                labels = {"trunk": trunk["name"], "account": one["account"]}
                yield ("sipfront_trunk_registered", text, "gauge", labels, float(one["registered"]))
        for name, value in sorted(self._gauges().items()):
            text = "How much there is of it now"
            yield ("sipfront_now", text, "gauge", {"what": name}, value)
        if server.view is not None:
            for status_, count in server.view.answers().items():
                text = "Calls from outside by the status of their final answer"
                yield ("sipfront_calls_total", text, "counter", {"status": status_}, count)
            text = "Callers outside that have heard something (ringing, or an answer)"
            yield ("sipfront_setups_total", text, "counter", {}, server.view.setups(0)[0])
            text = "Time that they waited for it, in all"
            seconds = server.view.heard_seconds()
            yield ("sipfront_setup_seconds_total", text, "counter", {}, seconds)
        for name, value in sorted(server.engine.counters.items()):
            text = "What the engine counted: messages, drops and refusals by reason"
            yield ("sipfront_engine_total", text, "counter", {"what": name}, value)
        for name, value in sorted(server.driver.counters.items()):
            text = "What the sockets counted"
            yield ("sipfront_runtime_total", text, "counter", {"what": name}, value)
