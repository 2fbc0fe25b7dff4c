"""What happens again and again in the tests: two parties come to hear each other."""

from __future__ import annotations

import asyncio

from tests.lab.phones.base import Call
from tests.lab.phones.pjsua import PjsuaCall, PjsuaPhone

#: Sound through a real PBX is there within a second; a busy machine needs more.
EAR = 8.0


async def talk(caller: Call, callee: Call) -> None:
    """Wait until the call is up and both ends hear the other's tone."""
    await asyncio.gather(caller.confirmed(), callee.confirmed())
    await hear(caller, callee)


async def hear(caller: Call, callee: Call) -> None:
    """Both ends hear the other's tone, from now on."""
    await asyncio.gather(
        caller.hears(callee.phone.tone, limit=EAR), callee.hears(caller.phone.tone, limit=EAR)
    )


async def answered(caller: PjsuaPhone, to: str, callee: PjsuaPhone) -> tuple[PjsuaCall, PjsuaCall]:
    """Call ``to``; a hand at ``callee`` answers when the caller hears it ring; they talk."""
    mark = callee.mark()
    there = await caller.call(to)
    here = await callee.incoming(since=mark)
    await there.state("EARLY")
    await here.answer()
    await talk(there, here)
    return there, here


async def over(*calls: Call) -> None:
    """Hang up the first of these calls; the others end by that."""
    first, *others = calls
    assert isinstance(first, PjsuaCall)
    await first.hang_up()
    await asyncio.gather(first.ended(), *(call.ended() for call in others))
