"""Whole messages out of a stream of octets (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 4.4.1).

Messages are cut by Content-Length; between them single CRLFs mean nothing and two in a row are a
keep-alive that wants one CRLF back.  Nothing else is read here, and what comes out is the octets
that came in.  The header field is found by the same rules as :func:`sipfront.sip.message.scan`
finds it (lines end with CRLF only, a line that begins with a blank goes on), so that both always
agree where a message ends: whoever makes two readers disagree smuggles messages.

The deadline for the rest of a message is the shell's (:attr:`Framer.partial`).

Anything of sipfront may import it.
"""

from __future__ import annotations

from sipfront.sip.errors import Malformed

#: A double CRLF, as it stands in the list that :meth:`Framer.feed` returns; answer it with
#: :data:`PONG` (RFC 5626 section 4.4.1).
PING = b"\r\n\r\n"
PONG = b"\r\n"

#: One message, head and body: what fits into a datagram, because it may have to go on in one.
MAX_MESSAGE = 65_536
#: The head alone: ten times the longest head of a real telephone; RFC 4475 3.1.1.7 has 3.5 KB.
MAX_HEAD = 16_384

_TOKEN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
_NAMES = (b"\r\ncontent-length", b"\r\nl")
#: More digits than this cannot be a length within the bounds; leading zeros are few.
_MAX_DIGITS = 10


class FramingError(Malformed):
    """The stream cannot be cut into messages any more: answer if possible, then close.

    ``status``: what to answer, 0 when these octets are no SIP at all.  ``head``: the octets to
    answer to, up to the end of the header when that was found (``scan`` of it gives a message, or a
    Malformed that holds one).  ``messages``: what was complete before, in the same ``feed``.
    """

    def __init__(self, reason: str, status: int, head: bytes = b"") -> None:
        super().__init__(reason, status)
        self.head = head
        self.messages: list[bytes] = []


class Framer:
    """Cuts the octets of one connection into messages; one for each connection.

    After a :class:`FramingError` it swallows everything: what follows is never taken for a message.
    """

    __slots__ = ("_buffer", "_dead", "_empty_lines", "_max_head", "_max_message", "_need", "_seen")

    def __init__(self, max_message: int = MAX_MESSAGE, max_head: int = MAX_HEAD) -> None:
        self._buffer = bytearray()
        self._max_message = max_message
        self._max_head = max_head
        self._need = 0  # length of the message that the buffer begins with; 0: not known yet
        self._seen = 0  # octets of the buffer in which no end of a header is
        self._empty_lines = 0
        self._dead = False

    @property
    def partial(self) -> bool:
        """Whether a message (or half a keep-alive) has begun and not ended: a deadline runs."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The complete messages, and :data:`PING` for each keep-alive, in the order of arrival.

        Raises :class:`FramingError`, once.
        """
        out: list[bytes] = []
        if self._dead:
            return out
        self._buffer += data
        try:
            self._cut(out)
        except FramingError as error:
            error.messages = out
            self._dead = True
            self._buffer.clear()
            raise
        return out

    def _cut(self, out: list[bytes]) -> None:
        buffer = self._buffer
        size = len(buffer)
        at = 0
        while True:
            if not self._need:
                at = self._skip_empty_lines(at, out)
                if at < size:
                    self._need = self._measure(at)
            if not self._need or size - at < self._need:
                break
            out.append(bytes(memoryview(buffer)[at : at + self._need]))
            at += self._need
            self._need = 0
            self._seen = at
        if at:
            del buffer[:at]
            self._seen = max(self._seen - at, 0)

    def _skip_empty_lines(self, at: int, out: list[bytes]) -> int:
        """The offset behind the CRLFs at ``at``; half of one stays for the next octets."""
        buffer = self._buffer
        while buffer.startswith(b"\r\n", at):
            at += 2
            self._empty_lines += 1
            if self._empty_lines == 2:
                out.append(PING)
                self._empty_lines = 0
        return at

    def _measure(self, at: int) -> int:
        """The length of the message at ``at``; 0 when its header has not ended yet."""
        buffer = self._buffer
        size = len(buffer)
        if buffer[at] == 13 and size - at == 1:
            return 0
        self._empty_lines = 0
        if buffer[at] not in _TOKEN:
            raise FramingError("no SIP on this stream", 0)
        end = buffer.find(b"\r\n\r\n", max(at, self._seen - 3))
        if end < 0:
            self._seen = size
            if size - at > self._max_head:
                raise FramingError("header too long", 513, bytes(buffer[at:]))
            return 0
        head = bytes(memoryview(buffer)[at : end + 4])
        if len(head) > self._max_head:
            raise FramingError("header too long", 513, head)
        length = len(head) + content_length(head)
        if length > self._max_message:
            raise FramingError("message too long", 513, head)
        return length


def content_length(head: bytes) -> int:
    """What the Content-Length of a header says; 0 without one.

    ``head`` ends with the empty line.  Raises :class:`FramingError` for two of them and for
    anything but digits.
    """
    lower = head.lower()
    found = b""
    for name in _NAMES:
        at = lower.find(name)
        while at >= 0:
            colon = at + len(name)
            while lower[colon] in b" \t":  # ends at the CR of the empty line at the latest
                colon += 1
            if lower[colon] == 58:
                if found:
                    raise FramingError("Content-Length stands twice", 400, head)
                found = _value(head, colon + 1)
                if len(found) > _MAX_DIGITS or not found.isdigit():
                    raise FramingError("bad Content-Length", 400, head)
            at = lower.find(name, colon)
    return int(found) if found else 0


def _value(head: bytes, start: int) -> bytes:
    """The value of the header field whose value begins at ``start``, folded lines included."""
    end = head.index(b"\r\n", start)
    while head[end + 2] in b" \t":
        end = head.index(b"\r\n", end + 2)
    return head[start:end].strip(b" \t\r\n")
