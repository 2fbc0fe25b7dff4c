from __future__ import annotations

from sipfront.screen import ladder
from sipfront.screen.ladder import FRONT, Seen, answered, draw, fitting


def test_a_call_that_was_hedged() -> None:
    at = 1000.0
    seen = [
        Seen(at, "1001", True, "INVITE"),
        Seen(at + 0.030, "pbx-b", False, "INVITE"),
        Seen(at + 0.040, "pbx-b", True, "200"),
        Seen(at + 0.041, "1001", False, "200"),
    ]
    notes = [(at - 1, "before"), (at + 0.010, "you killed pbx-a"), (at + 9, "after")]
    assert draw(seen, ["1001", FRONT, "pbx-a", "pbx-b"], notes) == [
        "     1001                    sipfront                pbx-a                   pbx-b",
        "     0    │──────── INVITE ──────>│                       │                       │",
        "    10    ─ you killed pbx-a",
        "    30    │                       │──────── INVITE ──────────────────────────────>│",
        "    40    │                       │<──────── 200 ─────────────────────────────────│",
        "    41    │<──────── 200 ─────────│                       │                       │",
    ]


def test_the_challenge_is_left_out() -> None:
    seen = [
        Seen(0.0, "1001", True, "INVITE"),
        Seen(0.001, "a", False, "INVITE"),
        Seen(0.002, "a", True, "401"),
        Seen(0.003, "1001", False, "401"),
        Seen(0.004, "1001", True, "ACK"),
        Seen(0.005, "1001", True, "INVITE"),
        Seen(0.006, "a", False, "ACK"),
        Seen(0.007, "a", False, "INVITE"),
        Seen(0.008, "a", True, "200"),
    ]
    lines = draw(answered(seen, "1001"), ["1001", FRONT, "a"])[1:]
    assert [line.split()[0] for line in lines] == ["0", "2", "3"]
    assert all(word in line for word, line in zip(("INVITE", "INVITE", "200"), lines, strict=True))
    late = [seen[0], *(one._replace(at=one.at + 0.1) for one in seen[1:])]
    assert len(draw(answered(late, "1001"), ["1001", FRONT, "a"])) == 1 + len(
        late
    )  # there the challenge took long


def test_it_is_cut_where_there_is_no_room() -> None:
    seen = [Seen(float(n), "1001", True, "INVITE") for n in range(20)]
    lines = draw(seen, ["1001", FRONT, "a", "b"], limit=5)
    assert len(lines) == 6
    assert lines[-1].strip() == "… and 16 more"
    assert draw([], ["1001", FRONT]) == []


def test_two_parties_outside_and_a_narrow_terminal() -> None:
    seen = [
        Seen(0.0, "1001", True, "INVITE"),
        Seen(0.010, "1002", False, "INVITE"),
        Seen(0.020, "1002", True, "200"),
        Seen(0.021, "1001", False, "200"),
        Seen(0.030, "pbx-a", False, "a label that is far too long"),
    ]
    columns = ["1001", "1002", FRONT, "pbx-a"]
    assert draw(seen, columns, apart=fitting(60, 4)) == [
        "     1001            1002            sipfront        pbx-a",
        "     0    │──────────────────── INVITE ──>│               │",
        "    10    │               │<─── INVITE ───│               │",
        "    20    │               │───── 200 ────>│               │",
        "    21    │<──────────────────── 200 ─────│               │",
        "    30    │               │               │── a label t ─>│",
    ]
    assert fitting(200, 4) == ladder.APART
    assert fitting(20, 4) == ladder.NEAREST
    assert answered([], "1001") == []
