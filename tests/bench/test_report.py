"""What a fault run makes of what was seen."""

from __future__ import annotations

from bench.report import Ladder, Report, Written, judge_calls
from probes.sipp import CallTiming
from tests.lab.capture import Packet

FRONT, NODE_A, NODE_B, PHONE = "127.0.0.10", "127.0.0.11", "127.0.0.12", "127.0.1.1"
NODES = {"pbx-a": NODE_A, "pbx-b": NODE_B}


def call(started: float, answered: float | None, *, ours: bool = True) -> CallTiming:
    name = f"{started}@phone"
    ended = None if answered is None else answered + 1
    return CallTiming(name, started, 1, None, answered, 200, ended, ours)


def packet(
    at: float, source: str, target: str, line: str, call_id: str, cseq: str, extra: str = ""
) -> Packet:
    text = f"{line}\r\nCall-ID: {call_id}\r\nCSeq: 1 {cseq}\r\nTo: <sip:x>\r\n{extra}\r\n"
    return Packet(at, "UDP", (source, 5060), (target, 5060), text.encode())


def token(value: str) -> str:
    return f"X-Sipfront-Call: {value}\r\n"


def test_new_calls_are_told_from_those_that_the_fault_caught() -> None:
    report = Report("freeze", "extension", 20, 60, 1, fault_at=100.0)
    calls = [call(90 + n, 90.01 + n) for n in range(9)]
    calls += [call(99.99, 100.8), call(100.1, 100.22), call(100.2, None), call(99.9, None)]
    judge_calls(report, calls, failed=3)
    assert (report.made, report.answered) == (13, 11)
    assert (report.failed, report.caught_failed, report.other) == (1, 1, 1)
    assert round(report.usual, 3) == 0.01
    assert [round(value, 2) for value in report.extra] == [0.11]
    assert [round(value, 2) for value in report.caught] == [0.8]
    assert report.histogram()[-1] == ("< 150 ms", 1)
    assert report.as_json()["worst_extra_ms"] == 110.0
    assert any("failed 1, and 1 in set-up" in line for line in report.lines())


def test_calls_ended_by_somebody_else_are_counted() -> None:
    report = Report("kill", "extension", 20, 60, 1, fault_at=100.0)
    judge_calls(report, [call(99.0, 99.1, ours=False), call(99.2, 99.3)], failed=1)
    assert (report.failed, report.cut, report.other) == (0, 1, 0)


def hedged() -> list[Packet]:
    return [
        packet(1.0, FRONT, NODE_A, "INVITE sip:1 SIP/2.0", "x", "INVITE", token("t")),
        packet(1.1, FRONT, NODE_B, "INVITE sip:1 SIP/2.0", "x", "INVITE", token("t")),
        packet(1.2, NODE_B, FRONT, "INVITE sip:1 SIP/2.0", "b", "INVITE", token("t")),
        packet(1.3, PHONE, FRONT, "SIP/2.0 180 Ringing", "b", "INVITE"),
        packet(1.5, NODE_A, FRONT, "INVITE sip:1 SIP/2.0", "a", "INVITE", token("t")),
        packet(1.6, PHONE, FRONT, "SIP/2.0 180 Ringing", "a", "INVITE"),
        packet(1.8, FRONT, NODE_A, "CANCEL sip:1 SIP/2.0", "x", "CANCEL"),
        packet(1.9, FRONT, PHONE, "CANCEL sip:1 SIP/2.0", "a", "CANCEL"),
        packet(2.3, PHONE, FRONT, "SIP/2.0 200 OK", "b", "INVITE"),
        packet(2.4, NODE_B, FRONT, "SIP/2.0 200 OK", "x", "INVITE"),
    ]


def test_two_rings_of_one_call_are_seen_side_by_side() -> None:
    report = Report("stun", "extension", 20, 60, 1, fault_at=1.0)
    ladder = Ladder(hedged(), {FRONT}, NODES)
    ladder.judge(report)
    assert report.rung_twice == 1
    assert round(report.rung_both, 3) == 0.3
    assert round(report.hedged_for, 3) == 0.7
    assert ladder.first_to("pbx-a", 1.05) == 1.8
    assert ladder.first_to("pbx-b", 9.0) is None


def test_a_ring_after_the_callers_answer_is_told_from_the_move_of_a_ringing_call() -> None:
    def rung_again(begins: float) -> float:
        """Node A's ring, 0.2 s long, begins then; the call was answered on B at 2.4."""
        packets = [item for item in hedged() if not (item.at > 1.5 and b": a\r" in item.data)]
        packets += [
            packet(begins, PHONE, FRONT, "SIP/2.0 180 Ringing", "a", "INVITE"),
            packet(begins + 0.2, FRONT, PHONE, "CANCEL sip:1 SIP/2.0", "a", "CANCEL"),
        ]
        report = Report("stun", "extension", 20, 60, 1, fault_at=1.0)
        Ladder(sorted(packets, key=lambda item: item.at), {FRONT}, NODES).judge(report)
        return round(report.rung_again, 3)

    assert rung_again(2.1) == 0.0
    assert rung_again(2.5) == 0.2


def test_a_call_that_begins_on_the_old_node_or_ends_on_the_wrong_one_is_a_stray() -> None:
    packets = [*hedged(), packet(5.0, FRONT, NODE_A, "BYE sip:1 SIP/2.0", "x", "BYE")]
    ladder = Ladder(packets, {FRONT}, NODES)
    assert ladder.owners("pbx-a", 0.5, 0.1) == ["x lived on pbx-b, its BYE went to pbx-a"]
    (began,) = Ladder(hedged(), {FRONT}, NODES).owners("pbx-b", 0.5, 0.1)
    assert began.startswith("x began on pbx-b")


def test_a_called_party_that_is_ended_early_is_counted() -> None:
    packets = [*hedged(), packet(3.0, FRONT, PHONE, "BYE sip:1 SIP/2.0", "b", "BYE")]
    ladder = Ladder(packets, {FRONT}, NODES)
    assert ladder.early(hold=8.0, fault_at=2.5) == 1
    assert ladder.early(hold=0.5, fault_at=2.5) == 0
    assert ladder.early(hold=8.0, fault_at=2.0) == 0  # not up at the fault


def test_records_are_compared_with_calls() -> None:
    over = {"end": 1.0, "ended_by": "caller", "done": ""}
    moved = {"end": 1.0, "ended_by": "front", "done": "moved, ended by front"}
    written = Written.of([over, moved, {"end": None, "ended_by": "", "done": ""}])
    assert (written.calls, written.open) == (3, 1)
    assert written.done == {"moved": 1, "ended by front": 1}
    assert "NOT EQUAL" in written.line(3)
    line = Written.of([over, moved]).line(2)
    assert "call records 2, calls made 2: equal; ended 1 by caller, 1 by front; 0 open" in line
    assert "NOT EQUAL" in Written.of([over, moved]).line(3)
