"""No control octet and no secret in the log, the events or the history, whatever comes in.

Hostile text is put into every field that anybody outside can fill: parties and nodes by their
messages, commands and servers that probes and hooks ask, libraries by their errors.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sipfront.config.load import load
from sipfront.config.problem import ConfigError
from sipfront.control import evidence
from sipfront.control.settings import Probe
from sipfront.runtime import log as logs
from sipfront.runtime.chronicle import Chronicle
from sipfront.runtime.credentials import Credentials, CredentialsError, read_file, read_url
from sipfront.runtime.decisions import Decisions
from sipfront.runtime.measures import verdicts
from sipfront.stack import notices
from sipfront.store.memory import MemoryStore
from tests.runtime.test_supervisor import Room

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2-of-the-admin"
#: What a terminal, a log reader or a parser of lines would act on.
HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list('\r\n\t\0\x1b\x7f\x85\x9b\u2028\u2029\u202e"\\=[]{} ')),
    ),
    max_size=40,
).map(lambda text: text.encode("utf-8", "replace").decode())
FORGED = (
    'x"\r\n2026-01-31T12:00:00.000Z warning rejected host=203.0.113.77 port=5060 transport=UDP '
    "reason=credentials aor=x method=REGISTER banned=yes\r\n\x1b[2J\x7f"
)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    logs.shutdown()


def plain(value: Any) -> bool:
    """Is every text in it one line that moves no cursor?"""
    if isinstance(value, str):
        return value.isprintable()
    if isinstance(value, dict):
        return all(plain(its) for its in (*value, *value.values()))
    return all(plain(its) for its in value) if isinstance(value, list | tuple) else True


def everything(text: str, style: str) -> tuple[list[str], Room, int]:
    """The lines of the log, and the room, after ``text`` came in by every way there is."""
    out = io.StringIO()
    room = Room(probes=(Probe("login", "register", required=True, fall=1),))
    writer = logs.setup(style, "debug", out)
    room.run(1.0)
    before = room.supervisor.count
    tell = room.supervisor
    tell.tell([notices.Rejected(1.0, "198.51.100.7", 5061, "UDP", "credentials", text, text, True)])
    tell.tell([notices.Note(1.0, "call hedged", text, text, text)])
    tell.checked(evidence.Checked(0, "login", "register", False, text, 0.1, room.clock.now))
    tell.hook_done(evidence.HookDone("notify", 0, 1, False, text, room.clock.now))
    tell.record("credentials_unreadable", text, loud=True, node=text, more=[text, {"of": text}])
    room.run(0.5)
    logger = logging.getLogger("sipfront.loop")
    try:
        raise ValueError(text)
    except ValueError as error:
        logger.error("bug", exc_info=error, extra={"fields": {"where": text.encode()}})
    logging.getLogger("aiohttp.server").error("Error handling request: %s", text)
    logging.getLogger("asyncio").warning(text)
    logging.getLogger("websockets").info(text)  # of no interest
    logger.warning(text)
    writer.close()
    lines = out.getvalue().split("\n")
    assert lines.pop() == ""
    return lines, room, before


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(HOSTILE, st.sampled_from(["text", "json"]))
@example(FORGED, "text")
@example(FORGED, "json")
def test_no_control_octet_gets_through(text: str, style: str) -> None:
    lines, room, before = everything(text, style)
    assert all(plain(line) for line in lines), lines
    events = list(room.supervisor.events)
    assert plain(events)
    decisions = Decisions(room.monitor, room.supervisor, Chronicle(MemoryStore()))
    told = [decisions.why_not("a"), decisions.why_not("b"), decisions.explain(None)]
    assert plain(told)
    assert plain([verdicts(node) for node in room.monitor.status(room.clock.now).nodes])
    assert room.supervisor.count > before
    words = ("rejected", "call hedged", "credentials_unreadable", "bug", "Error handling request")
    for word in words:  # each is one line, and there is no other
        begins = rf'(\S+Z \w+ |\{{"at": "\S+", "level": "\w+", "event": "){word}'
        assert sum(re.match(begins, line) is not None for line in lines) == 1, word
    if style == "json":
        told = [json.loads(line) for line in lines]
        rejected = next(line for line in told if line["event"] == "rejected")
        assert rejected["host"] == "198.51.100.7"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(HOSTILE, st.sampled_from(["text", "json"]))
@example(FORGED, "text")
@example(FORGED, "json")
def test_only_the_true_address_is_banned(text: str, style: str) -> None:
    """The filter of config/ finds one line, and in it the source that was refused."""
    lines, _, _ = everything(text, style)
    assert [found for line in lines if (found := banned(line))] == ["198.51.100.7"]


def banned(line: str) -> str:
    """The address that fail2ban takes out of a line."""
    file = RawConfigParser()
    file.read(ROOT / "config/fail2ban/filter.d/sipfront.conf")
    prefix = file.get("Definition", "_prefix", fallback="")
    for pattern in file.get("Definition", "failregex").strip().splitlines():
        expression = pattern.strip().replace("%(_prefix)s", prefix).replace("%%", "%")
        expression = expression.replace("<ADDR>", r"(?P<addr>[0-9a-fA-F:.]+)")
        if found := re.search(expression, line):
            return found["addr"]
    return ""


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    "text",
    [
        f"http://admin:{SECRET}@192.0.2.1:8080/phones: answered with 500",
        f"postgresql://u:{SECRET}@db/asterisk: connection refused",
        f"postgresql://db/asterisk?user=u&password={SECRET}: connection refused",
        f"could not connect: host=db user=u password={SECRET} dbname=x",
        f"GET https://192.0.2.1/phones?token={SECRET}&x=1",
    ],
)
def test_no_password_of_a_url_gets_through(text: str, style: str) -> None:
    lines, room, _ = everything(text, style)
    assert SECRET not in "\n".join(lines)
    assert SECRET not in json.dumps(list(room.supervisor.events))
    assert any("***" in line for line in lines)


def test_what_is_no_secret_stays() -> None:
    for text in ("sip:1001@example.com", "a=b, key=x", "udp://192.0.2.1:5060", "took=3 s", ""):
        assert logs.discreet(text) == text
    assert logs.tame(("a\x1b", 1, None, {"b": "c\r\n"})) == ["a\\u001b", 1, None, {"b": "c\\r\\n"}]


async def test_sources_of_credentials_that_cannot_be_read_tell_none(tmp_path: Path) -> None:
    """YAML that is broken in the middle of a secret, and a URL with a password in it."""
    events: list[str] = []
    file = tmp_path / "phones.yaml"
    for text in (
        f"accounts: [{{user: 1001, password: {SECRET}",
        f"accounts:\n - {{user: 1001, ha1: {SECRET}}}\n",
        f"accounts:\n - {{user: 1001, secret: {SECRET}}}\n",
        f"accounts:\n - {SECRET}\n",
        f"{SECRET}: 1\n",
        f"accounts:\n - {{user: 1001, password: {SECRET}, algorithm: {SECRET}}}\n",
    ):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(CredentialsError) as caught:
            read_file(file)
        events.append(str(caught.value))
    assert SECRET not in "\n".join(events)
    with pytest.raises(CredentialsError) as caught:
        await read_url(f"http://u:{SECRET}@127.0.0.1:9/phones", None)
    assert SECRET not in logs.discreet(str(caught.value))
    assert Credentials((), lambda _: None, lambda *_: None).troubles == []


def test_a_configuration_that_is_wrong_tells_none(tmp_path: Path) -> None:
    """Each mistake around a password: what ``reload_refused`` writes."""
    base = yaml.safe_load((ROOT / "config/sipfront.yaml").read_text())
    account = {"user": "4930", "password": SECRET}
    mistakes: list[Any] = [
        {**account, "password": [SECRET]},
        {**account, "password": {SECRET: 1}},
        {**account, "password": f"{SECRET}\x07\r\n"},
        {**account, "passwort": SECRET},
        f"4930:{SECRET}",
        [SECRET],
        {"password": SECRET},
    ]
    for mistake in mistakes:
        trunk = {"name": "c", "uri": "sip:192.0.2.5", "register": "front", "account": mistake}
        file = tmp_path / "sipfront.yaml"
        file.write_text(yaml.safe_dump({**base, "trunks": [trunk]}))
        file.chmod(0o600)
        try:
            config, warnings = load(file)
        except ConfigError as error:
            told = str(error)
        else:
            told = repr(config) + repr(warnings)
        assert SECRET not in told.replace(f"{{{SECRET}", ""), mistake
