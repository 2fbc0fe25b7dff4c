from __future__ import annotations

import asyncio
import errno

import pytest

from probes.exchange import RefusedError, SilentError, UnreachableError
from probes.result import Bad, Busy, CannotAsk, Result, judged


async def _raise(error: BaseException) -> tuple[str, dict[str, float]]:
    raise error


@pytest.mark.parametrize(
    ("error", "good", "text"),
    [
        (Bad("no", status=500), False, "no"),
        (Busy("busy: 503"), None, "busy: 503"),
        (CannotAsk("no driver"), None, "no driver"),
        (SilentError("no answer"), False, "no answer"),
        (RefusedError("refused"), False, "refused"),
        (UnreachableError("no route"), None, "no route"),
        (ConnectionRefusedError(), False, "refused: nobody listens there"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), None, "Network is unreachable"),
        (OSError(errno.EMFILE, "Too many open files"), None, "Too many open files"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), False, "No route to host"),
    ],
)
async def test_no_and_could_not_ask_differ(
    error: BaseException, good: bool | None, text: str
) -> None:
    result = await judged("x", "h", 1.0, _raise(error))
    assert (result.good, result.text) == (good, text)


async def test_what_hangs_is_ended_in_time() -> None:
    async def hang() -> tuple[str, dict[str, float]]:
        await asyncio.sleep(60)
        return "never", {}

    result = await judged("x", "h", 0.02, hang())
    assert (result.good, result.text) == (False, "no answer within 0.02 s")
    assert 0.015 < result.seconds < 5


async def test_a_bug_of_ours_is_no_verdict() -> None:
    with pytest.raises(KeyError):
        await judged("x", "h", 1.0, _raise(KeyError("bug")))


def test_exit_codes() -> None:
    codes = [
        (Result("x", "h", good, "").exit_code(), Result("x", "h", good, "").exit_code(plugin=True))
        for good in (True, False, None)
    ]
    assert codes == [(0, 0), (1, 2), (2, 3)]
