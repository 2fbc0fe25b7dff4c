"""The four machines, row by row through the layer (the timers' lengths: test_layer.py).

``ROWS`` says for every row of the tables what it must do; a row without its line there fails, as
does a line without its row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sipfront.sip.message import Message, scan
from sipfront.stack import transaction as t
from sipfront.stack.flows import Flow, Listener, Transport
from sipfront.stack.layer import Transactions
from sipfront.stack.settings import Timing
from sipfront.stack.timers import RESEND, UNTIL
from sipfront.stack.transaction import ClientTx, ServerTx
from tests.stack.world import octets, request

if TYPE_CHECKING:
    from sipfront.stack.transaction import Table

TABLES: dict[str, Table] = {
    "IC": t.INVITE_CLIENT,
    "NC": t.NON_INVITE_CLIENT,
    "IS": t.INVITE_SERVER,
    "NS": t.NON_INVITE_SERVER,
}
FLAT = {"IC": t.IC, "NC": t.NC, "IS": t.IS, "NS": t.NS}

#: machine, state, event: the next state, what is sent, what the core hears.
ROWS = """
IC TRYING     TIMER_RESEND  TRYING     again  unanswered
IC TRYING     TIMER_UNTIL   TERMINATED -      gave_up
IC TRYING     RECV_1XX      PROCEEDING -      answered
IC TRYING     RECV_2XX      ACCEPTED   -      answered
IC TRYING     RECV_3XX      COMPLETED  ack    answered
IC TRYING     BROKEN        TERMINATED -      failed
IC PROCEEDING RECV_1XX      PROCEEDING -      answered
IC PROCEEDING RECV_2XX      ACCEPTED   -      answered
IC PROCEEDING RECV_3XX      COMPLETED  ack    answered
IC PROCEEDING TIMER_UNTIL   PROCEEDING -      gave_up
IC PROCEEDING BROKEN        TERMINATED -      failed
IC COMPLETED  RECV_3XX      COMPLETED  ack    -
IC COMPLETED  TIMER_UNTIL   TERMINATED -      -
IC COMPLETED  BROKEN        TERMINATED -      -
IC ACCEPTED   RECV_2XX      ACCEPTED   -      answered
IC ACCEPTED   TIMER_UNTIL   TERMINATED -      -
NC TRYING     TIMER_RESEND  TRYING     again  unanswered
NC TRYING     TIMER_UNTIL   TERMINATED -      gave_up
NC TRYING     RECV_1XX      PROCEEDING -      answered
NC TRYING     RECV_2XX      COMPLETED  -      answered
NC TRYING     RECV_3XX      COMPLETED  -      answered
NC TRYING     BROKEN        TERMINATED -      failed
NC PROCEEDING TIMER_RESEND  PROCEEDING again  unanswered
NC PROCEEDING TIMER_UNTIL   TERMINATED -      gave_up
NC PROCEEDING RECV_1XX      PROCEEDING -      answered
NC PROCEEDING RECV_2XX      COMPLETED  -      answered
NC PROCEEDING RECV_3XX      COMPLETED  -      answered
NC PROCEEDING BROKEN        TERMINATED -      failed
NC COMPLETED  RECV_2XX      COMPLETED  -      -
NC COMPLETED  RECV_3XX      COMPLETED  -      -
NC COMPLETED  TIMER_UNTIL   TERMINATED -      -
IS PROCEEDING REQUEST       PROCEEDING last   -
IS PROCEEDING SEND_1XX      PROCEEDING answer -
IS PROCEEDING SEND_2XX      ACCEPTED   answer -
IS PROCEEDING SEND_3XX      COMPLETED  answer -
IS COMPLETED  REQUEST       COMPLETED  last   -
IS COMPLETED  TIMER_RESEND  COMPLETED  last   -
IS COMPLETED  ACK           CONFIRMED  -      -
IS COMPLETED  TIMER_UNTIL   TERMINATED -      -
IS CONFIRMED  ACK           CONFIRMED  -      -
IS CONFIRMED  REQUEST       CONFIRMED  -      -
IS CONFIRMED  TIMER_UNTIL   TERMINATED -      -
IS ACCEPTED   REQUEST       ACCEPTED   -      -
IS ACCEPTED   SEND_2XX      ACCEPTED   answer -
IS ACCEPTED   TIMER_UNTIL   TERMINATED -      -
NS TRYING     REQUEST       TRYING     -      -
NS TRYING     SEND_1XX      PROCEEDING answer -
NS TRYING     SEND_2XX      COMPLETED  answer -
NS TRYING     SEND_3XX      COMPLETED  answer -
NS PROCEEDING REQUEST       PROCEEDING last   -
NS PROCEEDING SEND_1XX      PROCEEDING answer -
NS PROCEEDING SEND_2XX      COMPLETED  answer -
NS PROCEEDING SEND_3XX      COMPLETED  answer -
NS COMPLETED  REQUEST       COMPLETED  last   -
NS COMPLETED  SEND_2XX      COMPLETED  -      -
NS COMPLETED  SEND_3XX      COMPLETED  -      -
NS COMPLETED  TIMER_UNTIL   TERMINATED -      -
"""

#: Server rows whose timers belong to the core while nothing was answered (100 Trying, parking).
SERVER_EVENTS = (t.REQUEST, t.ACK, t.SEND_1XX, t.SEND_2XX, t.SEND_3XX)
CLIENT_EVENTS = (t.RECV_1XX, t.RECV_2XX, t.RECV_3XX, t.BROKEN)


@dataclass(frozen=True)
class Case:
    machine: str
    state: int
    event: int
    next: int
    sent: str
    core: str

    def __str__(self) -> str:
        return f"{self.machine}-{t.STATE_NAMES[self.state]}-{t.EVENT_NAMES[self.event]}"


def cases() -> list[Case]:
    found = []
    for line in ROWS.strip().splitlines():
        machine, state, event, after, sent, core = line.split()
        states, events = t.STATE_NAMES, t.EVENT_NAMES
        found.append(
            Case(machine, states.index(state), events.index(event), states.index(after), sent, core)
        )
    return found


CASES = cases()
ABSENT = [
    (machine, state, event)
    for machine, table in TABLES.items()
    for state in range(t.TERMINATED)
    for event in (SERVER_EVENTS if machine.endswith("S") else CLIENT_EVENTS)
    if (state, event) not in table
]


@dataclass
class Core:
    """Notes what it hears."""

    heard: list[str] = field(default_factory=list)
    may: bool = True

    def answered(self, client: ClientTx, message: Message, now: float) -> None:
        self.heard.append("answered")

    def gave_up(self, client: ClientTx, now: float) -> None:
        self.heard.append("gave_up")

    def failed(self, client: ClientTx, now: float) -> None:
        self.heard.append("failed")

    def may_resend(self, client: ClientTx, now: float) -> bool:
        return self.may

    def unanswered(self, client: ClientTx, now: float) -> None:
        self.heard.append("unanswered")

    def waited(self, server: ServerTx, kind: int, now: float) -> None:
        self.heard.append("waited")


class Bench:
    """One transaction in a layer of its own."""

    def __init__(self, machine: str, transport: Transport = Transport.UDP) -> None:
        listener = Listener(
            0, transport, b"192.0.2.10", 5060, inside=False, bound=("192.0.2.10", 5060)
        )
        self.now = 100.0
        self.core = Core()
        self.layer = Transactions(Timing(), self.core)
        flow = Flow(1, listener, "198.51.100.7", 5060)
        method = "INVITE" if machine[0] == "I" else "OPTIONS"
        data = octets(request(method, "sip:600@example.com"))
        self.tx: ClientTx | ServerTx
        if machine[1] == "C":
            self.tx = ClientTx(b"z9hG4bKb1", data, flow, -1, method == "INVITE", None, self.now)
            self.layer.open_client(self.tx, self.now)
        else:
            self.tx = self.layer.open_server(b"key", scan(data), flow, b"", self.now)
        self.first = data
        self.take()

    def take(self) -> list[bytes]:
        sent = [data for _, data in self.layer.outbox]
        self.layer.outbox = []
        return sent

    def put(self, state: int) -> None:
        """Bring the transaction into a state as if it had come there by itself."""
        tx = self.tx
        tx.state = state
        if isinstance(tx, ServerTx) and state != t.TRYING:
            tx.sent = b"the last answer"
        tx.resend_at = tx.until = 0.0
        tx.interval = 0.5

    def feed(self, event: int) -> list[bytes]:
        """Let one event happen, by the layer's own verbs."""
        tx, layer = self.tx, self.layer
        if event in (t.TIMER_RESEND, t.TIMER_UNTIL):
            kind = RESEND if event == t.TIMER_RESEND else UNTIL
            layer.timers.start(tx, kind, 0.0, self.now)
            layer.expire(self.now)
        elif isinstance(tx, ServerTx):
            if event == t.REQUEST:
                layer.again(tx, self.now)
            elif event == t.ACK:
                layer.acknowledged(tx, self.now)
            else:
                status = {t.SEND_1XX: 180, t.SEND_2XX: 200, t.SEND_3XX: 486}[event]
                layer.answer(tx, b"an answer", status, self.now)
        elif event == t.BROKEN:
            layer.broken(tx, self.now)
        else:
            layer.respond(tx, self.response(event), self.now)
        return self.take()

    def response(self, event: int) -> Message:
        status = {t.RECV_1XX: 180, t.RECV_2XX: 200, t.RECV_3XX: 486}[event]
        head = self.first.split(b"\r\n", 1)[1].replace(
            b"To: <sip:600@example.com>", b"To: <x>;tag=9"
        )
        return scan(b"SIP/2.0 %d X\r\n" % status + head.replace(b"<x>", b"<sip:x@y>"))

    def wait(self, seconds: float) -> list[tuple[float, bytes]]:
        """What is sent while time passes: (seconds since the start of the wait, octets)."""
        start, end = self.now, self.now + seconds
        sent: list[tuple[float, bytes]] = []
        while (at := self.layer.timers.next_deadline()) is not None and at <= end:
            self.now = at
            self.layer.expire(at)
            sent += [(round(at - start, 6), data) for data in self.take()]
        self.now = end
        return sent


