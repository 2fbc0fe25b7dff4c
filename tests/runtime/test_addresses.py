"""The machine's own addresses."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from sipfront.runtime import addresses


def test_the_kernel_is_asked() -> None:
    found = addresses.local_addresses()
    assert ip_address("127.0.0.1") in found
    for address in found:
        with socket.socket(addresses.family_of(str(address)), socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))


def test_wildcards_stand_for_all_of_their_kind() -> None:
    four, six = addresses.expand("0.0.0.0"), addresses.expand("::")
    assert "127.0.0.1" in four
    assert not any(":" in address for address in four)
    assert all(":" in address for address in six)
    assert sorted(addresses.expand("*")) == sorted(four + six)
    assert addresses.expand("0:0:0:0:0:0:0:1") == ["::1"]
    assert addresses.bracketed("::1") == "[::1]"
    assert addresses.canonical("pbx.example") == "pbx.example"
