"""A pair of nodes without nodes: a real object behind the port, with state that levers move."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from sipfront.admin.port import ControlPort, Metric, Mode
from sipfront.control.actions import Event, SendProbe
from sipfront.control.evidence import Answered, Refused
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.runtime.chronicle import Chronicle
from sipfront.runtime.decisions import Decisions
from sipfront.runtime.supervisor import Supervisor
from sipfront.store.memory import MemoryStore


class Pair:
    """Two nodes, ``a`` active at first; ``ready_`` says whether ``b`` may take over."""

    def __init__(self) -> None:
        self.active = "a"
        self.epoch = 1
        self.ready_ = True
        self.modes: dict[str, Mode] = {"a": "in-service", "b": "in-service"}
        self.heard: float | None = 0.2
        self.state = "UP"
        self.samples: list[Metric] = [
            ("sipfront_epoch", "the epoch", "gauge", {}, 1.0),
            ("sipfront_dropped_total", "drops", "counter", {"reason": "garbage"}, 3.0),
            ("sipfront_dropped_total", "drops", "counter", {"reason": "x\ny"}, 4.0),
        ]
        self.log: list[dict[str, Any]] = [
            {"id": n + 1, "at": float(n), "event": "word", "text": f"event {n}"}
            for n in range(2000)
        ]
        self.times: list[float] = []
        self.answers: dict[str, int] = {}
        self.instance = "one"
        self.force_after: float | None = None
        self.left: list[int] = []
        self.records = 2500
        self.traced: dict[str, Any] = {}
        self.busy = False
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self.decisions = decided()

    def status(self) -> dict[str, Any]:
        nodes = [
            {
                "name": name,
                "uri": f"sip:127.0.0.1{n}:5060",
                "role": "active" if name == self.active else "standby",
                "state": self.state,
                "mode": self.modes[name],
                "ready": self.ready_,
                "why": "answers",
                "draining": self._draining(name),
                "heard": self.heard,
            }
            for n, name in enumerate(("a", "b"))
        ]
        return {
            "redundant": self.ready_,
            "why": "both nodes are up",
            "active": self.active,
            "epoch": self.epoch,
            "decision": "a is preferred",
            "nodes": nodes,
            "calls": 3,
            "bindings": 20,
            "uptime": 4000.0,
            "version": "0",
            "instance": self.instance,
            "answers": dict(self.answers),
        }

    def _draining(self, name: str) -> dict[str, Any] | None:
        """``left`` goes on by one at every look."""
        if self.modes[name] == "in-service":
            return None
        left = (self.left.pop(0) if len(self.left) > 1 else self.left[0]) if self.left else 0
        return {"for": 61.0, "left": left, "force_in": self.force_after}

    def switchover(self, to: str | None, force: bool) -> tuple[bool, str]:
        target = to or ("b" if self.active == "a" else "a")
        if target == self.active:
            return False, f"{target} is active already"
        if not self.ready_ and not force:
            return False, f"{target} is not ready"
        self.active = target
        self.epoch += 1
        return True, f"{target} is active since epoch {self.epoch}"

    def set_mode(self, node: str, mode: Mode, force_after: float | None) -> tuple[bool, str]:
        self.modes[node] = mode
        self.force_after = force_after
        return True, f"{node} is now {mode}"

    def events(self, limit: int) -> list[dict[str, Any]]:
        return self.log[-limit:]

    def listen(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def happen(self, text: str) -> None:
        entry = {"id": len(self.log) + 1, "at": 1e9, "event": "word", "text": text}
        self.log.append(entry)
        for listener in tuple(self.listeners):
            listener(entry)

    def bindings(self, aor: str, limit: int) -> list[dict[str, Any]]:
        nodes = {"pbx-a": 540.0, "pbx-b": 0.0}
        held = [
            {"aor": f"{user}@example.com", "reachable": True, "nodes": nodes}
            for user in (1001, 1002)
        ]
        return [one for one in held if not aor or one["aor"] == aor][:limit]

    def calls(self, limit: int) -> list[dict[str, Any]]:
        return [{"call": "c", "node": "pbx-a", "kind": "INVITE"}][:limit]

    def live_calls(self, node: str, limit: int) -> list[dict[str, Any]]:
        return [call(n, state="up") for n in range(3)][:limit] if node in ("", "a") else []

    async def call_records(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        top = min(wanted.get("before") or self.records + 1, self.records + 1)
        numbers = range(top - 1, 0, -1)
        return [call(n, n=n) for n in numbers if n >= wanted.get("since", 0)][: wanted["limit"]]

    async def trace(self, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        self.traced = dict(wanted)
        return None if self.busy else traced(wanted)

    def trunks(self, limit: int) -> list[dict[str, Any]]:
        ways = ["udp 203.0.113.5:5060"]
        enrolled = {
            "account": "4930@carrier.example",
            "registered": True,
            "expires": 540.0,
            "status": 200,
            "why": "",
            "nodes": ["pbx-a", "pbx-b"],
        }
        trunk = {"name": "carrier", "uri": "sip:203.0.113.5", "ways": ways, "calls": 1}
        return [{**trunk, "register": "node", "registrations": [enrolled]}][:limit]

    def setups(self, since: int) -> tuple[int, list[float]]:
        return len(self.times), self.times[since:]

    def ready(self) -> tuple[bool, str]:
        return self.ready_, "a takes calls" if self.ready_ else "no node takes calls"

    def metrics(self) -> Iterable[Metric]:
        return self.samples


def decided() -> Decisions:
    """A real failover from ``a`` to ``b``, and the questions that can be asked about it."""
    monitor = Monitor(Settings(nodes=("a", "b")), 0.0, active=0, epoch=1)
    chronicle = Chronicle(MemoryStore())
    events: list[dict[str, Any]] = []

    def carry_out(now: float, alive: tuple[int, ...]) -> None:
        for do in monitor.take():
            if isinstance(do, Event):
                told = {"id": len(events) + 1, "at": 1e9 + do.at, "event": do.kind}
                told |= {"text": do.sentence, "epoch": do.epoch, "rule": do.rule}
                told["evidence"] = [
                    {"kind": type(item).__name__.lower(), "node": item.node, "at": item.at - now}
                    for item in do.evidence
                ]
                if do.took is not None:
                    told["took"] = do.took
                events.append(told)
                if do.case is not None:
                    chronicle.changed(do)
            elif isinstance(do, SendProbe) and do.node in alive:
                monitor.evidence(Answered(do.node, do.probe, 200, now, now + 0.001))

    for n in range(4):
        monitor.expire(0.5 * n)
        carry_out(0.5 * n, (0, 1))
    for n in range(4):
        at = 1.6 + 0.01 * n
        monitor.evidence(Refused(0, at))
        monitor.expire(at)
        carry_out(at, (1,))
    carry_out(1.7, ())
    chronicle.close()
    supervisor = Supervisor(SimpleNamespace(heard=[]), monitor)  # type: ignore[arg-type]
    supervisor.events.extend(events)
    return Decisions(monitor, supervisor, chronicle)


def call(number: int, **more: Any) -> dict[str, Any]:
    """A call of ten seconds."""
    at = float(number)
    return {
        "id": f"call{number}",
        "start": at,
        "ring": at + 1,
        "answer": at + 2,
        "end": at + 12,
        "seconds": 10.0,
        "ended_by": "caller",
        "status": 200,
        "caller": "1001@example.com",
        "callee": "+49123@example.com",
        "reached": "=cmd()",
        "from_trunk": "",
        "to_trunk": "carrier",
        "node": "a",
        "node_end": "b",
        "epoch": 1,
        "done": "moved",
        "call_id": f"c{number}",
        "other_call_id": f"d{number}",
        **more,
    }


def traced(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A call of three messages: ``c1``, of phone ``1001``."""
    data = "INVITE sip:600@example.com SIP/2.0\r\nCall-ID: c1\r\nSubject: \x1b[2J\r\n\r\n"
    octets = {"octets": base64.b64encode(data.encode()).decode()} if wanted.get("octets") else {}
    messages: list[dict[str, Any]] = [
        {
            "n": n,
            "at": 1e9 + n,
            "sent": sent,
            "side": side,
            "party": party,
            "transport": "UDP",
            "local": "127.0.0.10:5060",
            "remote": remote,
            "call_id": "c1",
            "label": "INVITE",
            "text": data,
            **octets,
        }
        for n, sent, side, party, remote in (
            (7, False, "outside", "1001", "127.0.1.1:5060"),
            (8, True, "inside", "a", "127.0.0.11:5060"),
            (9, True, "inside", "b", "127.0.0.12:5060"),
        )
        if n > wanted["after"]
        and (wanted["kind"], wanted["name"]) in (("call", "c1"), ("aor", "1001"))
    ]
    note = {"at": 1e9 + 8.5, "event": "call hedged", "text": "call hedged: to b"}
    call = {"call_ids": ["c1"], "messages": messages, "notes": [note]}
    return {
        "calls": [call] if messages else [],
        "since": 1e9,
        "remembers": True,
        "cut": False,
        "masked": not wanted.get("secrets"),
        "next": 9,
    }


def _is_a_port() -> ControlPort:
    return Pair()