def test_every_row_has_its_line() -> None:
    """A new row without a test fails here; so does a test without a row."""
    told = {(case.machine, case.state, case.event) for case in CASES}
    there = {(name, *pair) for name, table in TABLES.items() for pair in table}
    assert told == there
    assert len(CASES) == len(told)


@pytest.mark.parametrize("machine", TABLES)
def test_the_flat_table_is_the_table(machine: str) -> None:
    for state in range(t.STATES):
        for event in range(t.EVENTS):
            row = TABLES[machine].get((state, event), t.ABSENT)
            assert FLAT[machine][state * t.EVENTS + event] == row


@pytest.mark.parametrize("case", CASES, ids=str)
def test_row(case: Case) -> None:
    bench = Bench(case.machine)
    bench.put(case.state)
    sent = bench.feed(case.event)
    assert t.STATE_NAMES[bench.tx.state] == t.STATE_NAMES[case.next]
    assert bench.core.heard == ([] if case.core == "-" else [case.core])
    if case.sent == "-":
        assert sent == []
    elif case.sent == "ack":
        assert sent[0].startswith(b"ACK sip:600@example.com SIP/2.0\r\nVia: ")
        assert b"To: <sip:x@y>;tag=9\r\n" in sent[0]
        assert scan(sent[0]).cseq_method == b"ACK"
    else:
        wanted = {"again": bench.first, "answer": b"an answer", "last": b"the last answer"}
        assert sent == [wanted[case.sent]]
    gone = bench.tx.state == t.TERMINATED
    held = bench.layer.clients if isinstance(bench.tx, ClientTx) else bench.layer.servers
    assert bool(held) != gone
    if gone:
        assert bench.layer.timers.next_deadline() is None
    assert bench.layer.absorbed == 0


