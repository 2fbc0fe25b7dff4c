"""What a run with a crowd reads from the packets."""

from __future__ import annotations

from bench.crowd import busiest
from tests.lab.capture import Packet

FRONT, A, B = "127.0.0.10", "127.0.0.11", "127.0.0.12"


def register(at: float, node: str = A, branch: str = "") -> Packet:
    head = f"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP y;branch={branch or at}\r\n\r\n"
    return Packet(at, "UDP", (FRONT, 5062), (node, 5060), head.encode())


def test_the_busiest_second_begins_anywhere() -> None:
    packets = [register(at) for at in (1.0, 1.6, 1.7, 2.4, 2.5, 4.0)]
    assert busiest(packets, A) == (4, 0)
    assert busiest(packets, B) == (0, 0)
    assert busiest([register(1.0), register(2.0)], A) == (1, 0), "a second later is another one"


def test_what_is_sent_again_counts_and_is_named() -> None:
    packets = [register(1.0, branch="a"), register(1.5, branch="a"), register(1.6, B, "a")]
    assert busiest(packets, A) == (2, 1)
    assert busiest(packets, B) == (1, 0)
