"""sd_notify: a datagram to systemd, by path or abstract name; silence without it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sipfront.runtime.notify import notify


def test_to_a_path_and_to_an_abstract_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    abstract = f"sipfront-test-{os.getpid()}"
    for name, bound in (
        (str(tmp_path / "n"), str(tmp_path / "n")),
        ("@" + abstract, "\0" + abstract),
    ):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(bound)
            monkeypatch.setenv("NOTIFY_SOCKET", name)
            assert notify("READY=1")
            assert sock.recv(100) == b"READY=1"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    for name in ("/nowhere/at/all", "relative"):
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert not notify("READY=1")
