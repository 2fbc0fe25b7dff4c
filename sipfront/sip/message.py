"""One SIP message: scanned once, its headers located and not parsed.

``scan`` walks the octets of a datagram (or of one framed message of a stream) and notes where
each header field stands.  Nothing is copied and nothing is parsed that a front need not know of
*every* message: start line, Call-ID, CSeq, the two tags and the lengths.  The rest is read when
somebody asks.  A forwarded message is the received octets with a few edits (:func:`splice`).

Strict where leniency would let two readers disagree (RFC 3261 section 25; RFC 4475 is the list of
examples), blind to everything that it does not need.
"""

from __future__ import annotations

from sipfront.sip import address
from sipfront.sip.errors import Garbage, Malformed
from sipfront.sip.fields import MAX_FIELDS, Field, header_id, usual
from sipfront.sip.headers import (
    CALL_ID,
    CONTENT_LENGTH,
    COUNT,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    OTHER,
    OURS,
    SINGLE,
    SPELLINGS,
    TO,
    VIA,
)
from sipfront.sip.params import TOKEN
from sipfront.sip.shapes import URI, number, remember, tag

#: One edit: octets [start, end) of the message become ``text``.
Edit = tuple[int, int, bytes]

#: The largest CSeq (RFC 3261 8.1.1.5) and expiry (20.19).
MAX_NUMBER = 2**31 - 1
MAX_UNSIGNED = 2**32 - 1

_LWS = b" \t\r\n"
_CR = 13
KNOWN_METHODS = frozenset(
    b"INVITE ACK BYE CANCEL REGISTER OPTIONS SUBSCRIBE NOTIFY PUBLISH MESSAGE INFO UPDATE PRACK "
    b"REFER".split()
)
_NO_FIRST = [-1] * COUNT

#: Start lines and CSeqs that were read, see :mod:`sipfront.sip.shapes`.
_STARTS: dict[bytes, tuple[bytes, bytes, int, bytes]] = {}
_CSEQS: dict[bytes, tuple[int, bytes]] = {}


