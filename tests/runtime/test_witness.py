"""Witnesses: somebody who answers, somebody who does not."""

from __future__ import annotations

import asyncio

import pytest

from sipfront.runtime import witness
from tests.runtime.support import until


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_this_machine_answers(host: str) -> None:
    assert await witness.answers(host)


async def test_without_the_right_to_ping_a_refusal_is_an_answer() -> None:
    assert await witness._knock("127.0.0.1")


async def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(host: str) -> bool:
        await asyncio.sleep(60)
        return True

    monkeypatch.setattr(witness, "TIMEOUT", 0.05)
    monkeypatch.setattr(witness, "_echo", silent)
    assert not await witness.answers("127.0.0.1")


async def test_one_question_at_a_time_and_the_answer_is_told() -> None:
    told: list[tuple[str, bool]] = []
    made = witness.Witnesses(lambda name, answered: told.append((name, answered)))
    made.ask("127.0.0.1")
    made.ask("127.0.0.1")
    await until(lambda: told)
    assert told == [("127.0.0.1", True)]
    made.ask("127.0.0.1")
    await until(lambda: len(told) == 2)
    made.close()
