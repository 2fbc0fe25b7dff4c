"""A back-to-back user agent's heart: one leg that came, legs that are called, and their marriage.

SDP passes unchanged, so audio goes from phone to phone and not through the node (what "direct
media" is on a real PBX).  A new offer on one leg (hold) becomes a new offer on the other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sipfront.demo.call import Incoming, Leg
    from sipfront.demo.calling import Outgoing
    from sipfront.sip.message import Message

#: Seconds for which a call rings before it is given up.
RING = 60.0


async def bridge(incoming: Incoming, legs: list[Outgoing]) -> str:
    """Lead one call from its first ring to its end; a word on how it went.

    The first of ``legs`` that answers is joined with ``incoming``, the others are cancelled.
    """
    for leg in legs:
        leg.on_ring = _ringing(incoming)
    winner = await _first_answer(incoming, legs)
    for leg in legs:
        if leg is not winner:
            leg.cancel()
    if winner is None:
        if not incoming.ended.is_set():
            incoming.refuse(_best(legs))
        return "failed"
    if not incoming.accept(winner.remote_sdp):
        await winner.bye()  # cancelled in this very moment
        return "cancelled"
    incoming.on_offer = _relay(winner)
    winner.on_offer = _relay(incoming)
    await _either(incoming, winner)
    return "ended"


async def _either(incoming: Incoming, winner: Outgoing) -> None:
    """Wait for the end of one leg, and end the other."""
    ends = [asyncio.ensure_future(leg.ended.wait()) for leg in (incoming, winner)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    await asyncio.gather(incoming.bye(), winner.bye())


def _ringing(incoming: Incoming) -> Callable[[Message], None]:
    def ring(message: Message) -> None:
        incoming.ring(message.status, message.body)

    return ring


def _relay(other: Leg) -> Callable[[bytes], Awaitable[bytes | None]]:
    """A new offer goes to the other leg, its answer comes back."""

    async def relay(offer: bytes) -> bytes | None:
        answer = await other.offer(offer)
        return answer.body if answer is not None and answer.status < 300 else None

    return relay


async def _first_answer(incoming: Incoming, legs: list[Outgoing]) -> Outgoing | None:
    """The first leg that is up; None when all failed, the caller gave up, or nobody answers."""
    gone = asyncio.ensure_future(incoming.ended.wait())
    waiting = {asyncio.ensure_future(leg.wait()): leg for leg in legs}
    ends = asyncio.get_running_loop().time() + RING
    try:
        while waiting and not gone.done():
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            done, _ = await asyncio.wait(
                [gone, *waiting], timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if task is gone:
                    continue
                leg = waiting.pop(task)
                if leg.up:
                    return leg
        return None
    finally:
        for task in (gone, *waiting):
            task.cancel()


def _best(legs: list[Outgoing]) -> int:
    """What the caller is told: a decline first, then the lowest code (16.7 step 6)."""
    statuses = [leg.status for leg in legs if leg.status >= 300]
    if not statuses:
        return 480
    declined = [status for status in statuses if status >= 600]
    best = min(declined or statuses)
    return 480 if best in (401, 407, 481, 487) else best
