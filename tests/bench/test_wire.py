"""Delays out of what a ring saw."""

from __future__ import annotations

import struct

from bench.wire import Seen, datagram, delays, name, percentile, read

FRONT, PHONE, NODE = "127.0.0.10", "127.0.1.1", "127.0.0.11"


def message(first: str, call: str = "c1", cseq: str = "1 INVITE") -> bytes:
    return f"{first}\r\nVia: x\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n\r\n".encode()


def test_a_message_is_known_by_what_it_keeps() -> None:
    asked = message("INVITE sip:600@example.com SIP/2.0")
    assert name(asked) == (b"c1", b"1 INVITE", b"INVITE")
    assert name(asked) == name(message("INVITE sip:600@127.0.0.11:5060 SIP/2.0"))
    ringing, answered = message("SIP/2.0 180 Ringing"), message("SIP/2.0 200 OK")
    assert name(ringing) != name(answered)
    assert name(b"not SIP") is None


def test_the_delay_is_from_coming_in_to_going_out() -> None:
    invite, ok, trying = (
        message(line) for line in ("INVITE sip:x SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 100 Trying")
    )
    seen = [
        Seen(1_000_000_000, PHONE, FRONT, invite),
        Seen(1_001_000_000, FRONT, NODE, invite),
        Seen(1_002_000_000, NODE, FRONT, trying),  # stays here
        Seen(1_400_000_000, PHONE, FRONT, invite),  # again: counts once
        Seen(1_401_000_000, FRONT, NODE, invite),
        Seen(1_500_000_000, NODE, FRONT, ok),
        Seen(1_503_000_000, FRONT, PHONE, ok),
        Seen(1_600_000_000, FRONT, NODE, message("OPTIONS sip:y SIP/2.0", "p", "1 OPTIONS")),
        Seen(1_700_000_000, PHONE, NODE, message("INVITE sip:z SIP/2.0", "other")),
    ]
    found = delays(seen, FRONT)
    assert [round(value, 6) for value in found.all] == [0.001, 0.003]
    assert found.lost == 1
    assert found.at(0.5) == found.all[0]


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 1001)]
    assert percentile(values, 0.5) == 500
    assert percentile(values, 0.99) == 990
    assert percentile(values, 0.999) == 999
    assert percentile(values, 1.0) == 1000
    assert percentile([7.0], 0.001) == 7
    assert percentile([], 0.5) == 0


def frame(data: bytes) -> bytes:
    """Ethernet, IPv4, UDP."""
    inner = struct.pack("!HHHH", 5060, 5060, 8 + len(data), 0) + data
    ends = bytes([127, 0, 1, 1, 127, 0, 0, 10])
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), 0, 0, 64, 17, 0) + ends
    return bytes(12) + b"\x08\x00" + head + inner


def test_a_frame_is_read() -> None:
    data = message("INVITE sip:x SIP/2.0")
    assert datagram(5, frame(data)) == Seen(5, PHONE, FRONT, data)
    assert datagram(5, frame(b"\r\n\r\n")) is None, "a keep-alive"


def test_a_block_of_the_ring_is_read_when_the_kernel_has_closed_it() -> None:
    frames = [frame(message("INVITE sip:x SIP/2.0", f"c{n}")) for n in range(3)]
    packets = b""
    for number, one in enumerate(frames):
        size = 48 + len(one)
        head = struct.pack("IIIIIIHH", size, 7, number, len(one), len(one), 0, 48, 62)
        packets += head.ljust(48, b"\0") + one
    for status, expected in ((1, 3), (0, 0)):
        block = struct.pack("IIIII", 3, 0, status, 3, 48).ljust(48, b"\0") + packets
        found = list(read(block))
        assert len(found) == expected
        assert [one.at for one in found] == [7_000_000_000 + n for n in range(expected)]
