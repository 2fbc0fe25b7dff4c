from __future__ import annotations

import os
import socket

import pytest

from probes.sipp.ports import bound


@pytest.mark.parametrize("host", ["127.8.0.1", "::1"])
def test_the_port_of_this_very_process(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.bind((host, 0))
        assert bound(os.getpid(), host, stream=False) == datagram.getsockname()[1]
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.bind((host, 0))
        assert bound(os.getpid(), host, stream=True) is None, "bound, but not listening yet"
        stream.listen()
        assert bound(os.getpid(), host, stream=True) == stream.getsockname()[1]


def test_nothing_there() -> None:
    assert bound(os.getpid(), "127.8.0.9", stream=False) is None
    assert bound(2**22 + 1, "127.8.0.9", stream=False) is None
