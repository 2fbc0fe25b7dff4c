"""The command ``python -m probes``, by its ``main``: what it prints and how it exits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from probes.__main__ import main
from probes.asking import KINDS

pytestmark = pytest.mark.usefixtures("sipp")


@pytest.fixture
def deaf() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.8.50.1", 0))
        yield made.getsockname()[1]


def test_a_silent_node(deaf: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["options", f"sip:127.8.50.1:{deaf}", "--timeout", "0.05"]) == 1
    assert "bad: no answer within 0.05 s" in capsys.readouterr().out
    assert main(["options", f"sip:127.8.50.1:{deaf}", "--timeout", "0.05", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["good"], said["word"], said["details"]["status"]) == (False, "bad", 0)
    assert main(["options", f"sip:127.8.50.1:{deaf}", "--timeout", "0.05", "--plugin"]) == 2
    assert capsys.readouterr().out.startswith("OPTIONS CRITICAL - no answer within 0.05 s | time=")


def test_bad_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["options", "nonsense"],
        ["tcp", "127.0.0.1"],
        ["command"],
        ["register", "sip:h", "--user", "u", "--password-file", "/no/such/file"],
        ["sipp", "nope", "--to", "127.0.0.1"],
        ["sipp", "uac"],
        ["sipp", "uas", "--to", "127.0.0.1"],
        ["sipp", "uac", "--to", "127.0.0.1", "--rate", "0"],
    ):
        assert main(words) == 2, words
        assert capsys.readouterr().err.startswith("probes: "), words
    for words in (
        [],
        ["sipp", "uac", "--to", "h:0"],
        ["sipp", "uac", "--to", "h:x"],
        ["what"],
        ["call", "sip:h", "--hear", "9"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2


def test_the_scenarios_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sipp", "list"]) == 0
    assert "uac_hold" in capsys.readouterr().out.split()


def test_a_server_with_a_time_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sipp", "uas", "--local", "127.8.52.1", "--timeout", "1"]) == 1
    out = capsys.readouterr().out
    assert "uas listens on 127.8.52.1 port " in out
    assert "stopped by its time limit" in out


def test_a_failed_call_as_json(deaf: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sipp", "uac", "--to", f"127.8.50.1:{deaf}", "--local", "127.8.53.1"]
    assert main([*words, "--timeout", "1", "--json", "--timings"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["ok"], said["set_up"]) == ("stopped", False, {})
    assert len(said["calls"]) == 1


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for kind in (*KINDS, "sipp"):
        assert kind in said
    assert "--plugin" in said


def test_a_command_in_the_way_of_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["command", "--plugin", "--", "sh", "-c", "echo lines are down; exit 2"]) == 2
    assert "COMMAND CRITICAL - lines are down" in capsys.readouterr().out
    assert main(["command", "sh", "-c", "exit 3"]) == 2
    assert "unknown" in capsys.readouterr().out
