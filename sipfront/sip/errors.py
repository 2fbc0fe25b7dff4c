"""The errors of a SIP message: *theirs*.

::

    SipError
    ├── Malformed      the message breaks the grammar; ``status`` is the answer that it deserves
    └── Garbage        not even an answer can be made out of it: absorb it, count ``reason``

Both are the sender's fault and are turned into a SIP status (or into silence) in one place,
:mod:`sipfront.stack.front`.  An error of ours (a bug) is never one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.sip.message import Message


class SipError(Exception):
    """The root: somebody sent us something that RFC 3261 does not allow."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Malformed(SipError):
    """A message that can be answered, with ``status``; ``message`` holds what could be located."""

    def __init__(self, reason: str, status: int = 400, message: Message | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.message = message


class Garbage(SipError):
    """Octets that cannot be answered: no Via to answer to, or no SIP at all."""
