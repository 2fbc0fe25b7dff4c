"""What is done to a real PBX so that it cannot serve, how it is mended, and what is promised."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from bench.health import Stage
    from tests.lab.realtime import Realtime


@dataclass(frozen=True)
class Fault:
    """What is done to the active node, how it is mended, and what is promised."""

    words: str
    do: Callable[[Stage, Realtime], Coroutine[Any, Any, None]]
    mend: Callable[[Stage, Realtime], Coroutine[Any, Any, None]]
    #: seconds until the roles have changed; None: they must not change
    target: float | None
    #: it counts from the first refusal on, not from the fault: an idle pair is asked twice a second
    refused: bool = False
    #: calls are up and new ones are made meanwhile, and nobody may notice; seconds until the first
    #: are put on hold.  Not while their node is silent: a hold is answered with 500 and Retry-After
    #: then, because nobody can do it, and SIPp does not try again.
    talk: float = 0.0
    #: the roles may change or not: what matters is the calls
    free: bool = False


#: So many requests in one queue, and Asterisk takes nothing new until there are 450.
HIGH_WATER = 500
#: Sent at once, and then a pause, seconds: the socket's buffer is not to drop any.
PORTION, BREATH = 20, 0.005
#: All of one Call-ID, which go into one queue; more than this means that nobody reads them.
MOST = 5_000


async def _kill(_: Stage, node: Realtime) -> None:
    node.kill()


async def _start(_: Stage, node: Realtime) -> None:
    await node.start()


async def _restart(_: Stage, node: Realtime) -> None:
    node.kill()
    node.launch()


async def _started(_: Stage, node: Realtime) -> None:
    await node.started()


async def _freeze(_: Stage, node: Realtime) -> None:
    node.freeze()


async def _thaw(_: Stage, node: Realtime) -> None:
    node.thaw()


def _stun(seconds: float) -> Callable[[Stage, Realtime], Coroutine[Any, Any, None]]:
    async def stun(_: Stage, node: Realtime) -> None:
        node.freeze()
        await asyncio.sleep(seconds)
        node.thaw()

    return stun


async def _nothing(_: Stage, node: Realtime) -> None:
    node.thaw()


async def _database_stops(_: Stage, node: Realtime) -> None:
    node.database.freeze()


async def _database_goes_on(_: Stage, node: Realtime) -> None:
    node.database.thaw()


async def _database_dies(_: Stage, node: Realtime) -> None:
    node.database.kill()


async def _database_is_back(_: Stage, node: Realtime) -> None:
    await node.database.start()


async def _read_only(_: Stage, node: Realtime) -> None:
    await node.database.writable(yes=False)


async def _writable(_: Stage, node: Realtime) -> None:
    await node.database.writable(yes=True)


async def _overload(_: Stage, node: Realtime) -> None:
    """A database that hangs, and a burst of requests that wait for it: in real life a morning
    on which all phones come back.  Asterisk drops each new request over UDP then, OPTIONS too."""
    node.database.freeze()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.30", 0))
        stranger.connect((node.ip, 5060))
        mine = f"127.0.0.30:{stranger.getsockname()[1]}"
        number = 0
        while number < HIGH_WATER or await _queued(node) < HIGH_WATER:
            if number > MOST:
                raise RuntimeError(f"{node.name} is not overloaded by {number} requests")
            for _ in range(10 * PORTION):
                number += 1
                stranger.send(_request(mine, node.ip, number))
                if number % PORTION == 0:
                    await asyncio.sleep(BREATH)


def _request(mine: str, host: str, number: int) -> bytes:
    return (
        f"REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {mine};branch=z9hG4bKf{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:many@{mine}>;tag=many\r\nTo: <sip:many@{mine}>\r\n"
        f"Call-ID: many\r\nCSeq: {number} REGISTER\r\nContact: <sip:many@{mine}>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


async def _queued(node: Realtime) -> int:
    """How many requests wait in the longest of the PBX's queues for them."""
    told = await node.cli("core show taskprocessors")
    rows = re.findall(r"pjsip/distributor-\S+\s+\d+\s+(\d+)", told)
    return max(map(int, rows))


async def _no_prompt(_: Stage, node: Realtime) -> None:
    node.prompt.unlink()


async def _prompt(_: Stage, node: Realtime) -> None:
    node.say()


async def _no_dialplan(_: Stage, node: Realtime) -> None:
    await node.cli("dialplan remove context probe")


async def _dialplan(_: Stage, node: Realtime) -> None:
    await node.cli("dialplan reload")


async def _full(stage: Stage, node: Realtime) -> None:
    await stage.occupy(node)


async def _empty(stage: Stage, _: Realtime) -> None:
    await stage.release()


FAULTS = {
    "kill": Fault("process killed", _kill, _start, 0.1, refused=True),
    "freeze": Fault("process frozen", _freeze, _thaw, 1.8),
    "restart": Fault("killed and started again at once", _restart, _started, 0.1, refused=True),
    "stun": Fault("frozen for 0.5 s, thawed", _stun(0.5), _nothing, None, talk=4.0),
    "stun1": Fault("frozen for 1 s, thawed", _stun(1.0), _nothing, 1.8, talk=4.0, free=True),
    "stun3": Fault("frozen for 3 s, thawed", _stun(3.0), _nothing, 1.8, talk=6.0),
    "overload": Fault(
        "new requests dropped, dialogs go on", _overload, _database_goes_on, None, talk=3.0
    ),
    "database-frozen": Fault(
        "OPTIONS fine, database frozen", _database_stops, _database_goes_on, 10
    ),
    "prompt": Fault("OPTIONS fine, 200 without audio", _no_prompt, _prompt, 10),
    "register": Fault("REGISTER 200 without Contact", _read_only, _writable, 10),
    "dialplan": Fault("dialplan missing", _no_dialplan, _dialplan, 15),
    "database-gone": Fault("database gone", _database_dies, _database_is_back, 15),
    "full": Fault("session cap reached", _full, _empty, None),
}
