"""The log: one line an event, nothing forged, nobody waited for."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sipfront.runtime import log as logs
from sipfront.runtime.log import event, setup, shown


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    logs.shutdown()


def written(style: str, level: str = "info", **fields: object) -> str:
    out = io.StringIO()
    writer = setup(style, level, out)
    event(logging.getLogger("sipfront.test"), logging.INFO, "word", **fields)
    writer.close()
    return out.getvalue()


def test_nothing_of_it_is_left_when_it_ends() -> None:
    """Whoever logs in this process afterwards (another test, say) is heard once, by its own means."""
    root = logging.getLogger("sipfront")
    setup("json", "error", io.StringIO())
    assert (len(root.handlers), root.propagate, root.level) == (1, False, logging.ERROR)
    logs.shutdown()
    assert (root.handlers, root.propagate, root.level) == ([], True, logging.NOTSET)


def test_a_text_line() -> None:
    line = written("text", host="198.51.100.7", port=5060, banned=False, why="a b", took=0.25)
    stamp, rest = line.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == 'info word host=198.51.100.7 port=5060 banned=no why="a b" took=0.25\n'


def test_no_value_forges_a_line_or_a_field() -> None:
    evil = 'x" host=1.2.3.4\r\n2026 info rejected \x1b[31m\x00é\u2028 \\'
    line = written("text", aor=evil)
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert r"\" host=1.2.3.4\r\n2026" in line
    assert r"\u2028 \\" in line
    assert len(written("text", aor="x" * 10_000)) < 600


def test_json_lines() -> None:
    line = json.loads(written("json", host="198.51.100.7", data=b"\xff\r\n", n=3, ok=True))
    assert line["event"] == "word"
    assert line["level"] == "info"
    assert line["data"] == "\u00ff\r\n"
    assert (line["n"], line["ok"]) == (3, True)


def test_levels_and_tracebacks() -> None:
    assert written("text", level="warning") == ""
    out = io.StringIO()
    writer = setup("text", "info", out)
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError as error:
        logging.getLogger("sipfront.x").error("bug", exc_info=error)
    writer.close()
    assert out.getvalue().count("\n") == 1
    assert "RuntimeError: two | lines" in out.getvalue()


def test_a_pipe_that_nobody_reads_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE", 100)
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    writer = setup("text", "info", stream)
    log = logging.getLogger("sipfront.flood")
    for number in range(5_000):
        event(log, logging.INFO, "line", number=number, padding="x" * 100)
    assert writer.dropped > 0
    seen: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 65536):
            seen.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    while writer._lines.qsize():
        pass
    event(log, logging.INFO, "after")
    writer.close()
    stream.close()
    reader.join(5)
    os.close(reading)
    text = b"".join(seen).decode()
    assert "log_lines_dropped count=" in text
    assert " after\n" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (b"\xe9", '"é"'), ("", '""'), ("sip:a@b", "sip:a@b"), (None, "None")],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


class Full(io.StringIO):
    """A disk without room, until there is some."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_is_said_and_lines_that_are_lost_are_counted() -> None:
    out = Full()
    writer = setup("json", "info", out)
    log = logging.getLogger("sipfront.full")

    def until(good: Callable[[], bool]) -> None:
        ends = time.monotonic() + 10
        while not good():
            assert time.monotonic() < ends, logs.trouble()
            time.sleep(0.01)

    assert logs.trouble() == ""
    log.info("one")
    log.info("two")
    until(lambda: writer._lost == 2)
    assert logs.trouble() == "the log cannot be written: No space left on device"
    out.full = False
    log.info("three")
    until(lambda: logs.trouble() == "")
    logs.shutdown()
    lost, three = map(json.loads, out.getvalue().splitlines())
    assert (lost["event"], lost["count"]) == ("log_lines_lost", 2)
    assert three["event"] == "three"
