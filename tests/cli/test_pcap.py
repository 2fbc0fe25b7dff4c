"""The capture is read back by a reader of the test's own, and by tshark."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.cli.pcap import SEGMENT, Packet, place, written

PHONE, FRONT = ("192.0.2.7", 40000), ("192.0.2.1", 5060)
PHONE6, FRONT6 = ("2001:db8::7", 40000), ("2001:db8::1", 5061)


def checksum_is_right(data: bytes) -> bool:
    """RFC 1071: the sum over what carries its own checksum is all ones."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def read(file: bytes) -> list[tuple[float, tuple[str, int], tuple[str, int], int, int, bytes]]:
    """Time, source, target, protocol, sequence number, payload of each packet."""
    magic, major, minor, _, _, _, link = struct.unpack_from("<IHHiIII", file)
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 101)
    at, found = 24, []
    while at < len(file):
        seconds, micro, held, whole = struct.unpack_from("<IIII", file, at)
        assert held == whole
        packet = file[at + 16 : at + 16 + held]
        at += 16 + held
        if packet[0] >> 4 == 4:
            assert checksum_is_right(packet[:20])
            assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
            protocol, addresses, rest, family = packet[9], packet[12:20], packet[20:], 2
        else:
            assert struct.unpack_from("!H", packet, 4)[0] == len(packet) - 40
            protocol, addresses, rest, family = packet[6], packet[8:40], packet[40:], 10
        pseudo = addresses + struct.pack("!II", len(rest), protocol)
        assert checksum_is_right(pseudo + rest)
        half = len(addresses) // 2
        hosts = [
            socket.inet_ntop(family, addresses[:half]),
            socket.inet_ntop(family, addresses[half:]),
        ]
        ports = struct.unpack_from("!HH", rest)
        sequence = struct.unpack_from("!I", rest, 4)[0] if protocol == 6 else 0
        payload = rest[20:] if protocol == 6 else rest[8:]
        source, target = (hosts[0], ports[0]), (hosts[1], ports[1])
        found.append((seconds + micro / 1e6, source, target, protocol, sequence, payload))
    return found


def file_of(*packets: Packet) -> bytes:
    return b"".join(written(packets))


def test_a_datagram() -> None:
    for source, target in ((PHONE, FRONT), (PHONE6, ("2001:db8::1", 5060))):
        ((at, *rest),) = read(file_of(Packet(1e9 + 0.25, source, target, False, b"INVITE")))
        assert at == 1e9 + 0.25
        assert rest == [source, target, 17, 0, b"INVITE"]


def test_a_stream_in_both_directions() -> None:
    one, two, back = b"a" * (SEGMENT + 5), b"b", b"c"
    found = read(
        file_of(
            Packet(1.0, PHONE6, FRONT6, True, one),
            Packet(2.0, FRONT6, PHONE6, True, back),
            Packet(3.0, PHONE6, FRONT6, True, two),
        )
    )
    assert [(sequence, len(data)) for *_, sequence, data in found] == [
        (1, SEGMENT),
        (1 + SEGMENT, 5),
        (1, 1),
        (1 + len(one), 1),
    ]
    # What went by TLS stands at a port where readers look for SIP.
    assert {target[1] for _, _, target, *_ in found} == {5060, 40000}


@given(
    st.lists(
        st.builds(
            Packet,
            st.floats(0, 2**31),
            st.sampled_from([PHONE]),
            st.sampled_from([FRONT]),
            st.booleans(),
            st.binary(max_size=2000),
        )
    )
)
def test_every_octet_comes_back(packets: list[Packet]) -> None:
    sent = [packet.data for packet in packets if packet.data or not packet.stream]
    assert [payload for *_, payload in read(file_of(*packets))] == sent


def test_places() -> None:
    assert place("127.0.0.1:5060") == ("127.0.0.1", 5060)
    assert place("[::1]:5061") == ("::1", 5061)
    for wrong in ("", "x:1", "127.0.0.1", "127.0.0.1:x"):
        with pytest.raises(ValueError, match=r"."):
            place(wrong)


def test_tshark_sees_sip(tmp_path: Path) -> None:
    """UDP, TCP, and what was TLS and WebSocket, each as SIP; a message of two segments as one."""
    invite = (
        b"INVITE sip:600@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
        b"From: <sip:1001@example.com>;tag=1\r\nTo: <sip:600@example.com>\r\nCall-ID: %b\r\n"
        b"CSeq: 1 INVITE\r\nContent-Length: %d\r\n\r\n%b"
    )
    ports = {b"udp": 5060, b"tcp": 5060, b"tls": 5061, b"wss": 443, b"odd": 5070}
    packets = [
        Packet(1.0 + n, PHONE, (FRONT[0], port), name != b"udp", invite % (name, 3, b"abc"))
        for n, (name, port) in enumerate(ports.items())
    ]
    long = Packet(9.0, PHONE6, FRONT6, True, invite % (b"long", 70_000, b"x" * 70_000))
    file = tmp_path / "a.pcap"
    file.write_bytes(file_of(*packets, long))
    tshark = shutil.which("tshark")
    assert tshark, "there is no tshark: .ci/prepare test"
    command = [tshark, "-r", str(file), "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID"]
    seen = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert seen.split() == ["udp", "tcp", "tls", "wss", "odd", "long"]
    command = [tshark, "-r", str(file), "-Y", "_ws.malformed || tcp.analysis.flags"]
    assert not subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
