"""The lengths of the timers of RFC 3261 17 and RFC 6026, for datagrams and streams."""

from __future__ import annotations

import pytest

from sipfront.stack import transaction as t
from sipfront.stack.flows import Transport
from sipfront.stack.transaction import ClientTx, ServerTx
from tests.stack.test_transaction import Bench

UDP, TCP = Transport.UDP, Transport.TCP


def test_timers_a_and_b_over_udp() -> None:
    """17.1.1.2: T1, doubled without a bound, until 64*T1: seven sends in all."""
    bench = Bench("IC")
    sent = bench.wait(40)
    assert [at for at, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert all(data == bench.first for _, data in sent)
    assert bench.core.heard[-1] == "gave_up"
    assert not bench.layer.clients


@pytest.mark.parametrize("machine", ["IC", "NC"])
def test_timers_b_and_f_over_a_stream(machine: str) -> None:
    """Nothing is sent again; 32 s all the same."""
    bench = Bench(machine, TCP)
    assert bench.wait(31.9) == []
    assert bench.core.heard == []
    bench.wait(0.1)
    assert bench.core.heard == ["gave_up"]


def test_timers_e_and_f_over_udp() -> None:
    """17.1.2.2: doubled up to T2; eleven sends in all."""
    bench = Bench("NC")
    sent = bench.wait(40)
    assert [at for at, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.core.heard[-1] == "gave_up"


def test_timer_e_after_a_provisional() -> None:
    """17.1.2.2: in PROCEEDING every T2."""
    bench = Bench("NC")
    bench.feed(t.RECV_1XX)
    assert [at for at, _ in bench.wait(13)] == [4.0, 8.0, 12.0]


def test_a_provisional_ends_timers_a_and_b() -> None:
    bench = Bench("IC")
    bench.feed(t.RECV_1XX)
    assert bench.layer.timers.next_deadline() is None
    assert bench.wait(100) == []


def test_timer_c_is_started_by_the_core() -> None:
    """16.6 step 11: more than three minutes, then the core hears of it, once."""
    bench = Bench("IC")
    bench.feed(t.RECV_1XX)
    assert isinstance(bench.tx, ClientTx)
    bench.layer.ring(bench.tx, bench.now)
    bench.core.heard.clear()
    bench.wait(184)
    assert bench.core.heard == []
    bench.wait(2)
    assert bench.core.heard == ["gave_up"]
    assert bench.tx.state == t.PROCEEDING


@pytest.mark.parametrize(
    ("machine", "event", "transport", "length"),
    [
        ("IC", t.RECV_3XX, UDP, 32.0),  # D
        ("IC", t.RECV_3XX, TCP, 0.0),
        ("IC", t.RECV_2XX, UDP, 32.0),  # M
        ("IC", t.RECV_2XX, TCP, 32.0),
        ("NC", t.RECV_2XX, UDP, 5.0),  # K
        ("NC", t.RECV_2XX, TCP, 0.0),
        ("NC", t.RECV_3XX, UDP, 5.0),
        ("IS", t.SEND_2XX, UDP, 32.0),  # L
        ("IS", t.SEND_2XX, TCP, 32.0),
        ("IS", t.SEND_3XX, UDP, 32.0),  # H
        ("IS", t.SEND_3XX, TCP, 32.0),
        ("NS", t.SEND_2XX, UDP, 32.0),  # J
        ("NS", t.SEND_2XX, TCP, 0.0),
        ("NS", t.SEND_3XX, UDP, 32.0),
    ],
)
def test_how_long_an_answered_transaction_stays(
    machine: str, event: int, transport: Transport, length: float
) -> None:
    bench = Bench(machine, transport)
    bench.feed(event)
    if length:
        bench.wait(length - 0.01)
        assert bench.tx.state != t.TERMINATED
        bench.wait(0.02)
    assert bench.tx.state == t.TERMINATED
    assert bench.layer.timers.next_deadline() is None
    assert not bench.layer.clients
    assert not bench.layer.servers


def test_timer_g_over_udp() -> None:
    """17.2.1: a failure is sent again, doubled up to T2, until H."""
    bench = Bench("IS")
    bench.feed(t.SEND_3XX)
    sent = bench.wait(40)
    assert [at for at, _ in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert {data for _, data in sent} == {b"an answer"}


def test_no_timer_g_over_a_stream() -> None:
    bench = Bench("IS", TCP)
    bench.feed(t.SEND_3XX)
    assert bench.wait(40) == []


@pytest.mark.parametrize(("transport", "length"), [(UDP, 5.0), (TCP, 0.0)])
def test_timer_i(transport: Transport, length: float) -> None:
    """The ACK ends G and H; T4 later nothing is left."""
    bench = Bench("IS", transport)
    bench.feed(t.SEND_3XX)
    bench.feed(t.ACK)
    if length:
        assert bench.wait(length - 0.01) == []
        assert bench.tx.state == t.CONFIRMED
        bench.wait(0.02)
    assert bench.tx.state == t.TERMINATED


@pytest.mark.parametrize(("machine", "delay"), [("IS", 0.15), ("NS", 3.5)])
def test_when_100_trying_is_due(machine: str, delay: float) -> None:
    """17.2.1 allows 200 ms; RFC 4320 4.1 asks for 3.5 s."""
    bench = Bench(machine)
    bench.wait(delay - 0.01)
    assert bench.core.heard == []
    bench.wait(0.02)
    assert bench.core.heard == ["waited"]


def test_a_real_answer_ends_the_100() -> None:
    bench = Bench("IS")
    bench.feed(t.SEND_1XX)
    bench.wait(10)
    assert bench.core.heard == []


def test_an_answered_request_is_forgotten() -> None:
    """Only the answer is kept; a 2xx of an INVITE may be followed by others."""
    bench = Bench("NS")
    assert isinstance(bench.tx, ServerTx)
    bench.feed(t.SEND_2XX)
    assert bench.tx.request is None
    bench = Bench("IS")
    assert isinstance(bench.tx, ServerTx)
    bench.feed(t.SEND_2XX)
    assert bench.tx.request is not None


def test_an_ack_of_another_first_interval() -> None:
    """Towards a quick node the first interval is shorter; it doubles from there."""
    bench = Bench("IC")
    assert isinstance(bench.tx, ClientTx)
    bench.layer.close_client(bench.tx)
    tx = ClientTx(b"b2", bench.first, bench.tx.flow, 0, True, None, bench.now)
    bench.layer.open_client(tx, bench.now, 0.05)
    bench.take()
    assert [at for at, _ in bench.wait(1.0)] == [0.05, 0.15, 0.35, 0.75]


def test_what_no_row_is_for_is_counted_by_name() -> None:
    """From the network it is absorbed; an answer of our own where none may be is a bug."""
    names: list[str] = []
    bench = Bench("IS")
    bench.layer._count = names.append
    bench.feed(t.ACK)
    bench.put(t.CONFIRMED)
    bench.feed(t.SEND_2XX)
    assert names == ["absorbed: ACK in PROCEEDING", "bug: SEND_2XX in CONFIRMED"]
    assert bench.layer.absorbed == 2
