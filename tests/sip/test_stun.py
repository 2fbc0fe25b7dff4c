from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.stun import answer, is_binding_request

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
PLAIN = bytes.fromhex("000100002112a442") + TRANSACTION
# RFC 5769 2.1: SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT
SAMPLE = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)


def test_ipv4_as_in_rfc_5769() -> None:
    reply = answer(PLAIN, "192.0.2.1", 32853)
    assert reply.hex() == ("0101000c2112a442" + TRANSACTION.hex() + "002000080001a147e112a643")


def test_ipv6_as_in_rfc_5769() -> None:
    reply = answer(PLAIN, "2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert reply[20:].hex() == "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"


def test_mapped_ipv4() -> None:
    assert answer(PLAIN, "::ffff:192.0.2.1", 32853) == answer(PLAIN, "192.0.2.1", 32853)


def test_a_fingerprint_is_checked_and_given_back() -> None:
    assert is_binding_request(SAMPLE)
    reply = answer(SAMPLE, "192.0.2.1", 1)
    assert reply[:2] == b"\x01\x11"
    assert b"\x00\x0a\x00\x02\x00\x24" in reply  # PRIORITY belongs to ICE: 420
    assert reply[24:28] == b"\x00\x00\x04\x14"
    assert reply[-8:-4] == b"\x80\x28\x00\x04"
    assert reply[-4:] == (zlib.crc32(reply[:-8]) ^ 0x5354554E).to_bytes(4, "big")
    for at in (9, 30, len(SAMPLE) - 1):
        broken = bytearray(SAMPLE)
        broken[at] ^= 1
        assert answer(bytes(broken), "192.0.2.1", 1) == b""


def test_credentials_and_software_are_ignored() -> None:
    attributes = bytes.fromhex("80220003616263000006000161000000")
    data = b"\x00\x01" + len(attributes).to_bytes(2, "big") + PLAIN[4:] + attributes
    assert answer(data, "192.0.2.1", 32853) == answer(PLAIN, "192.0.2.1", 32853)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:-1],
        PLAIN + b"\0",
        PLAIN + b"\0\0\0\0",
        b"\x01\x01" + PLAIN[2:],
        b"\x00\x11" + PLAIN[2:],
        PLAIN[:4] + b"abcd" + PLAIN[8:],
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"\x00\x01\x02\x80" + PLAIN[4:] + bytes(640),
    ],
)
def test_not_for_us(data: bytes) -> None:
    assert not is_binding_request(data)


def test_an_attribute_that_overruns() -> None:
    data = b"\x00\x01\x00\x04" + PLAIN[4:] + b"\x80\x22\x00\x01"
    assert is_binding_request(data)
    assert answer(data, "192.0.2.1", 1) == b""


@given(st.binary(max_size=64).map(lambda text: text[: len(text) // 4 * 4]), st.integers(0, 65535))
def test_any_attributes(attributes: bytes, port: int) -> None:
    data = b"\x00\x01" + len(attributes).to_bytes(2, "big") + PLAIN[4:] + attributes
    assert is_binding_request(data)
    reply = answer(data, "::1", port)
    assert not reply or (
        reply[4:20] == data[4:20] and int.from_bytes(reply[2:4], "big") == len(reply) - 20
    )
