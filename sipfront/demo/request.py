"""A request that came to an agent, and who may be asked to answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sipfront.demo import wire
from sipfront.sip.reply import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.demo.agent import Agent
    from sipfront.sip.message import Message
    from sipfront.stack.transaction import ServerTx


class Request:
    """A request that came, and the way to answer it."""

    __slots__ = ("agent", "message", "on_cancel", "tag", "tx")

    def __init__(self, agent: Agent, message: Message, tx: ServerTx) -> None:
        self.agent = agent
        self.message = message
        self.tx = tx
        self.tag = message.to_tag or wire.fresh()
        #: told when a CANCEL for this INVITE came before its final answer
        self.on_cancel: Callable[[], None] | None = None

    @property
    def source(self) -> tuple[str, int]:
        """Where it came from."""
        return self.tx.flow.host, self.tx.flow.port

    def reply(self, status: int, extra: bytes = b"", body: bytes = b"") -> None:
        """Answer it; a 2xx to an INVITE may be given again, it is sent again then."""
        if body:
            extra += wire.SDP_TYPE
        tag = self.tag if status > 100 else b""
        data = reply(self.message, status, vias=self.tx.vias, to_tag=tag, extra=extra, body=body)
        self.agent.answer(self.tx, data, status)


class User(Protocol):
    """Who uses an agent."""

    def requested(self, request: Request) -> None:
        """A request outside of any dialog came; it must be answered, now or later."""


class InDialog(Protocol):
    """Who has a dialog."""

    def requested(self, request: Request) -> None:
        """A request inside the dialog came."""

    def acknowledged(self, message: Message) -> None:
        """The ACK of a 2xx came."""
