"""What is done to a real PBX so that it cannot serve, how it is mended, and what is promised."""

from __future__ import annotations

import asyncio
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
    "stun": Fault("frozen for 0.5 s, thawed", _stun(0.5), _nothing, None),
    "stun3": Fault("frozen for 3 s, thawed", _stun(3.0), _nothing, 1.8),
    "database-frozen": Fault(
        "OPTIONS fine, database frozen", _database_stops, _database_goes_on, 10
    ),
    "prompt": Fault("OPTIONS fine, 200 without audio", _no_prompt, _prompt, 10),
    "register": Fault("REGISTER 200 without Contact", _read_only, _writable, 10),
    "dialplan": Fault("dialplan missing", _no_dialplan, _dialplan, 15),
    "database-gone": Fault("database gone", _database_dies, _database_is_back, 15),
    "full": Fault("session cap reached", _full, _empty, None),
}
