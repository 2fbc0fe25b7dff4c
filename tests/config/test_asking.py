"""Probes and hooks: what is right, and every way to be wrong, in its own words and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sipfront.config.probes import KEYS, NEEDS, QUESTION
from tests.config.build import config, said

ECHO = {"probe": "call", "extension": "600"}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "secret"
    file.write_text("secret\n")
    return str(file)


def full(kind: str, secret: str) -> dict[str, Any]:
    """A probe of this kind with all that it needs."""
    values = {
        "user": "probe",
        "password_file": secret,
        "extension": "600",
        "port": 5061,
        "url": "http://{host}:8088",
        "command": ["/usr/lib/check", "{host}"],
    }
    return {"probe": kind} | {key: values[key] for key in NEEDS.get(kind, ())}


@pytest.mark.parametrize("kind", KEYS)
def test_every_kind_can_be_configured(kind: str, secret: str) -> None:
    (probe,) = config(probes=[full(kind, secret)]).probes
    assert (probe.called, probe.asks) == (kind, QUESTION.get(kind, "ready"))
    for key in NEEDS.get(kind, ()):
        lacking = full(kind, secret)
        del lacking[key]
        assert any("needs" in line or "belong" in line for line in said(probes=[lacking])), key


@pytest.mark.parametrize(
    ("probes", "what"),
    [
        ([{"probe": "magic"}], "probes[0].probe: "),
        ([ECHO | {"port": 5}], "probes[0]: port means nothing to call: it reads extension, "),
        ([ECHO | {"hear": "music"}], "probes[0].hear: must be echo, or hertz from 50 to 3900"),
        ([ECHO | {"user": "x"}], "probes[0]: user and password_file belong together"),
        ([ECHO | {"interval": "10ms"}], "probes[0].interval: must be between 500ms and 1d"),
        ([ECHO, ECHO], "probes[1]: probes[0] asks pbx-a by this name too: give one of them a name"),
        ([ECHO | {"nodes": ["pbx-c"]}], "probes[0].nodes: there is no node pbx-c (pbx-a, pbx-b)"),
        ([ECHO | {"nodes": ["pbx-a"]}], "call never asks pbx-b: its answer stays unknown there"),
        (
            [ECHO | {"nodes": ["pbx-a"]}, ECHO | {"nodes": ["pbx-b"], "fall": 3}],
            "probes[1]: probes[0] has this name and another fall",
        ),
        (
            [ECHO | {"user": "x", "password_file": "/nowhere"}],
            "probes[0].password_file: /nowhere cannot be read: No such file or directory",
        ),
        ([{"probe": "command", "command": "check it"}], "is a list of words, such as"),
        ([{"probe": "command", "command": []}], "needs the program"),
    ],
)
def test_what_is_wrong_with_probes(probes: list[dict[str, Any]], what: str) -> None:
    assert any(what in line for line in said(probes=probes)), said(probes=probes)


def test_a_tone_and_numbers_as_a_file_has_them() -> None:
    (probe,) = config(probes=[ECHO | {"hear": 1004, "max_loss": 0.1, "fall": 3}]).probes
    assert (probe.hear, probe.max_loss, probe.fall) == (1004, 0.1, 3)
    web = {"probe": "http", "url": "http://{host}/", "expect": [200, 204], "verify": False}
    (probe,) = config(probes=[web]).probes
    assert (probe.expect, probe.verify) == ((200, 204), False)


def test_one_name_may_ask_each_node_differently() -> None:
    both = [ECHO | {"nodes": ["pbx-a"]}, ECHO | {"nodes": ["pbx-b"], "extension": "601"}]
    assert said(probes=both) == []


@pytest.mark.parametrize(
    ("hooks", "what"),
    [
        ({"fence": {}}, "hooks.fence: give either command or url"),
        ({"fence": {"command": ["x"], "url": "http://h"}}, "hooks.fence: give either"),
        ({"notify": {"url": "ftp://h"}}, "hooks.notify.url: must be http://HOST/..."),
        ({"notify": {"command": "x"}}, "hooks.notify.command: is a list of words"),
        ({"notify": {"command": ["x"], "token_file": "t"}}, "token_file is for webhooks"),
        ({"boom": {"command": ["x"]}}, "hooks.boom: is not a key that is known here"),
        (
            {"promote": {"command": ["x"], "timeout": "4s"}},
            "hooks.promote.timeout: is longer than failover.park (3s): calls that wait",
        ),
        (
            {
                "fence": {"command": ["x"], "timeout": "2s", "required": True},
                "promote": {"command": ["x"], "timeout": "2s", "required": True},
            },
            "hooks.promote.timeout: with that of fence it is longer than failover.park (3s)",
        ),
    ],
)
def test_what_is_wrong_with_hooks(hooks: dict[str, Any], what: str) -> None:
    assert any(what in line for line in said(hooks=hooks)), said(hooks=hooks)


def test_nobody_waits_for_notify() -> None:
    assert said(hooks={"notify": {"url": "https://alarm.example.com/x", "timeout": "1m"}}) == []
    assert said(hooks={"fence": {"command": ["x"], "timeout": "3s"}}) == []
