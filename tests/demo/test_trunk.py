"""The carrier answers its customer and nobody else."""

from __future__ import annotations

from sipfront.demo.trunk import DemoTrunk
from tests.demo.conftest import FAST, World


async def test_only_the_customer_may_call(world: World) -> None:
    trunk = DemoTrunk(world.at, bind=(f"{world.network}.201", 5060), timing=FAST)
    await trunk.open()
    stranger = await world.phone("1001")
    stranger.agent.proxy = trunk.agent.listener.bound
    call = await stranger.call("4930")
    assert call.status == 403
    assert trunk.refused == 1
    trunk.front = stranger.agent.listener.bound
    call = await stranger.call("4930", 0.1)
    assert call.heard == trunk.tone
    await trunk.close()


async def test_a_trunk_without_a_front_before_it_is_a_stranger(world: World) -> None:
    trunk = DemoTrunk(world.at, bind=(f"{world.network}.201", 5060), timing=FAST)
    await trunk.open()
    assert (await trunk.call("600")).status == 401
    await trunk.close()
