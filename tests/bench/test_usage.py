"""What programs use, as the kernel says."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from bench import usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_processor_time_and_memory_of_a_session() -> None:
    session = os.getsid(0)
    begun = usage.cpu(session)
    assert os.getpid() in usage.members(session)
    sum(range(2_000_000))
    assert usage.cpu(session) > begun
    assert usage.memory(session) > 1 << 20
    assert usage.resident() > 1 << 20


def test_what_a_full_socket_dropped_is_counted_at_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        full.bind(("127.0.47.11", 0))
        assert usage.socket_drops("127.0.47.11") == 0
        anywhere = usage.receive_drops()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(50):
                sender.sendto(bytes(1000), full.getsockname())
        dropped = usage.socket_drops("127.0.47.11")
        assert 0 < dropped < 50
        assert usage.receive_drops() - anywhere >= dropped


def test_a_machine_is_described() -> None:
    assert usage.machine()["cores"] == str(os.cpu_count())
