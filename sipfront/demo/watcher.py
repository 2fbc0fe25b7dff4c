"""What the caller and the two nodes of the demonstration sent and received, call by call.

Everybody says what passes by (:class:`Watcher`), by the Call-ID that the front keeps.  Nothing is
asked of the front itself: its column of the diagram is where the others' messages come from.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from sipfront.sip.errors import SipError
from sipfront.sip.message import Message, scan

if TYPE_CHECKING:
    from sipfront.screen.ladder import Seen

#: Calls that are remembered, and messages of one.
CALLS, MESSAGES = 400, 60
#: Methods that make the picture of a call.
METHODS = frozenset((b"INVITE", b"ACK", b"BYE", b"CANCEL"))


def labelled(data: bytes) -> tuple[str, str] | None:
    """Call-ID and a short name of a message, when it belongs to a call."""
    try:
        message = scan(data)
    except SipError:
        return None
    return _label(message)


def _label(message: Message) -> tuple[str, str] | None:
    method = message.method or message.cseq_method
    if method not in METHODS:
        return None
    call_id = message.call_id.decode("utf-8", "replace")
    if message.method:
        return call_id, method.decode()
    if message.status == 100:
        return None  # says nothing to anybody
    of = "" if method == b"INVITE" else f" ({method.decode()})"
    return call_id, f"{message.status}{of}"


class Watcher:
    """Remembers what was seen of the newest calls."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, list[Seen]] = OrderedDict()

    def note(self, call_id: str, seen: Seen) -> None:
        """One more message."""
        messages = self._calls.setdefault(call_id, [])
        if len(messages) < MESSAGES:
            messages.append(seen)
        while len(self._calls) > CALLS:
            self._calls.popitem(last=False)

    def of(self, call_id: str) -> list[Seen]:
        """What was seen of one call, in the order of time."""
        return sorted(self._calls.get(call_id, ()))
