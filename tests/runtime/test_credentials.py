"""The phones' credentials: where they come from, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sipfront.config.registrations import Source
from sipfront.runtime import credentials
from sipfront.runtime.credentials import Credentials, CredentialsError, read, read_file, table
from sipfront.stack.accounts import Account

HA1 = "0" * 32


def secrets(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_file(tmp_path: Path) -> None:
    path = secrets(
        tmp_path / "s.yaml",
        f"accounts:\n- {{user: '1001', password: x}}\n"
        f"- {{user: '1002', ha1: '{HA1}', realm: r, aor: 1002@example.com}}\n",
    )
    assert read_file(path) == {
        b"1001": Account(b"1001", b"x"),
        b"1002@example.com": Account(b"1002", b"", ((b"r", b"md5", HA1.encode()),)),
    }


def test_others_must_not_read_it(tmp_path: Path) -> None:
    path = secrets(tmp_path / "s.yaml", "accounts: []")
    path.chmod(0o604)
    with pytest.raises(CredentialsError, match="others may read these secrets"):
        read_file(path)
    conf = secrets(tmp_path / "pjsip.conf", "#include pjsip.auth.conf\n")
    (tmp_path / "pjsip.auth.conf").write_text("")
    (tmp_path / "pjsip.auth.conf").chmod(0o644)
    with pytest.raises(CredentialsError, match=r"pjsip\.auth\.conf: others may read"):
        credentials.read_asterisk(conf)


def test_one_user_with_two_algorithms() -> None:
    both = [
        {"user": "1", "ha1": HA1, "realm": "r"},
        {"user": "1", "ha1": "1" * 64, "realm": "r", "algorithm": "SHA-256"},
    ]
    (account,) = table(both, "x").values()
    assert {kind for _, kind, _ in account.ha1} == {b"md5", b"sha-256"}


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        {"user": "1"},
        {"password": "x"},
        {"user": "1", "password": "x", "ha1": HA1},
        {"user": "1", "ha1": "short"},
        {"user": "1", "password": "x", "algorithm": "SHA-512"},
        {"user": "1", "password": "hunter2", "pasword": "x"},
    ],
)
def test_nonsense_is_refused_and_no_secret_is_told(entry: Any) -> None:
    with pytest.raises(CredentialsError) as caught:
        table([entry], "here")
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).startswith("here: account 1")


async def served(answer: web.Response, port: int) -> tuple[web.AppRunner, list[str]]:
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return answer

    app = web.Application()
    app.router.add_get("/accounts", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, seen


async def test_a_url(tmp_path: Path, unused_tcp_port: int) -> None:
    token = secrets(tmp_path / "token", "t0ken\n")
    answer = web.json_response({"accounts": [{"user": "1001", "password": "x"}]})
    runner, seen = await served(answer, unused_tcp_port)
    url = f"http://127.0.0.1:{unused_tcp_port}/accounts"
    try:
        found = await read(Source(url=url, token_file=token))
        assert found == {b"1001": Account(b"1001", b"x")}
        assert seen == ["Bearer t0ken"]
        with pytest.raises(CredentialsError, match="404"):
            await read(Source(url=url + "x"))
    finally:
        await runner.cleanup()
    with pytest.raises(CredentialsError, match=r"127\.0\.0\.1"):
        await read(Source(url=url))


async def test_a_database_that_is_not_there(unused_tcp_port: int) -> None:
    uri = f"postgresql://me:hunter2@127.0.0.1:{unused_tcp_port}/x"
    with pytest.raises(CredentialsError) as caught:
        await read(Source(database=uri, query="SELECT 1"))
    assert "hunter2" not in str(caught.value)


class Seen:
    """What was pushed and recorded."""

    def __init__(self) -> None:
        self.tables: list[Mapping[bytes, Account]] = []
        self.events: list[tuple[str, str]] = []
        self.news = asyncio.Event()

    def push(self, accounts: Mapping[bytes, Account]) -> None:
        self.tables.append(accounts)
        self.news.set()

    def record(self, kind: str, text: str, **_: Any) -> None:
        self.events.append((kind, text))

    async def next(self) -> None:
        async with asyncio.timeout(10):
            await self.news.wait()
        self.news.clear()


async def test_read_at_the_start_and_again_when_asked(tmp_path: Path) -> None:
    """A file that went bad leaves what is known in force, and is told once."""
    path = secrets(tmp_path / "s.yaml", "accounts: [{user: '1', password: a}]")
    other = secrets(tmp_path / "t.yaml", "accounts: [{user: '1', password: z}]")
    seen = Seen()
    kept = Credentials((Source(file=path), Source(file=other)), seen.push, seen.record)
    kept.start()
    try:
        await seen.next()
        assert seen.tables[-1] == {b"1": Account(b"1", b"a")}, "the first source counts"
        secrets(path, "accounts: [{user: '1', password: b}, {user: '2', password: c}]")
        kept.reload((Source(file=path), Source(file=other)))
        await seen.next()
        assert seen.tables[-1][b"1"] == Account(b"1", b"b")
        path.chmod(0o644)
        kept.reload((Source(file=path), Source(file=other)))
        await seen.next()
        assert seen.tables[-1][b"2"] == Account(b"2", b"c")
        assert len(kept.troubles) == 1
        assert [kind for kind, _ in seen.events].count("credentials_unreadable") == 1
    finally:
        await kept.close()


async def test_without_sources_nothing_runs() -> None:
    seen = Seen()
    kept = Credentials((), seen.push, seen.record)
    kept.start()
    await kept.close()
    assert seen.tables == []
