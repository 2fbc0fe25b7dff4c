"""Control's shell: values go over one for one, and nothing is judged here."""

from __future__ import annotations

import logging

import pytest

from sipfront.control import actions, evidence
from sipfront.control.monitor import Monitor
from sipfront.control.settings import Settings
from sipfront.runtime.supervisor import NOTES, Supervisor
from sipfront.stack import notices
from sipfront.stack.route import NodeState, Standing
from tests.runtime.support import EchoEngine


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Room:
    """An engine and a monitor on a moved clock; probes are answered by hand."""

    def __init__(self, **settings: object) -> None:
        self.clock = Clock()
        self.engine = Owner()
        self.monitor = Monitor(Settings(("a", "b"), **settings), self.clock.now)  # type: ignore[arg-type]
        self.asked: list[str] = []
        self.supervisor = Supervisor(
            self.engine, self.monitor, ask_witness=self.asked.append, now=self.clock
        )
        self.supervisor.owned = self.engine.owned
        self.alive = [True, True]
        self.supervisor.act(self.clock.now)

    def step(self) -> None:
        """To the next deadline."""
        deadline = self.supervisor.next_deadline()
        assert deadline is not None
        self.clock.now = max(self.clock.now, deadline)
        self.supervisor.expire(self.clock.now)
        self.supervisor.act(self.clock.now)
        for node, probe, kind in self.engine.asked:
            if self.alive[node] and kind == "options":
                self.engine.hearing[node] = self.clock.now
                answer = notices.Answered(node, probe, 200, self.clock.now, self.clock.now)
                self.supervisor.tell([answer])
        self.engine.asked.clear()
        self.supervisor.act(self.clock.now)

    def run(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.step()


class Owner(EchoEngine):
    """Remembers probes, and says what its nodes own."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int, str]] = []
        self.own = [0, 0]

    def probe(self, node: int, probe: int, now: float, kind: str = "options") -> None:
        self.asked.append((node, probe, kind))

    def owned(self, node: int) -> int:
        return self.own[node]


def test_probes_go_out_and_roles_come_in() -> None:
    room = Room()
    room.run(1.0)
    route = room.supervisor.route
    assert route is not None
    assert route is room.engine.routes[-1]
    assert (route.active, route.epoch, route.ready) == (0, 1, (True, True))
    assert route.states == (NodeState.UP, NodeState.UP)
    assert {entry["event"] for entry in room.supervisor.events} >= {"start", "up"}


def test_a_silent_node_is_left_and_the_event_carries_its_evidence() -> None:
    room = Room()
    room.run(2.0)
    room.alive[0] = False
    room.run(2.0)
    assert room.engine.routes[-1].active == 1
    entry = next(e for e in room.supervisor.events if e["event"] == "failover")
    assert entry["epoch"] == 2
    assert "unanswered" in {item["kind"] for item in entry["evidence"]}
    assert all(item["at"] <= 0 for item in entry["evidence"])


def test_all_evidence_of_the_engine_arrives() -> None:
    room = Room()
    room.run(1.0)
    at = room.clock.now
    room.engine.hearing[1] = at
    room.supervisor.tell(
        [
            notices.Refused(0, at),
            notices.Silent(0, at - 0.1, at, 2),
            notices.Overload(1, at, 3),
        ]
    )
    room.supervisor.act(at)
    assert room.engine.routes[-1].states[1] is NodeState.OVERLOADED
    assert room.engine.routes[-1].states[0] is NodeState.SUSPECT


def test_what_was_heard_is_known_before_anything_is_judged() -> None:
    room = Room()
    room.run(2.0)
    room.alive = [False, False]
    for _ in range(400):  # OPTIONS are not answered, but the nodes speak in their dialogs
        room.engine.hearing = [room.clock.now, room.clock.now]
        room.step()
    assert room.engine.routes[-1].active == 0
    assert "failover" not in {entry["event"] for entry in room.supervisor.events}


def test_a_draining_node_without_dialogs_is_standby_again() -> None:
    room = Room()
    room.run(1.0)
    room.engine.own = [3, 0]
    done, _ = room.supervisor.switchover("b", True)
    assert done
    room.run(2.0)
    assert room.engine.routes[-1].standings == (Standing.DRAINING, Standing.ACTIVE)
    room.engine.own = [0, 0]
    room.run(2.0)
    assert room.engine.routes[-1].standings == (Standing.STANDBY, Standing.ACTIVE)


def test_what_was_lost_is_given_up_once() -> None:
    class Rescuer:
        def __init__(self) -> None:
            self.given_up: list[int] = []
            self.left = 0
            self.at: float | None = None

        def give_up(self, node: int, now: float) -> None:
            self.given_up.append(node)
            self.left, self.at = 3, 0.0

        def next_deadline(self) -> float | None:
            return self.at

        def act(self, now: float) -> bool:
            if self.at is None or now < self.at:
                return False
            self.left -= 1
            self.at = now + 0.005 if self.left else None
            return True

    room = Room(rescue_after=3.0)
    rescuer = Rescuer()
    room.supervisor.rescuer = rescuer  # type: ignore[assignment]
    room.run(2.0)
    room.alive[0] = False
    room.run(2.0)
    assert room.engine.routes[-1].active == 1
    assert rescuer.given_up == []
    room.run(6.0)
    assert rescuer.given_up == [0]
    assert rescuer.left == 0


def test_witnesses_are_asked_when_control_wants_it() -> None:
    room = Room(witnesses=("10.0.0.1",))
    room.run(1.0)
    room.alive = [False, False]
    room.run(1.0)
    assert "10.0.0.1" in room.asked
    room.supervisor.witnessed("10.0.0.1", True)
    assert room.supervisor.next_deadline() is not None


def test_modes_and_refusals_are_answered_in_words() -> None:
    room = Room()
    room.run(1.0)
    assert room.supervisor.set_mode("b", "maintenance")[0]
    done, text = room.supervisor.switchover("b", False)
    assert not done
    assert "maintenance" in text


def test_the_line_for_fail2ban_keeps_its_shape(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    with caplog.at_level(logging.INFO, "sipfront"):
        rejected = notices.Rejected(
            1.0, "198.51.100.7", 5061, "UDP", "credentials", "sip:1@x", "REGISTER", True
        )
        room.supervisor.tell([rejected, notices.Note(1.0, "hedged", "abc", "to b", "def")])
    first, second = caplog.records
    assert first.getMessage() == "rejected"
    fields = first.__dict__["fields"]
    assert list(fields) == ["host", "port", "transport", "reason", "aor", "method", "banned"]
    assert fields["host"] == "198.51.100.7"
    assert second.getMessage() == "hedged"
    calls = {"call_id": "abc", "other_call_id": "def"}
    assert second.__dict__["fields"] == {**calls, "detail": "to b"}


def test_so_many_lines_about_single_calls_a_second(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    with caplog.at_level(logging.INFO, "sipfront"):
        many = [notices.Note(1.0, "call moved", str(n), "") for n in range(NOTES + 7)]
        room.supervisor.tell([*many, notices.Note(2.1, "call moved", "later", "")])
    words = [record.getMessage() for record in caplog.records]
    assert words == ["call moved"] * NOTES + ["notes_left_out", "call moved"]
    assert caplog.records[NOTES].__dict__["fields"] == {"count": 7}


def test_events_of_the_runtime_stand_beside_them() -> None:
    room = Room()
    room.supervisor.record("reload", "read again", loud=True)
    last = room.supervisor.events[-1]
    assert (last["event"], last["text"]) == ("reload", "read again")
    assert last["at"] > 1e9
    assert actions.ROLE_EVENTS


def test_real_calls_are_told_to_control_once_a_second() -> None:
    room = Room()
    counted = [(10, 0), (0, 0)]
    told: list[evidence.Traffic] = []
    take = room.supervisor.monitor.evidence

    def keep(ev: evidence.Evidence) -> None:
        if isinstance(ev, evidence.Traffic):
            told.append(ev)
        take(ev)

    room.supervisor.monitor.evidence = keep  # type: ignore[method-assign]
    room.supervisor.traffic = lambda: counted
    for n in range(5):
        if n == 3:
            counted[0] = (18, 6)
        room.supervisor.expire(2.0 + n)
    assert [(ev.node, ev.finals, ev.failed) for ev in told if ev.finals] == [(0, 8, 6)]
    assert len(told) == 10
