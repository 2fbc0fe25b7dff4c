from __future__ import annotations

from sipfront.demo import ladder
from sipfront.demo.ladder import Seen, Watcher, draw, labelled

INVITE = (
    b"INVITE sip:600@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
    b"To: <sip:600@x>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def answer(status: int, method: bytes = b"INVITE") -> bytes:
    return (
        INVITE.replace(b"INVITE sip:600@x SIP/2.0", b"SIP/2.0 %d X" % status)
        .replace(b"CSeq: 1 INVITE", b"CSeq: 1 " + method)
        .replace(b"Max-Forwards: 70\r\n", b"")
    )


def test_what_makes_the_picture() -> None:
    assert labelled(INVITE) == ("c1", "INVITE")
    assert labelled(answer(180)) == ("c1", "180")
    assert labelled(answer(200, b"BYE")) == ("c1", "200 (BYE)")
    assert labelled(answer(100)) is None
    assert labelled(answer(200, b"OPTIONS")) is None
    assert labelled(b"\r\n\r\n") is None


def test_a_call_that_was_hedged() -> None:
    at = 1000.0
    seen = [
        Seen(at, "1001", True, "INVITE"),
        Seen(at + 0.030, "pbx-b", False, "INVITE"),
        Seen(at + 0.040, "pbx-b", True, "200"),
        Seen(at + 0.041, "1001", False, "200"),
    ]
    notes = [(at - 1, "before"), (at + 0.010, "you killed pbx-a"), (at + 9, "after")]
    assert draw(seen, "1001", ["pbx-a", "pbx-b"], notes) == [
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
    lines = draw(seen, "1001", ["a"])[1:]
    assert [line.split()[0] for line in lines] == ["0", "2", "3"]
    assert all(word in line for word, line in zip(("INVITE", "INVITE", "200"), lines, strict=True))
    late = [seen[0], *(one._replace(at=one.at + 0.1) for one in seen[1:])]
    assert len(draw(late, "1001", ["a"])) == 1 + len(late)  # there the challenge took long


def test_it_is_cut_where_there_is_no_room() -> None:
    seen = [Seen(float(n), "1001", True, "INVITE") for n in range(20)]
    lines = draw(seen, "1001", ["a", "b"], limit=5)
    assert len(lines) == 6
    assert lines[-1].strip() == "… and 16 more"
    assert draw([], "1001", ["a"]) == []


def test_memory_is_bounded() -> None:
    watcher = Watcher()
    for n in range(ladder.CALLS + 5):
        for _ in range(ladder.MESSAGES + 5):
            watcher.note(str(n), Seen(0.0, "a", True, "INVITE"))
    assert watcher.of("0") == []
    assert len(watcher.of(str(ladder.CALLS))) == ladder.MESSAGES
