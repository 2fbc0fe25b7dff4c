"""What is sent: a refresh is one to the front that gets it."""

from __future__ import annotations

from bench import loads


def test_a_phone_keeps_port_and_call_id_and_counts_its_cseq() -> None:
    first = loads.caller(loads.REGISTER, "127.0.10.20", 500, 10, batch=2)
    again = loads.caller(loads.REFRESH, "127.0.10.20", 500, 10, batch=2, number=3)
    assert first.srcaddr == again.srcaddr == (loads.CALLER, loads.PHONES)
    assert first.users == again.users
    assert first.extra == again.extra
    assert "-cid_str" in first.extra
    assert (first.key_vals["number"], again.key_vals["number"]) == ("1", "3")
    other = loads.caller(loads.REGISTER, "127.0.10.20", 500, 10, batch=4)
    assert other.users[0] != first.users[0]
    assert "CSeq: [number] REGISTER" in first.scenario_text()


def test_calls_may_last_and_options_go_to_the_subject_itself() -> None:
    call = loads.caller(loads.CALL, "127.0.10.20", 500, 1000, hold=2000)
    assert call.pause_duration == 2000
    assert call.timeout == 2 + 2 + loads.GRACE
    assert loads.caller(loads.OPTIONS, "127.0.10.20", 500, 10).domain == "127.0.10.20:5060"
