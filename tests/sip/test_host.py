from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipfront.sip.errors import Malformed
from sipfront.sip.host import host_key, host_port


@pytest.mark.parametrize(
    ("data", "host", "port"),
    [
        (b"h", b"h", None),
        (b"h:1", b"h", 1),
        (b"192.0.2.1:65535", b"192.0.2.1", 65535),
        (b"[::1]", b"[::1]", None),
        (b"[2001:db8::192.0.2.1]:5060", b"[2001:db8::192.0.2.1]", 5060),
        (b"pbx_1.my-lan.", b"pbx_1.my-lan.", None),
        (b"3com.example", b"3com.example", None),
    ],
)
def test_parts(data: bytes, host: bytes, port: int | None) -> None:
    assert host_port(data) == (host, port)


def test_key() -> None:
    assert host_key(b"Example.COM.") == host_key(b"example.com") == b"example.com"
    assert host_key(b"[::FFFF:0:1]") == host_key(b"[0:0:0:0:0:ffff:0:1]")
    assert host_key(b"[::1]") != host_key(b"[::2]")


@given(st.ip_addresses(), st.none() | st.integers(1, 65535))
def test_addresses(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int | None
) -> None:
    text = f"[{address}]" if address.version == 6 else str(address)
    data = text if port is None else f"{text}:{port}"
    assert host_port(data.encode()) == (text.encode(), port)
    assert host_key(text.encode()) == host_key(text.upper().encode())


@given(st.binary(max_size=24) | st.text("0123456789abx.:[]-_ ", max_size=24).map(str.encode))
def test_garbage_ends_in_malformed(data: bytes) -> None:
    try:
        host, port = host_port(data)
    except Malformed:
        return
    assert data == (host if port is None else host + b":" + data.rpartition(b":")[2])
    assert host_key(host)
    if not host.strip(b"0123456789."):
        assert str(ipaddress.IPv4Address(host.decode())).encode() == host
