from __future__ import annotations

import json

import pytest

from sipfront.cli import main
from sipfront.cli.remote import as_text
from sipfront.cli.text import plain
from tests.cli.conftest import Front


def test_status(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", *front.where]) == 0
    assert capsys.readouterr().out == (
        "redundant: yes, because both nodes are up\n"
        "active: a, epoch 1\n"
        "decision: a is preferred\n"
        "\n"
        "name  role     state  mode        ready  heard      uri\n"
        "a     active   UP     in-service  yes    0.2 s ago  sip:127.0.0.10:5060\n"
        "b     standby  UP     in-service  yes    0.2 s ago  sip:127.0.0.11:5060\n"
        "a: answers\n"
        "b: answers\n"
        "\n"
        "calls 3, bindings 20, up 1.1 h, version 0\n"
    )


def test_status_as_json(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", *front.where]) == 0
    assert json.loads(capsys.readouterr().out) == front.pair.status()


def test_status_of_a_pair_that_is_not_well(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    front.pair.ready_, front.pair.heard = False, None
    assert main(["status", *front.where]) == 0
    out = capsys.readouterr().out
    assert out.startswith("redundant: no, because ")
    assert as_text({"why": "no: b is down"}).startswith("redundant: no, because b is down\n")
    assert "never" in out


def test_an_answer_from_another_version_is_shown_as_far_as_it_goes() -> None:
    assert as_text({}) == "redundant: no, because -\nactive: none, epoch -\ndecision: -"
    odd = {"nodes": [None, {"name": 3, "heard": "x"}, 5], "uptime": "soon", "why": "\x1b[2J\n"}
    assert "\x1b" not in as_text(odd)
    assert plain("x" * 600).endswith("...")


def test_switchover(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["switchover", *front.where]) == 0
    assert capsys.readouterr().out == "b is active since epoch 2\n"
    assert main(["switchover", "b", *front.where]) == 1
    assert capsys.readouterr().err == "sipfront: b is active already\n"
    front.pair.ready_ = False
    assert main(["switchover", "a", "--json", *front.where]) == 1
    assert json.loads(capsys.readouterr().out) == {"error": "a is not ready"}
    assert main(["switchover", "a", "--force", *front.where]) == 0
    assert main(["switchover", "c", *front.where]) == 1
    assert "the nodes are a and b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "mode"), [("drain", "drain"), ("maintenance", "maintenance"), ("resume", "in-service")]
)
def test_modes(front: Front, verb: str, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "a", *front.where]) == 0
    assert front.pair.modes["a"] == mode
    assert capsys.readouterr().out == f"a is now {mode}\n"
    assert main([verb, "a", "--json", *front.where]) == 0
    assert json.loads(capsys.readouterr().out) == {"text": f"a is now {mode}"}
    assert main([verb, "../b/x y?", *front.where]) == 1


def test_accounts_at_trunks_have_a_line_each() -> None:
    good = {"account": "4930@carrier.example", "registered": True, "expires": 540.0, "why": ""}
    bad = {"account": "4940@\x1b[2J", "registered": False, "expires": 0.0, "why": "answered 403"}
    told = as_text({"trunks": [{"name": "one", "registrations": [good, bad, None]}, None]})
    assert "trunk one: 4930@carrier.example registered, 9.0 min left" in told
    assert "trunk one: 4940@?[2J NOT registered (answered 403)" in told
