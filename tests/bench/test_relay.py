"""The lossy cable, over sockets instead of interfaces."""

from __future__ import annotations

import socket

import pytest

from bench import relay
from bench.relay import VNET, Forwarder

IPV4, ARP = b"\x08\x00", b"\x08\x06"


class End:
    """An interface that is a list."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, tuple[str, int, int]]] = []
        self.sent: list[bytes] = []

    def recvfrom(self, _: int) -> tuple[bytes, tuple[str, int, int]]:
        return self.waiting.pop(0)

    def send(self, frame: bytes) -> int:
        self.sent.append(frame)
        return len(frame)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> dict[str, End]:
    made = {"w0": End(), "w1": End()}
    monkeypatch.setattr(relay, "tap", made.__getitem__)
    return made


def frame(kind: bytes = IPV4, mark: bytes = b"") -> bytes:
    return bytes(VNET + 12) + kind + mark


def pass_on(forwarder: Forwarder, end: End, data: bytes, kind: int = 0) -> None:
    end.waiting.append((data, ("w0", 0x0800, kind)))
    forwarder.carry(forwarder.ways[0])


def test_everything_passes_and_what_we_sent_ourselves_does_not(ends: dict[str, End]) -> None:
    forwarder = Forwarder([("w0", "w1")], seed=1)
    pass_on(forwarder, ends["w0"], frame(mark=b"1"))
    pass_on(forwarder, ends["w0"], frame(mark=b"2"), socket.PACKET_OUTGOING)
    assert ends["w1"].sent == [frame(mark=b"1")]


def test_loss_depends_on_the_seed_and_spares_arp(ends: dict[str, End]) -> None:
    counts = []
    for _ in range(2):
        forwarder = Forwarder([("w0", "w1")], seed=7)
        forwarder.obey("loss 0.2")
        for _ in range(500):
            pass_on(forwarder, ends["w0"], frame())
        counts.append(forwarder.ways[0].lost)
        pass_on(forwarder, ends["w0"], frame(ARP))
        assert ends["w1"].sent[-1] == frame(ARP)
    assert counts[0] == counts[1]
    assert 60 < counts[0] < 140


def test_a_cut_and_its_mending(ends: dict[str, End]) -> None:
    forwarder = Forwarder([("w0", "w1")], seed=1)
    counts = forwarder.obey("cut 0")
    assert counts == {name: {"passed": 0, "lost": 0, "cut": 0} for name in ("w0>w1", "w1>w0")}
    pass_on(forwarder, ends["w0"], frame())
    assert forwarder.obey("mend")["w0>w1"] == {"passed": 0, "lost": 0, "cut": 1}
    pass_on(forwarder, ends["w0"], frame())
    assert len(ends["w1"].sent) == 1


def test_delay_keeps_frames_back(ends: dict[str, End]) -> None:
    forwarder = Forwarder([("w0", "w1")], seed=1)
    forwarder.obey("delay 30")
    pass_on(forwarder, ends["w0"], frame())
    left = forwarder.due()
    assert left is not None
    assert 29 < left <= 30
    assert not ends["w1"].sent


def between(source: str, target: str) -> bytes:
    head = bytes(12) + socket.inet_aton(source) + socket.inet_aton(target)
    return bytes(VNET + 12) + IPV4 + head


def test_one_host_vanishes_and_comes_back(ends: dict[str, End]) -> None:
    forwarder = Forwarder([("w0", "w1")], seed=1)
    ill, well = between("10.77.0.1", "10.77.0.11"), between("10.77.0.12", "10.77.0.1")
    forwarder.obey("away 10.77.0.11")
    for data in (ill, well, between("10.77.0.11", "10.77.0.1"), frame(ARP)):
        pass_on(forwarder, ends["w0"], data)
    assert ends["w1"].sent == [well, frame(ARP)]
    assert forwarder.obey("well 10.77.0.11")["w0>w1"] == {"passed": 2, "lost": 0, "cut": 2}
    pass_on(forwarder, ends["w0"], ill)
    assert ends["w1"].sent[-1] == ill


def test_one_host_is_slow(ends: dict[str, End], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(relay.time, "monotonic", lambda: now[0])
    forwarder = Forwarder([("w0", "w1")], seed=1)
    ill, well = between("10.77.0.11", "10.77.0.1"), between("10.77.0.12", "10.77.0.1")
    forwarder.obey("slow 10.77.0.11 0.25")
    pass_on(forwarder, ends["w0"], ill)
    pass_on(forwarder, ends["w0"], well)
    assert ends["w1"].sent == [well]
    assert forwarder.due() == pytest.approx(0.25)
    now[0] += 0.25
    assert forwarder.due() is None
    assert ends["w1"].sent == [well, ill]
