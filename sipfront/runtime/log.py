"""The log: one line an event, text or JSON, to stderr, written by a thread of its own.

stderr may be a pipe that nobody empties; the data path must not wait for it.  A line is handed to
a bounded queue, a thread writes it, and what does not fit is counted and told later.

Every event has a word and fields: ``event(log, INFO, "decision", epoch=3, why="...")``.  Values
from the network are shown with control octets escaped and in quotes, so that no message can forge
a line or a field of one.  The line that fail2ban reads, stable for ever, ``host`` always first::

    2026-01-31T12:00:00.000Z warning rejected host=198.51.100.7 port=5060 transport=UDP
        reason=credentials aor="sip:100@example.com" method=REGISTER banned=no
"""

from __future__ import annotations

import json
import logging
import queue
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Lines that may wait for a slow reader; at 200 octets each this is 2 MB.
QUEUE = 10_000
#: The longest value that is shown; what a stranger sent need not be shown whole.
VALUE_MAX = 400

#: Ours, and those of the libraries that may have something to say: they write the same lines.
LOGGERS: Final = ("sipfront", "aiohttp", "asyncio", "websockets")

#: ``user:password@`` of a URL (sip URIs have no ``//``), and settings that are named after a secret.
_USERINFO = re.compile(r"://[^\s\"'<>]*@")
_SETTING = re.compile(
    r"(?i)((?<![a-z])(?:password|passwd|passphrase|pwd|secret|token|(?:api|access)[-_]?key)=)[^&;,\s\"'<>)]+"
)

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+\[\]-]+\Z")
_ESCAPED: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def event(logger: logging.Logger, level: int, word: str, /, **fields: Any) -> None:
    """Write one event."""
    if logger.isEnabledFor(level):
        logger.log(level, word, extra={"fields": fields})


def discreet(text: str) -> str:
    """``text`` without the passwords that URLs carry: libraries repeat whole URLs in their errors."""
    if "=" in text:
        text = _SETTING.sub(r"\1***", text)
    return _USERINFO.sub("://***@", text) if "://" in text else text


def tame(value: Any) -> Any:
    """A value of an event, as it is kept and told: text, also inside of lists and mappings, without
    control octets and passwords of URLs."""
    if isinstance(value, str):
        value = discreet(value)
        if value.isprintable():
            return value
        return "".join(c if c.isprintable() else _ESCAPED.get(c) or _code(c) for c in value)
    if isinstance(value, dict):
        return {key: tame(its) for key, its in value.items()}
    if isinstance(value, list | tuple):
        return [tame(its) for its in value]
    return value


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def escaped(text: str) -> str:
    """``text`` with everything escaped that could end a line or a quotation, and cut."""
    text = discreet(text)
    if len(text) > VALUE_MAX:
        text = text[:VALUE_MAX] + "..."
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _unbroken(text)


def _unbroken(text: str) -> str:
    return "".join(
        _ESCAPED.get(char) or (char if char.isprintable() else _code(char)) for char in text
    )


def shown(value: Any) -> str:
    """A value as it stands in a text line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    text = str(value)
    return text if _PLAIN.match(text) and len(text) <= VALUE_MAX else f'"{escaped(text)}"'


def _stamp(created: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(created))
    return f"{whole}.{int(created % 1 * 1000):03d}Z"


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


class TextFormatter(logging.Formatter):
    """``time level event key=value ...``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows as one field."""
        word = record.getMessage()
        if not _PLAIN.match(word):
            word = escaped(word)
        parts = [_stamp(record.created), record.levelname.lower(), word]
        parts += [f"{key}={shown(value)}" for key, value in _fields(record).items()]
        if record.exc_info:
            trace = discreet(self.formatException(record.exc_info)).replace('"', "'")
            parts.append('trace="' + _unbroken(trace.replace("\n", " | ")) + '"')
        return " ".join(parts)


class JsonFormatter(logging.Formatter):
    """The same as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": _stamp(record.created),
            "level": record.levelname.lower(),
            "event": discreet(record.getMessage()),
        }
        for key, value in _fields(record).items():
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            line[key] = discreet(value)[:VALUE_MAX] if isinstance(value, str) else tame(value)
        if record.exc_info:
            line["trace"] = discreet(self.formatException(record.exc_info))
        # JSON lets DEL stand as it is.
        return json.dumps(line, default=str).replace("\x7f", "\\u007f")


class LineWriter(logging.Handler):
    """Hands lines to a thread that writes them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream if stream is not None else sys.stderr
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.dropped = 0
        #: why lines cannot be written at present, and how many have been lost by that
        self.trouble = ""
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="sipfront-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Format now (the values may change), write later."""
        if self._lines.qsize() >= QUEUE:
            self.dropped += 1
            return
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            self._lines.put(self._own("log_lines_dropped", lost))
        self._lines.put(self.format(record))

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                if self._lost:
                    self._stream.write(self._own("log_lines_lost", self._lost) + "\n")
                self._stream.write(line + "\n")
                if self._lost or self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError) as error:
                # Nobody reads any more, or the disk is full: that must not end the front.
                self._lost += 1
                self.trouble = f"the log cannot be written: {_reason(error)}"
            else:
                self._lost = 0
                self.trouble = ""

    def _own(self, word: str, count: int) -> str:
        """A line about the log itself."""
        said = {"msg": word, "levelname": "WARNING", "fields": {"count": count}}
        return self.format(logging.makeLogRecord(said))

    def close(self) -> None:
        """Write what waits, for at most a second."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(1.0)
        super().close()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def trouble() -> str:
    """Why the log of this process is not being written; empty when it is."""
    handlers = logging.getLogger("sipfront").handlers
    return next((h.trouble for h in handlers if isinstance(h, LineWriter) and h.trouble), "")


def setup(style: str = "text", level: str = "info", stream: TextIO | None = None) -> LineWriter:
    """Make the ``sipfront`` loggers write; called again it replaces what was there."""
    writer = LineWriter(stream)
    writer.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    shutdown()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(writer)
        logger.propagate = False
        # Of others only what is wrong.
        logger.setLevel(
            level.upper() if name == LOGGERS[0] else max(level.upper(), "WARNING", key=_rank)
        )
    return writer


def _rank(level: str) -> int:
    return logging.getLevelNamesMapping()[level]


def shutdown() -> None:
    """Write what waits, and stop writing; the loggers are as they were before :func:`setup`."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
        for old in list(logger.handlers):
            if isinstance(old, LineWriter):
                logger.removeHandler(old)
                old.close()
