"""Hooks: each is run, ended in time, and its end told once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sipfront.control.actions import RunHook
from sipfront.control.evidence import HookDone
from sipfront.runtime import hooking as module
from sipfront.runtime.errands import Errands
from sipfront.runtime.hooking import Hooking
from tests.config.build import config
from tests.runtime.support import until

SH = ["sh", "-c"]
FENCE = RunHook("fence", 1, 7, 3, "pbx-b is silent")


@pytest.fixture
async def errands() -> AsyncIterator[Errands]:
    made = Errands()
    await made.start()
    await until(lambda: made._writer is not None)
    await made.run(["true"], {}, 20.0)  # the helper itself needs a moment to begin
    yield made
    await made.close()


async def end(errands: Errands, hook: dict[str, Any], wanted: RunHook = FENCE) -> HookDone:
    ends: list[HookDone] = []
    hooking = Hooking(config(hooks={wanted.hook: hook}), errands, ends.append)
    hooking.run(wanted)
    await until(lambda: ends)
    await asyncio.sleep(0)
    (done,) = ends
    assert (done.hook, done.node, done.run) == (wanted.hook, wanted.node, wanted.run)
    assert bool(hooking.trouble) != done.good
    return done


async def test_a_command_is_told_what_happens(errands: Errands, tmp_path: Path) -> None:
    file = tmp_path / "told"
    script = f'cat >{file}; echo "$SIPFRONT_HOOK $SIPFRONT_NODE $SIPFRONT_OTHER $SIPFRONT_EPOCH"'
    done = await end(errands, {"command": [*SH, script]})
    assert (done.good, done.text) == (True, "fence pbx-b pbx-a 7")
    assert json.loads(file.read_text()) == {
        "hook": "fence",
        "node": "pbx-b",
        "uri": "sip:10.0.0.12:5060",
        "other": "pbx-a",
        "epoch": 7,
        "why": "pbx-b is silent",
    }


async def test_a_failure_is_tried_again(
    errands: Errands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    file = tmp_path / "tries"
    script = f"echo x >>{file}; [ $(wc -l <{file}) = 3 ] || {{ echo not yet; exit 4; }}"
    done = await end(errands, {"command": [*SH, script], "retries": 1})
    assert (done.good, done.text) == (False, "exit code 4: not yet")
    assert (await end(errands, {"command": [*SH, script], "retries": 1})).good


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["no-such-program"], "no-such-program: No such file or directory"),
        ([*SH, "sleep 60"], "did not end within 1 s"),
        ([*SH, "kill -9 $$"], "signal 9"),
    ],
)
async def test_what_fails(errands: Errands, words: list[str], text: str) -> None:
    done = await end(errands, {"command": words, "timeout": "1s", "retries": 0})
    assert done.good is False
    assert done.text in (text, "did not end in time")


async def test_without_the_helper_it_fails() -> None:
    done = await end(Errands(), {"command": ["true"], "retries": 0})
    assert (done.good, "helper" in done.text) == (False, True)


class Web:
    """A webhook's server that answers as it is told; keeps heads and bodies."""

    def __init__(self, status: str | None) -> None:
        self.status = status
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split("\r\n")[0])
            self.heard.append((head, json.loads(await reader.readexactly(length))))
            if self.status is None:
                await reader.read()
            else:
                text = (
                    f"HTTP/1.1 {self.status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwhy?"
                )
                writer.write(text.encode())
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def web(status: str | None) -> AsyncIterator[tuple[Web, str]]:
    made = Web(status)
    server = await asyncio.start_server(made.serve, "127.8.60.1", 0)
    try:
        yield made, f"http://127.8.60.1:{server.sockets[0].getsockname()[1]}/x"
    finally:
        server.close()


async def test_a_webhook_gets_the_same(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc\n")
    async with web("200 OK") as (made, url):
        done = await end(Errands(), {"url": url, "token_file": str(token)})
    assert (done.good, done.text) == (True, "200")
    head, body = made.heard[0]
    assert "Authorization: Bearer abc\r\n" in head
    assert (body["node"], body["why"]) == ("pbx-b", "pbx-b is silent")


@pytest.mark.parametrize("status", ["500 Error", "302 Found", None])
async def test_a_webhook_that_does_not_do_it(status: str | None) -> None:
    async with web(status) as (made, url):
        done = await end(Errands(), {"url": url, "timeout": "500ms", "retries": 1})
    assert done.good is False
    assert made.heard
    if status:
        assert done.text.startswith(status[:3])


async def test_a_webhook_that_is_down() -> None:
    down = {"url": "http://127.8.60.9:9/", "retries": 0}
    assert (await end(Errands(), down, FENCE._replace(hook="notify"))).good is False


async def test_not_hundreds_at_once(errands: Errands) -> None:
    ends: list[HookDone] = []
    hooks = {"notify": {"command": [*SH, "sleep 60"], "timeout": "60s"}}
    hooking = Hooking(config(hooks=hooks), errands, ends.append)
    for run in range(module.AT_ONCE + 2):
        hooking.run(RunHook("notify", 0, 1, run))
    assert [done.text for done in ends] == ["8 hooks are running already"] * 2
    await hooking.close()
    assert len(ends) == 2
