from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import pytest

from sipfront.admin.serve import start
from sipfront.config.model import Admin
from sipfront.config.values import Endpoint
from sipfront.runtime.errors import StartupError
from tests.admin.fake import Pair


def settings(folder: Path, port: int) -> Admin:
    return Admin(listen=Endpoint("http", "127.0.0.1", port), token_file=folder / "token")


async def test_serves_and_stops(tmp_path: Path, pair: Pair) -> None:
    server = await start(settings(tmp_path, 0), pair)
    host, port = server.address
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}:{port}/livez") as answer:
            assert answer.status == 200
        token = (tmp_path / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(
            f"http://{host}:{port}/api/v1/switchover", headers=headers
        ) as answer:
            assert answer.status == 200
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=1).close()


async def test_a_port_in_use_is_a_sentence(tmp_path: Path, pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = settings(tmp_path, taken.getsockname()[1])
        with pytest.raises(StartupError, match=r"admin\.listen: .* the port is in use"):
            await start(at, pair)


async def test_a_bad_token_file_is_a_sentence(tmp_path: Path, pair: Pair) -> None:
    (tmp_path / "token").write_text("")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(StartupError, match=r"admin\.token_file: .* holds no token"):
        await start(settings(tmp_path, 0), pair)
