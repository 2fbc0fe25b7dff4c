"""A dialog as plain values, for a row of the store, and the dialog again.

Imported by :mod:`sipfront.runtime.persist` only.
"""

from __future__ import annotations

from typing import Any

from sipfront.stack.dialog import Leg
from sipfront.stack.session import Session

#: Whenever the front speaks in somebody's place after its own restart, CSeq jumps by this: the
#: store may be behind, and jumps are legal (RFC 3261 12.2.2).
CSEQ_JUMP = 100

FIELDS = (
    "call_id",
    "outside_tag",
    "inside_tag",
    "owner",
    "epoch",
    "kind",
    "by_outside",
    "outside_target",
    "outside_routes",
    "outside_token",
    "outside_cseq",
    "outside_party",
    "inside_target",
    "inside_routes",
    "inside_token",
    "inside_cseq",
    "inside_uri",
    "inside_party",
    "trunk",
    "correlation",
    "event",
)


def values(leg: Leg, place: Any, offset: float) -> tuple[Any, ...]:
    """The values of a leg; ``place`` stands for its outside flow, ``offset`` is wall clock minus
    monotonic clock."""
    plain = [getattr(leg, name) for name in FIELDS]
    more = (
        None if leg.session is None else leg.session.stored(offset),
        leg.seen + offset if leg.seen else 0.0,
        leg.until + offset if leg.until else 0.0,
        b"" if leg.joined is None else leg.joined.key,
    )
    return (*plain, place, *more)


def read(value: tuple[Any, ...], offset: float) -> tuple[Leg, Any, bytes]:
    """The leg, its place, and the key of the leg that it is joined with (b"" for none).

    Raises ValueError, TypeError or IndexError for what is no row of a leg.
    """
    count = len(FIELDS)
    plain, place, more = value[:count], value[count], value[count + 1 :]
    leg = Leg(plain[0], plain[1], plain[2], plain[3])
    for name, item in zip(FIELDS[4:], plain[4:], strict=True):
        setattr(leg, name, item)
    leg.outside_cseq += CSEQ_JUMP
    leg.inside_cseq += CSEQ_JUMP
    joined = b""
    if more:  # version 1 of the file had nothing here
        session, seen, until, joined = more
        if session is not None:
            leg.session = Session.restored(session, offset)
        leg.seen = seen - offset if seen else 0.0
        leg.until = until - offset if until else 0.0
    return leg, place, joined