@pytest.mark.parametrize("case", [case for case in CASES if case.machine[1] == "C"], ids=str)
def test_whoever_hears_of_the_end_has_the_request(case: Case) -> None:
    """It is sent elsewhere then; of one that just ends nothing is kept."""
    bench = Bench(case.machine)
    bench.put(case.state)
    bench.feed(case.event)
    assert isinstance(bench.tx, ClientTx)
    ends_quietly = bench.tx.state == t.TERMINATED and not bench.core.heard
    assert bench.tx.sent == (b"" if ends_quietly else bench.first)


@pytest.mark.parametrize(("machine", "state", "event"), ABSENT)
def test_absent_pairs_are_absorbed_and_counted(machine: str, state: int, event: int) -> None:
    bench = Bench(machine)
    bench.put(state)
    assert bench.feed(event) == []
    assert bench.tx.state == state
    assert bench.core.heard == []
    assert bench.layer.absorbed == 1


@pytest.mark.parametrize("machine", ["IS", "NS"])
@pytest.mark.parametrize("event", [t.TIMER_RESEND, t.TIMER_UNTIL])
def test_timers_of_an_unanswered_request_are_the_cores(machine: str, event: int) -> None:
    """100 Trying and the end of parking."""
    bench = Bench(machine)
    assert bench.feed(event) == []
    assert bench.core.heard == ["waited"]
