"""Fault runs side by side."""

from __future__ import annotations

from bench import side
from bench.report import Report


def report(what: str, fault: str, **more: object) -> Report:
    made = Report(fault, "extension", 20, 60, 1, what=what, fault_at=100.0, made=280)
    made.set_ups = [(90.0 + n, 0.01) for n in range(5)] + [(100.5, 0.51), (101.0, 0.01)]
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_rows_of_one_fault_stand_under_each_other() -> None:
    counters = {"hedged: silent": 3.0, "hedged: refused": 1.0, "parked": 2.0}
    ours = report("sipfront", "kill", decided_at=100.08, last_to_it=0.02, counters=counters)
    others = [report("sipfront", "freeze"), report("Kamailio", "kill", failed=1)]
    text = side.table([ours, *others])
    assert [line.split()[0] for line in text] == ["fault", "kill", "kill", "freeze"]
    head, first = side.rows([ours])
    row = dict(zip(head, first, strict=True))
    assert row["decision"] == "80 ms"
    assert row["last call to it"] == "20 ms"
    assert row["first good call"] == "1010 ms"
    assert row["longest delay"] == "500 ms"
    assert row["hedged"] == "4"
    assert row["parked"] == "2"


def test_what_another_proxy_does_not_tell_is_left_open() -> None:
    head, theirs = side.rows([report("Kamailio", "kill")])
    row = dict(zip(head, theirs, strict=True))
    assert row["decision"] == row["parked"] == row["hedged"] == row["changes"] == "-"
    assert side.as_json([report("Kamailio", "kill")])[0]["first_good_ms"] == 1010.0
