from __future__ import annotations

import io

from rich.console import Console

from sipfront.screen import panels

STATUS = {
    "active": "a",
    "epoch": 3,
    "redundant": False,
    "why": "no: b is DOWN",
    "decision": "a stays active",
    "calls": 4,
    "bindings": 20,
    "gauges": {"dialogs": 8, "parked": 2},
    "answers": {"200": 30, "503": 2},
    "counters": {"hedged": 10},
    "nodes": [
        {
            "name": "a",
            "role": "active",
            "state": "UP",
            "mode": "in-service",
            "standing": "active",
            "verdicts": {"reachable": "good", "call": "bad", "takeover": "good"},
            "heard": 0.25,
            "why": "a is UP\x1b[2J",
        }
    ],
}


def shown(what: object) -> str:
    console = Console(width=140, file=io.StringIO(), force_terminal=False)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_head_says_who_and_whether_it_would_be_survived() -> None:
    text = shown(panels.head(STATUS, "sipfront"))
    assert "a is active, epoch 3   redundant: no: b is DOWN" in text
    assert "a stays active" in text
    assert "the front does not answer" in shown(panels.head({}, "sipfront"))


def test_a_node_is_a_row_and_moves_no_cursor() -> None:
    columns = [panels.NAME, panels.ROLE, panels.VERDICTS, panels.HEARD, panels.WHY]
    text = shown(panels.nodes(STATUS, columns))
    assert "reachable call" in text
    assert "0.2 s ago" in text
    assert "takeover" not in text
    assert "\x1b" not in text


def test_rates_are_of_the_time_between_two_looks() -> None:
    before = {"answers": {"200": 10}, "counters": {"hedged": 0}}
    text = shown(panels.numbers(STATUS, before, 10.0))
    assert "4 calls, 20 phones, 8 dialogs, 2 parked" in text
    assert "200 2.0  503 0.2" in text
    assert "hedged 1.0/s" in text
    assert "answered" not in shown(panels.numbers(STATUS, None, 0.0))


def test_the_timeline_is_in_the_order_of_its_times() -> None:
    events = [
        {"at": 20.0, "event": "failover", "text": "a is left"},
        {"at": 10.5, "event": "down", "text": "a refused"},
    ]
    text = shown(panels.timeline(panels.lines(events), 6))
    assert text.index("down: a refused") < text.index("failover: a is left")
    assert ".500" in text
    assert panels.lines(events)[0].style == "bold yellow"
