from __future__ import annotations

from probes.sipp.timing import CallTiming, spread, timings


def line(at: float, way: str, call: str, cseq: str, first: str) -> str:
    return f"2026-01-01\t00:00:00\t{at:.6f}\t{way}\t{call}\tCSeq:{cseq}\t{first}\n"


CALLER = [
    line(10.0, "S", "a", "1 INVITE", "INVITE sip:1@h SIP/2.0"),
    line(10.1, "R", "a", "1 INVITE", "SIP/2.0 100 Trying"),
    line(10.2, "R", "a", "1 INVITE", "SIP/2.0 401 Unauthorized"),
    line(10.2, "S", "a", "1 ACK", "ACK sip:1@h SIP/2.0"),
    line(10.3, "S", "a", "2 INVITE", "INVITE sip:1@h SIP/2.0"),
    line(10.4, "S", "b", "1 INVITE", "INVITE sip:1@h SIP/2.0"),
    line(10.5, "R", "a", "2 INVITE", "SIP/2.0 180 Ringing"),
    line(10.6, "R", "a", "2 INVITE", "SIP/2.0 183 Session Progress"),
    line(10.75, "R", "a", "2 INVITE", "SIP/2.0 200 OK"),
    line(10.8, "R", "b", "1 INVITE", "SIP/2.0 486 Busy Here"),
    line(11.0, "S", "a", "3 INVITE", "INVITE sip:1@h SIP/2.0"),  # a re-INVITE is no set-up
    line(11.1, "R", "a", "3 INVITE", "SIP/2.0 491 Request Pending"),
    line(12.0, "R", "a", "1 BYE", "BYE sip:1@h SIP/2.0"),
    line(12.1, "S", "a", "1 BYE", "SIP/2.0 200 OK"),
]


def test_each_call_has_its_moments() -> None:
    first, second = timings(CALLER)
    assert first == CallTiming(
        call_id="a",
        started=10.0,
        sends=2,
        ringing=10.5,
        answered=10.75,
        status=200,
        ended=12.0,
        ended_here=False,
    )
    assert first.set_up == 0.75
    assert first.post_dial == 0.5
    assert (second.call_id, second.status, second.set_up, second.post_dial) == (
        "b",
        486,
        None,
        None,
    )


def test_a_torn_or_foreign_line_is_left_out() -> None:
    whole = CALLER[0]
    for cut in range(len(whole)):
        assert timings([whole[:cut]]) == ()
    assert timings(["x\ty\tnot a time\tS\ta\tCSeq:1 INVITE\tINVITE sip:1@h SIP/2.0\n"]) == ()
    assert timings([line(1, "R", "c", "1 BYE", "BYE sip:1@h SIP/2.0")]) == ()


def test_the_spread_of_some_seconds() -> None:
    assert spread([]) == {}
    assert spread([0.5]) == {"min": 0.5, "p50": 0.5, "p90": 0.5, "p99": 0.5, "max": 0.5}
    hundred = spread([n / 100 for n in range(101)])
    assert hundred == {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
