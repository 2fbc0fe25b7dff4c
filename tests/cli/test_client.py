"""How the front is found, and what is said when it is not."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from sipfront.cli import main
from tests.cli.conftest import Front


def test_found_by_configuration(
    front: Front, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drain", "a", "--config", front.config()]) == 0
    monkeypatch.setenv("SIPFRONT_CONFIG", front.config())
    assert main(["resume", "a"]) == 0
    assert front.pair.modes["a"] == "in-service"


def test_the_token_by_environment(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPFRONT_TOKEN", front.token_file.read_text())
    assert main(["drain", "a", "--url", front.url]) == 0
    monkeypatch.setenv("SIPFRONT_TOKEN", "wrong" * 8)
    assert main(["drain", "a", "--url", front.url]) == 1
    assert main(["drain", "a", *front.where]) == 0  # what is said on the line counts first


def test_a_lever_without_its_token(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drain", "a", "--url", front.url]) == 1
    assert "this needs the token of the front: there is no token file" in capsys.readouterr().err
    assert front.pair.modes["a"] == "in-service"
    assert main(["status", "--url", front.url]) == 0


def test_a_wrong_token(front: Front, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.write_text("x" * 32)
    other.chmod(0o600)
    assert main(["drain", "a", "--url", front.url, "--token-file", str(other)]) == 1
    assert "does not take this token" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8060",
        "ftp://x",
        "http://",
        "http://x:0",
        "http://x:99999",
        "http://u@x",
        "http://x/y",
        "http://x?y",
        "http://[::1",
        "http://a\tb",
        "http://ä",
    ],
)
def test_a_bad_address(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", url]) == 2
    assert "is not an address" in capsys.readouterr().err


def test_a_broken_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("front: 1\n")
    assert main(["status", "--config", str(file)]) == 2
    assert f"sipfront: {file} cannot be used, see `sipfront check`: " in capsys.readouterr().err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:  # bound, but nobody listens
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert main(["status", "--url", url]) == 1
        assert f"no front answers at {url} (Connection refused): is it running?" in (
            capsys.readouterr().err
        )
        assert main(["status", "--json", "--url", url]) == 1
    assert "no front answers" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{",
    ],
)
def test_somebody_else_there(answer: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert main(["status", "--url", f"http://127.0.0.1:{listening.getsockname()[1]}"]) == 1
        thread.join(10)
    assert "is not a front" in capsys.readouterr().err
