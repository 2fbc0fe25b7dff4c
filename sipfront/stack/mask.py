"""What would betray a node outside, and what stands there instead (design, section 4).

The hosts of nodes, and the front's own inside ones, become the domain: in the headers that name
parties, and in the bodies that list them.  It refuses to know where a message goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sipfront.sip.headers import (
    ALERT_INFO,
    CALL_INFO,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    COUNT,
    DIVERSION,
    ERROR_INFO,
    FROM,
    HISTORY_INFO,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    REFER_TO,
    REFERRED_BY,
    REMOTE_PARTY_ID,
    REPLY_TO,
    TO,
    WARNING,
)
from sipfront.sip.shapes import remember

if TYPE_CHECKING:
    from sipfront.sip.message import Edit, Message

#: Headers in which a URI with a node's host becomes the domain.
BETRAYING = (
    FROM,
    TO,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    REMOTE_PARTY_ID,
    REFERRED_BY,
    REFER_TO,
    DIVERSION,
    HISTORY_INFO,
    CALL_INFO,
    ALERT_INFO,
    WARNING,
    REPLY_TO,
    ERROR_INFO,
)
_BETRAYS = bytearray(hid in BETRAYING for hid in range(COUNT))
#: Bodies in which it does too.
_BETRAYING_BODIES = (
    b"application/simple-message-summary",
    b"application/dialog-info+xml",
    b"application/pidf+xml",
    b"application/reginfo+xml",
    b"message/sipfrag",
)
#: The body of nearly every message that has one.
_SDP = b"application/sdp"


class Mask:
    """Finds what would betray a node outside, and says what to put there."""

    __slots__ = ("_known", "domain", "hosts", "letters", "pattern")

    def __init__(self, hosts: tuple[bytes, ...], domain: bytes) -> None:
        """A mask for the hosts of all nodes (and our own inside ones)."""
        self.hosts = tuple(host.lower() for host in hosts)
        self.domain = domain
        names = b"|".join(re.escape(host) for host in sorted(self.hosts, key=len, reverse=True))
        # A host is one only between these: never a part of another address or name.
        self.pattern: re.Pattern[bytes] = re.compile(
            rb"(?<![0-9A-Za-z.\-\[])(?:" + names + rb")(?::[0-9]+)?(?![0-9A-Za-z.\-\]])",
            re.IGNORECASE,
        )
        #: whether a host can be written in more than one way
        self.letters = any(host != host.upper() for host in self.hosts)
        self._known: dict[bytes, bytes] = {}

    def clean(self, value: bytes) -> bytes:
        """``value`` with the domain for every host; the same ones come all over again."""
        known = self._known.get(value)
        if known is None:
            known = value
            seen = value.lower() if self.letters else value
            for host in self.hosts:
                if seen.find(host) >= 0:
                    known = self.pattern.sub(self.domain, value)
                    break
            remember(self._known, value, known)
        return known

    def edits(self, message: Message, edits: list[Edit], body: bytes | None = None) -> bytes:
        """Mask the headers and the body (``body`` if it is to be another one); gives the URI that
        the node had in From (request) or To, or b""."""
        masked = b""
        own = TO if message.status else FROM
        betrays = _BETRAYS
        for field in message.fields:
            hid = field[0]
            if not betrays[hid]:
                continue
            value = message.data[field[2] : field[3]]
            clean = self.clean(value)
            if clean != value:
                edits.append((field[2], field[3], clean))
                if hid == own:
                    masked = value
        self._body(message, edits, body)
        return masked

    def _body(self, message: Message, edits: list[Edit], body: bytes | None) -> None:
        kind = message.value(CONTENT_TYPE)
        if kind is None or kind == _SDP:
            return
        if kind.partition(b";")[0].strip().lower() not in _BETRAYING_BODIES:
            return
        whole = message.body
        clean = self.clean(whole if body is None else body)
        if clean == whole:
            return
        edits.append((message.body_start, message.body_end, clean))
        length = message.field(CONTENT_LENGTH)
        if length is not None:
            edits.append((length[2], length[3], b"%d" % len(clean)))
