"""What a rule says when a request is not forwarded."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not forwarded: the answer, and the name under which it is counted."""

    def __init__(self, status: int, reason: str, extra: bytes = b"") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.extra = extra