class Message:
    """A scanned message.  ``method`` is b"" for a response, ``status`` is 0 for a request."""

    __slots__ = (
        "_first",
        "body_end",
        "body_start",
        "call_id",
        "cseq",
        "cseq_method",
        "data",
        "fields",
        "from_tag",
        "head_start",
        "method",
        "reason",
        "status",
        "to_tag",
        "uri",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.method = b""
        self.uri = b""
        self.status = 0
        self.reason = b""
        self.head_start = 0
        self.body_start = self.body_end = len(data)
        self.fields: list[Field] = []
        self._first = _NO_FIRST.copy()
        self.call_id = b""
        self.cseq = 0
        self.cseq_method = b""
        self.from_tag = b""
        self.to_tag = b""

    def field(self, hid: int) -> Field | None:
        """The first header field with this id."""
        index = self._first[hid]
        return self.fields[index] if index >= 0 else None

    def has(self, hid: int) -> bool:
        """Whether a header field with this id stands in the message."""
        return self._first[hid] >= 0

    def value(self, hid: int) -> bytes | None:
        """The value of the first field with this id, unfolded if it was folded."""
        index = self._first[hid]
        if index < 0:
            return None
        field = self.fields[index]
        octets = self.data
        start, stop = field[2], field[3]
        value = octets[start:stop]
        return unfold(value) if 10 in value else value  # a line feed: bytes in bytes is slower

    def values(self, hid: int) -> list[bytes]:
        """The values of all fields with this id, in order, one a field line."""
        if self._first[hid] < 0:
            return []
        data = self.data
        return [unfold(data[field[2] : field[3]]) for field in self.fields if field[0] == hid]

    def lines(self, hid: int) -> bytes:
        """All field lines with this id as they came, CRLF included."""
        if self._first[hid] < 0:
            return b""
        data = self.data
        return b"".join([data[field[1] : field[4]] for field in self.fields if field[0] == hid])

    def named(self, name: bytes) -> list[bytes]:
        """The values of the fields with this name (lower case), for names without an id."""
        found = []
        for field in self.fields:
            if field[0] in (OTHER, OURS):
                line = self.data[field[1] : field[3]]
                head, _, value = line.partition(b":")
                if head.strip().lower() == name:
                    found.append(unfold(value.strip(_LWS)))
        return found

    @property
    def body(self) -> bytes:
        """The body, as long as Content-Length says."""
        return self.data[self.body_start : self.body_end]

    @property
    def uri_span(self) -> tuple[int, int]:
        """Where the Request-URI stands."""
        start = len(self.method) + 1
        return start, start + len(self.uri)


def unfold(value: bytes) -> bytes:
    """A folded value on one line (RFC 3261 7.3.1: CRLF and blanks become one space)."""
    if 10 not in value:
        return value
    return b" ".join([part.strip(_LWS) for part in value.split(b"\r\n")])


def splice(message: Message, edits: list[Edit]) -> bytes:
    """The octets of ``message`` with ``edits`` applied; edits do not overlap, any order."""
    octets = message.data
    if len(edits) > 1:
        edits.sort()
    parts = []
    at = 0
    for edit in edits:
        start, end, text = edit
        if start > at:
            parts.append(octets[at:start])
        if text:
            parts.append(text)
        at = end
    end = message.body_end
    if end > at:
        parts.append(octets[at:end])
    return b"".join(parts)


def scan(data: bytes) -> Message:
    """Scan one whole message.

    Raises :class:`Malformed` for what can be answered (``message`` holds what was located) and
    :class:`Garbage` for the rest.  Octets after the body are ignored (RFC 3261 18.3).
    """
    message = Message(data)
    octets = data
    eol = data.find(b"\r\n")
    if eol <= 0:
        raise Garbage("no start line")
    fault = _start_line(message, octets[:eol])
    message.head_start = eol + 2
    body = usual(data, eol + 2, message.fields, message._first)
    if body >= 0:
        message.body_start = message.body_end = body
    else:
        fault = _locate(message, eol + 2) or fault
    if not message.has(VIA):
        raise Garbage("no Via")
    fault = _identify(message) or fault
    if fault is None:
        fault = _measure(message)
    if fault is not None:
        if message.status:
            raise Garbage(fault.reason)
        fault.message = message
        raise fault
    return message


def _start_line(message: Message, line: bytes) -> Malformed | None:
    """RFC 3261 7.1, 7.2: exactly one space between the three parts."""
    known = _STARTS.get(line)
    if known is not None:
        message.method, message.uri, message.status, message.reason = known
        return None
    if line.startswith(b"SIP/2.0 "):
        digits = line[8:11]
        if len(digits) != 3 or not digits.isdigit() or line[11:12] not in (b" ", b""):
            raise Garbage("bad status line")
        message.status = int(digits)
        if not 100 <= message.status <= 699:
            raise Garbage("status code out of range")
        message.reason = line[12:]
        if b"\n" in message.reason:
            raise Garbage("bad status line")
        remember(_STARTS, line, (b"", b"", message.status, message.reason))
        return None
    method, _, rest = line.partition(b" ")
    uri, _, version = rest.partition(b" ")
    if method not in KNOWN_METHODS and not method.translate(TOKEN).isdigit():
        raise Garbage("no SIP message")
    message.method = method
    message.uri = uri
    if version != b"SIP/2.0":
        if version.upper().startswith(b"SIP/") and b" " not in version:
            if version.upper() == b"SIP/2.0":
                return None  # RFC 3261 7.1: the version is compared without regard to case
            return Malformed("Version not supported", 505)
        if b"SIP/" not in line.upper():
            raise Garbage("no SIP message")
        return Malformed("Bad request line")
    if not uri.translate(URI).isdigit():
        return Malformed("Bad Request-URI")
    remember(_STARTS, line, (method, uri, 0, b""))
    return None


def _locate(message: Message, at: int) -> Malformed | None:
    """Note where every header field stands, and what is wrong: the careful reading.

    A CR or LF alone ends no line here, but it does for many readers: whoever sent one behind it
    would write header fields, ours among them, that we never saw.
    """
    data = message.data
    fields = message.fields
    first = message._first
    fault: Malformed | None = None
    spellings = SPELLINGS
    lines = 2  # the start line and the empty one
    while True:
        eol = data.find(b"\n", at) - 1
        if data[eol] != _CR:
            eol = data.find(b"\r\n", at)
            fault = fault or Malformed("Stray line end" if eol >= 0 else "Header not ended")
        if eol < 0:
            message.body_start = message.body_end = len(data)
            return fault or Malformed("Header not ended")
        if eol == at:
            message.body_start = at + 2
            if data.count(b"\r", 0, at + 2) != lines:
                fault = fault or Malformed("Stray line end")
            return fault
        end = eol + 2
        while data[end : end + 1] in (b" ", b"\t"):  # folded (RFC 3261 7.3.1)
            eol = data.find(b"\r\n", end)
            if eol < 0:
                return fault or Malformed("Header not ended")
            if data.find(b"\n", end, eol) >= 0:
                fault = fault or Malformed("Stray line end")
            end = eol + 2
            lines += 1
        lines += 1
        colon = data.find(b":", at, eol)
        if colon < 0:
            fault = fault or Malformed("Header without colon")
            at = end
            continue
        name = data[at:colon]
        hid = spellings.get(name, -1)
        if hid < 0:
            hid = header_id(name)
            if hid < 0:
                fault = fault or Malformed("Bad header name")
                hid = OTHER
        start = colon + 1
        while start < eol and data[start] in _LWS:
            start += 1
        stop = eol
        while stop > start and data[stop - 1] in _LWS:
            stop -= 1
        if first[hid] < 0:
            first[hid] = len(fields)
        elif hid in SINGLE:
            fault = fault or Malformed("Header field stands twice")
        if len(fields) >= MAX_FIELDS:
            raise Garbage("too many header fields")
        fields.append((hid, at, start, stop, end))
        at = end


def _identify(message: Message) -> Malformed | None:
    """Call-ID, CSeq and the tags: what every element must know (RFC 3261 8.1.1)."""
    call_id = message.value(CALL_ID)
    cseq = message.value(CSEQ)
    sender = message.value(FROM)
    target = message.value(TO)
    if call_id:
        message.call_id = call_id
    if not call_id or cseq is None or not sender or not target:
        return Malformed("Missing header field")
    if 32 in call_id:
        return Malformed("Bad Call-ID")
    try:
        message.from_tag = tag_of(sender)
        message.to_tag = tag_of(target)
    except Malformed as error:
        return error
    known = _CSEQS.get(cseq) or _cseq(cseq)
    if known is None:
        return Malformed("Bad CSeq")
    message.cseq, method = known
    message.cseq_method = method
    if message.cseq > MAX_UNSIGNED:
        return Malformed("CSeq too large")
    if message.method and method != message.method:
        known_method = message.method in KNOWN_METHODS
        return Malformed("CSeq method differs", 400 if known_method else 501)
    return None


def _cseq(value: bytes) -> tuple[int, bytes] | None:
    """Number and method of a CSeq (RFC 3261 20.16), None for what is none."""
    digits, _, method = value.partition(b" ")
    method = method.strip(_LWS)
    if not digits.isdigit() and b"\t" in value:
        digits, _, method = value.replace(b"\t", b" ").partition(b" ")
        method = method.strip()
    if not digits.isdigit() or len(digits) > 16 or not method.translate(TOKEN).isdigit():
        return None
    found = (int(digits), method)
    remember(_CSEQS, value, found)
    return found


def _measure(message: Message) -> Malformed | None:
    """Content-Length and Max-Forwards, the two numbers that a proxy acts upon."""
    value = message.value(CONTENT_LENGTH)
    length = len(message.data) - message.body_start
    if value is not None:
        stated = number(value)
        if stated < 0:
            return Malformed("Bad Content-Length")
        if stated > length:
            return Malformed("Body shorter than Content-Length")
        length = stated
    message.body_end = message.body_start + length
    value = message.value(MAX_FORWARDS)
    if value is not None and number(value) < 0:
        return Malformed("Bad Max-Forwards")
    return None


def tag_of(value: bytes) -> bytes:
    """The tag of a From or To value, b"" if it has none (RFC 3261 19.3); raises Malformed."""
    found = tag(value)
    if found is None:
        found = address.parse(value).param(b"tag") or b""
    return found
