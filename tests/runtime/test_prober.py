"""Deeper questions: asked in their own time, always with an outcome, whatever a probe does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from probes.asking import Question
from probes.result import Result
from sipfront.control.evidence import Checked
from sipfront.runtime import prober as module
from sipfront.runtime.errands import Errands
from sipfront.runtime.prober import Prober
from tests.config.build import config
from tests.runtime.support import until

ECHO = {"probe": "call", "name": "echo", "extension": "600", "interval": "500ms"}


class Asked:
    """Stands for all probes: answers as it is told, keeps the questions."""

    def __init__(self, good: bool | None = True) -> None:
        self.good = good
        self.questions: list[Question] = []
        self.now = self.most = 0

    async def __call__(self, question: Question) -> Result:
        self.questions.append(question)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return Result(question.kind, question.target, self.good, "said so", 0.01, {"x": 1})


@contextlib.asynccontextmanager
async def running(
    asking: Any, *probes: dict[str, Any]
) -> AsyncIterator[tuple[Prober, list[Checked]]]:
    told: list[Checked] = []
    made = Prober(
        config(probes=list(probes)), Errands(), told.append, asking=asking, chance=lambda: 0.01
    )
    made.start()
    try:
        yield made, told
    finally:
        await made.close()


async def test_both_nodes_are_asked_from_the_inside_address() -> None:
    asked = Asked()
    async with running(asked, ECHO) as (prober, told):
        await until(lambda: len(told) >= 4)
    assert {question.target for question in asked.questions} == {
        "sip:600@10.0.0.11:5060;transport=udp",
        "sip:600@10.0.0.12:5060;transport=udp",
    }
    assert {question.local for question in asked.questions} == {"10.0.0.1"}
    first = told[0]
    assert (first.probe, first.question, first.good, first.text) == (
        "echo",
        "call",
        True,
        "said so",
    )
    assert {outcome.node for outcome in told} == {0, 1}
    assert [job.good >= 2 for job in prober.jobs] == [True, True]
    assert not prober.trouble


async def test_what_each_kind_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\nrest\n")
    asked = Asked()
    probes: list[dict[str, Any]] = [
        {"probe": "ari", "url": "http://{host}:8088", "user": "u", "password_file": str(secret)},
        {"probe": "command", "command": ["check", "{host}", "--name={node}"]},
        {"probe": "ami", "user": "u", "password_file": str(secret)},
        {"probe": "sql", "host": "10.9.9.9", "user": "u"},
    ]
    async with running(asked, *({"nodes": ["pbx-b"]} | probe for probe in probes)) as (_, told):
        await until(lambda: len(told) == 4)
    by = {question.kind: question for question in asked.questions}
    assert (by["ari"].url, by["ari"].password) == ("http://10.0.0.12:8088", "one")
    assert by["command"].words == ("check", "10.0.0.12", "--name=pbx-b")
    assert by["command"].env["SIPFRONT_NODE"] == "pbx-b"
    assert (by["ami"].host, by["ami"].port, by["ami"].local) == ("10.0.0.12", 5038, "10.0.0.1")
    assert (by["sql"].host, by["sql"].local) == ("10.9.9.9", None)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", -1.9)  # of 0.6 s audio and a time-out of 2 s
    monkeypatch.setattr(module, "LETTING_GO", 0.05)


@pytest.mark.usefixtures("impatient")
async def test_one_that_hangs_is_cancelled_and_proves_nothing() -> None:
    async def hangs(_: Question) -> Result:
        await asyncio.sleep(60)
        raise AssertionError

    async with running(hangs, ECHO) as (prober, told):
        await until(lambda: len(told) >= 2)
        assert "hangs" in prober.trouble
    assert told[0].good is None
    assert told[0].text.startswith("the probe hung: cancelled after ")
    assert prober.jobs[0].hung >= 1


@pytest.mark.usefixtures("impatient")
async def test_one_that_cannot_even_be_cancelled_is_left_alone() -> None:
    release = asyncio.Event()

    async def stubborn(_: Question) -> Result:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        return Result("call", "x", True, "")

    async with running(stubborn, ECHO) as (prober, told):
        await until(lambda: len(told) >= 2)
        assert "cannot be ended" in prober.trouble
        assert told[0].good is None
        release.set()
        await until(lambda: not prober._stuck)


@pytest.mark.parametrize("error", [OSError(2, "no such file"), ValueError("bad"), KeyError("bug")])
async def test_a_bug_in_a_probe_is_no_answer_of_the_node(error: Exception) -> None:
    async def broken(_: Question) -> Result:
        raise error

    async with running(broken, ECHO) as (_, told):
        await until(lambda: len(told) >= 3)
    assert {outcome.good for outcome in told} == {None}


async def test_never_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    asked = Asked(False)
    probes = [ECHO | {"name": f"echo-{n}"} for n in range(5)]
    async with running(asked, *probes) as (_, told):
        await until(lambda: len(told) >= 20)
    assert asked.most == 2


async def test_without_the_helper_a_command_could_not_be_asked() -> None:
    async with running(None, {"probe": "command", "command": ["true"]}) as (_, told):
        await until(lambda: told)
    assert (told[0].good, "helper" in told[0].text) == (None, True)
