from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sipfront.cli import main, trace
from tests.cli.conftest import Front


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TZ", "UTC")


def test_a_call_as_a_diagram(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "c1", *front.where]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.endswith("  Call-ID c1")
    assert lines == [
        "     1001                    sipfront                a                       b",
        "     0    │──────── INVITE ──────>│                       │                       │",
        "  1000    │                       │──────── INVITE ──────>│                       │",
        "  1500    ─ call hedged: to b",
        "  2000    │                       │──────── INVITE ──────────────────────────────>│",
    ]


def test_in_full(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "1001", "--text", *front.where]) == 0
    out = capsys.readouterr().out
    assert "127.0.0.10:5060 <- 1001 127.0.1.1:5060  UDP\n    INVITE sip:600@" in out
    assert "127.0.0.10:5060 -> a 127.0.0.11:5060  UDP\n" in out
    assert "call hedged: to b" in out
    assert "\x1b" not in out  # whatever a stranger sent moves no cursor
    assert "    Subject: ?[2J\n" in out


def test_as_json(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "c1", "--json", "--with-secrets", *front.where]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["n"] for one in found["calls"][0]["messages"]] == [7, 8, 9]
    assert found["masked"] is False
    assert front.pair.traced["secrets"] is True


def test_secrets_are_not_asked_for_unless_told(front: Front) -> None:
    assert main(["trace", "c1", *front.where]) == 0
    assert front.pair.traced["secrets"] is False


def test_as_a_capture(
    front: Front, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "a.pcap"
    assert main(["trace", "c1", "--pcap", str(file), *front.where]) == 0
    assert file.read_bytes().count(b"INVITE sip:600@") == 3
    assert file.stat().st_mode & 0o077 == 0
    assert capsysbinary.readouterr().out == b"3 messages of 1 calls are in %b\n" % bytes(file)
    assert main(["trace", "c1", "--pcap", "-", *front.where]) == 0
    assert capsysbinary.readouterr().out == file.read_bytes()
    assert main(["trace", "c1", "--pcap", str(tmp_path / "no" / "a"), *front.where]) == 1


def test_who_is_not_known(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "nobody", *front.where]) == 1
    assert "nothing is remembered of nobody; the oldest message is of 2001-" in (
        capsys.readouterr().err
    )
    assert main(["trace", "c1", "--aor", *front.where]) == 1
    assert main(["trace", "1001", "--aor", *front.where]) == 0


def test_it_needs_the_token(
    front: Front, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("0123456789abcdefghijk\n")
    wrong.chmod(0o600)
    assert main(["trace", "c1", "--url", front.url, "--token-file", str(wrong)]) == 1
    assert main(["trace", "c1", "--url", front.url, "--token-file", str(tmp_path / "none")]) == 1
    assert not front.pair.traced
    assert "token" in capsys.readouterr().err


def test_what_comes_is_followed(
    front: Front, capsys: pytest.CaptureFixture[str], looks: list[float]
) -> None:
    assert main(["trace", "1001", "--follow", *front.where]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4  # each once, however often it was looked
    assert lines[0].endswith("sipfront <- 1001             INVITE         c1")
    assert lines[2].endswith("call hedged: to b")
    assert front.pair.traced["after"] == 9
    looks.clear()
    assert main(["trace", "1001", "--follow", "--json", *front.where]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[0])["n"] == 7
    looks.clear()
    assert main(["trace", "1001", "--follow", "--text", *front.where]) == 1
    assert "    INVITE sip:600@" in capsys.readouterr().out
    assert main(["trace", "1001", "--follow", "--pcap", "x", *front.where]) == 1


def test_following_outlives_the_front(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [{"next": 900}, trace.Failed("it is starting"), {"next": 9}, {"next": 9}]
    asked = []

    def ask(_args: Any, _client: Any, after: int = 0, kind: str = "") -> Any:
        asked.append(after)
        answer = answers.pop(0) if answers else KeyboardInterrupt()
        if isinstance(answer, BaseException):
            raise answer
        return kind, answer

    monkeypatch.setattr(trace, "_ask", ask)
    monkeypatch.setattr(trace.time, "sleep", lambda _: None)  # type: ignore[attr-defined]
    assert main(["trace", "1001", "--follow", *front.where]) == 1
    assert asked == [0, 900, 900, 0, 9]


def test_two_phones_of_one_extension_have_columns_of_their_own() -> None:
    one = {"side": "outside", "party": "1001", "remote": "192.0.2.7:5060"}
    names = trace._names([one, {**one, "remote": "192.0.2.8:5060"}, {"side": "inside"}])
    assert list(names.values())[:2] == ["1001 192.0.2.7:5060", "1001 192.0.2.8:5060"]
