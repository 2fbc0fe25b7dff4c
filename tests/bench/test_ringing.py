"""What a run of ringing calls reads from the packets."""

from __future__ import annotations

from bench.ringing import Outcome, ended, told
from tests.lab.capture import Packet

FRONT, NODE, PHONE, CARRIER = "127.0.0.10", "127.0.0.11", "127.0.1.1", "127.0.2.1"


def packet(at: float, source: str, target: str, line: str, call: str, tag: str = "") -> Packet:
    number = "2" if "again" in line else "1"
    to = f"<sip:1001@example.com>{';tag=' + tag if tag else ''}"
    head = f"{line}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {number} INVITE\r\n\r\n"
    return Packet(at, "UDP", (source, 5060), (target, 5060), head.encode())


def test_when_the_phones_fell_silent() -> None:
    """Those that were answered before the fault do not count, nor those that began after it."""
    packets = [
        packet(1, NODE, FRONT, "INVITE sip:a SIP/2.0", "old"),
        packet(1, NODE, FRONT, "INVITE sip:a SIP/2.0", "stays"),
        packet(1, NODE, FRONT, "INVITE sip:a SIP/2.0", "before"),
        packet(2, PHONE, FRONT, "SIP/2.0 180 Ringing", "old", "p"),
        packet(3, PHONE, FRONT, "SIP/2.0 200 OK", "before", "p"),
        packet(6, PHONE, FRONT, "SIP/2.0 487 Gone", "old", "p"),
        packet(9, PHONE, FRONT, "SIP/2.0 487 Gone", "old", "p"),
        packet(7, NODE, FRONT, "INVITE sip:a SIP/2.0", "new"),
    ]
    assert ended(packets, FRONT, NODE, 5.0) == {"old": 6, "stays": None}


def test_what_a_caller_was_told() -> None:
    packets = [
        packet(1, CARRIER, FRONT, "INVITE sip:a SIP/2.0", "one"),
        packet(1, CARRIER, FRONT, "INVITE sip:a SIP/2.0", "one"),
        packet(1, CARRIER, FRONT, "INVITE sip:a SIP/2.0", "two"),
        packet(2, FRONT, CARRIER, "SIP/2.0 100 Trying", "one"),
        packet(2, FRONT, CARRIER, "SIP/2.0 180 Ringing", "one", "a"),
        packet(3, FRONT, CARRIER, "SIP/2.0 200 OK", "one", "b"),
        packet(3, FRONT, CARRIER, "SIP/2.0 200 OK", "two", "c"),
    ]
    assert told(packets, FRONT, CARRIER, 2.5) == (2, 0)
    packets.append(packet(4, CARRIER, FRONT, "INVITE sip:again SIP/2.0", "one"))
    packets.append(packet(4, CARRIER, FRONT, "INVITE sip:a SIP/2.0", "three"))
    assert told(packets, FRONT, CARRIER, 2.5) == (2, 2)


def test_what_is_good() -> None:
    good = Outcome("kill", False, calls=2, rang=2, answered=2, tags=2, silenced=[0.1])
    assert good.good
    assert not Outcome("kill", True, calls=2, rang=2, answered=2, tags=2).good
    assert not Outcome("kill", False, calls=2, rang=2, answered=1).good
    assert not Outcome("kill", False).good
    good.silenced.append(2.1)
    assert not good.good
    assert "still ringing 0" in "\n".join(good.lines())
