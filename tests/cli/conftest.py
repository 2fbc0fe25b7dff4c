from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sipfront.admin.serve import start
from sipfront.config.model import Admin
from sipfront.config.values import Endpoint
from tests.admin.fake import Pair
from tests.config.build import text


class Front:
    """A real HTTP side in a thread of its own, in front of a pair without nodes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pair = Pair()
        self.token_file = folder / "token"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        settings = Admin(listen=Endpoint("http", "127.0.0.1", 0), token_file=self.token_file)
        self._server = self._run(start(settings, self.pair))
        self.url = "http://{}:{}".format(*self._server.address)

    def _run(self, what):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    @property
    def where(self) -> list[str]:
        return ["--url", self.url, "--token-file", str(self.token_file)]

    def config(self) -> str:
        """A configuration that names it."""
        file = self.folder / "sipfront.yaml"
        data = yaml.safe_load(text())
        data["admin"] = {"listen": self.url, "token_file": str(self.token_file)}
        file.write_text(yaml.safe_dump(data))
        return str(file)

    def close(self) -> None:
        self._run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine's own front, configuration and state are out of sight."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("SIPFRONT_TOKEN", raising=False)
    monkeypatch.delenv("SIPFRONT_CONFIG", raising=False)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of a command that looks again and again; at the third one Ctrl-C is typed."""
    pauses: list[float] = []

    def enough(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", enough)
    return pauses
