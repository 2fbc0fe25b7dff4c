"""A dialog as a user agent keeps it (RFC 3261 section 12), and the requests made in it.

It is a value with numbers that rise; it sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipfront.demo import wire
from sipfront.sip.headers import FROM, TO

if TYPE_CHECKING:
    from sipfront.sip.message import Message
    from sipfront.stack.flows import Flow


class Dialog:
    """One dialog.  ``local`` and ``remote`` are From and To values with their tags."""

    __slots__ = (
        "call_id",
        "cseq",
        "flow",
        "local",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "routes",
        "target",
    )

    def __init__(self, call_id: bytes, local_tag: bytes, remote_tag: bytes) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local = self.remote = self.target = self.routes = b""
        self.cseq = 0
        self.remote_cseq = 0
        #: how requests reach the other end, where target and routes do not say it
        self.flow: Flow | None = None

    @classmethod
    def called(cls, request: Message, tag: bytes) -> Dialog:
        """That of a callee (12.1.1)."""
        dialog = cls(request.call_id, tag, request.from_tag)
        dialog.local = b"%b;tag=%b" % (request.value(TO) or b"", tag)
        dialog.remote = request.value(FROM) or b""
        dialog.target = wire.contact_of(request)
        dialog.routes = b", ".join(wire.routes_of(request))
        dialog.remote_cseq = request.cseq
        return dialog

    @classmethod
    def calling(cls, answer: Message, cseq: int) -> Dialog:
        """That of a caller, made by a response (12.1.2)."""
        dialog = cls(answer.call_id, answer.from_tag, answer.to_tag)
        dialog.local = answer.value(FROM) or b""
        dialog.remote = answer.value(TO) or b""
        dialog.target = wire.contact_of(answer)
        dialog.routes = b", ".join(reversed(wire.routes_of(answer)))
        dialog.cseq = cseq
        return dialog

    def refreshed(self, message: Message) -> None:
        """A target refresh: the other end's Contact is where it is reached now (12.2)."""
        self.target = wire.contact_of(message) or self.target

    def in_order(self, request: Message) -> bool:
        """Whether a request has a higher CSeq than all before it (12.2.2)."""
        if request.cseq <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq
        return True

    def request(
        self, method: bytes, via: bytes, cseq: int, extra: bytes = b"", body: bytes = b""
    ) -> bytes:
        """A request in it (12.2.1.1)."""
        return wire.request(
            method,
            self.target,
            via=via,
            sender=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=cseq,
            routes=self.routes,
            extra=extra,
            body=body,
        )
