from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from probes.asking import KINDS, Question, ask
from tests.probes.peers import answer, sip_peer

#: For each kind a question that somebody answers badly, or nobody: all of them are really asked.
DEAD = {"host": "127.8.41.9", "port": 9, "url": "http://127.8.41.9:9", "user": "u"}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_asked(kind: str) -> None:
    async with sip_peer(answer(500)) as (_, at):
        words = ("false-says-no",) if kind != "command" else ("sh", "-c", "exit 2")
        question = Question(kind=kind, timeout=2.0, target=f"sip:x@{at}", words=words, **DEAD)  # type: ignore[arg-type]
        result = await ask(question)
    assert (result.probe, result.good) == (kind, False), result


async def test_what_is_no_question() -> None:
    with pytest.raises(ValueError, match="no such probe"):
        await ask(Question(kind="magic", timeout=1.0))
    with pytest.raises(ValueError, match="account"):
        await ask(Question(kind="register", timeout=1.0, target="sip:h"))
    assert "secret" not in repr(Question(kind="ami", timeout=1.0, password="secret"))


async def test_options_any_answer() -> None:
    async with sip_peer(answer(404)) as (_, at):
        good = Question(kind="options", timeout=1.0, target=f"sip:{at}", any_answer=True)
        assert (await ask(good)).good
        missing = await ask(Question(kind="options", timeout=1.0, target=f"sip:{at}"))
        assert (missing.good, "no such extension" in missing.text) == (False, True)


async def test_a_runner_is_used(tmp_path: Path) -> None:
    from probes.command import Ended

    asked: list[object] = []

    async def runner(words: object, env: object, timeout: float) -> Ended:
        await asyncio.sleep(0)
        asked.append((words, env, timeout))
        return Ended(0, "by another", 0.1)

    question = Question(kind="command", timeout=3.0, words=("x",), env={"A": "b"})
    assert (await ask(question, runner)).text == "by another"
    assert asked == [(("x",), {"A": "b"}, 3.0)]
