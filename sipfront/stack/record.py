"""One call as it is written down: who, when, by which node, who ended it, what was done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipfront.stack.dialog import Leg
    from sipfront.stack.transaction import ServerTx

# What was done for a call, bits.
PARKED = 1
HEDGED = 2
OVERFLOWED = 4
MOVED = 8
SILENCED = 16
KEPT = 32
ENDED = 64
RESTARTED = 128
#: The words for them, in this order.
DONE = (
    (PARKED, "parked"),
    (HEDGED, "hedged"),
    (OVERFLOWED, "overflowed"),
    (MOVED, "moved"),
    (SILENCED, "silenced"),
    (KEPT, "kept"),
    (ENDED, "ended by front"),
    (RESTARTED, "front restarted"),
)
#: The same as words of the log.
EVENTS = {bit: f"call {word}" for bit, word in DONE}

# Who ended it.
CALLER = "caller"
CALLEE = "callee"
NODE = "node"
FRONT = "front"
NOBODY = "nobody"  # nobody answered, or what ended it could not be seen


class Record:
    """One call.

    Times are those of the engine, 0.0: it did not happen.  ``caller``: From; ``callee``: who was
    asked for; ``reached``: who answered, where the other leg is known.  ``first`` and ``node``:
    the node that it was given to at first, and the last one; -1: none.
    """

    __slots__ = (
        "answered",
        "began",
        "by_outside",
        "call_id",
        "callee",
        "caller",
        "done",
        "ended",
        "ender",
        "epoch",
        "first",
        "half",
        "id",
        "keys",
        "left",
        "node",
        "other",
        "proxied",
        "rang",
        "reached",
        "restored",
        "saved",
        "status",
        "tag",
        "trunk_in",
        "trunk_out",
        "weak",
    )

    def __init__(self, name: bytes, call_id: bytes, tag: bytes, began: float) -> None:
        self.id = name
        self.call_id = call_id
        self.tag = tag
        self.began = began
        self.rang = self.answered = self.ended = 0.0
        self.by_outside = True
        self.caller = self.callee = self.reached = b""
        self.trunk_in = self.trunk_out = ""
        self.epoch = 0
        self.first = self.node = -1
        self.status = 0
        self.ender = ""
        self.done = 0
        self.other = b""  # the Call-ID of the other leg
        self.keys: list[tuple[bytes, bytes]] = []
        self.left = 0.0  # when the other leg's party said BYE
        self.weak = 0  # how the other leg failed
        self.proxied = False  # the other leg has the same Call-ID and tag
        self.saved = False
        self.half = False  # only its other leg is known as yet
        self.restored = 0.0  # when this front took it over from the one before

    def beside(self, call_id: bytes) -> bytes:
        """The Call-ID of the leg that is not this one; empty: not known, or the same."""
        other = self.other if call_id == self.call_id else self.call_id
        return other if other != call_id else b""

    def given(self, node: int) -> None:
        """An INVITE for it is sent to a node."""
        if self.first < 0:
            self.first = node
        self.node = node


def begins(record: Record, leg: Leg) -> bool:
    """Whether this is the leg that the call began with."""
    if leg.call_id != record.call_id:
        return False
    return not record.proxied or leg.by_outside == record.by_outside


def failed(record: Record, server: ServerTx, status: int) -> str:
    """Who ended a call that was not answered."""
    if server.cancelled:
        return CALLER if record.by_outside else NODE
    if not any(branch.status == status for branch in server.branches):
        return NOBODY if status in (408, 487) else FRONT
    if not record.by_outside or record.weak:
        return CALLEE
    return NODE
