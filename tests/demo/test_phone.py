"""A phone keeps itself registered, whatever its registrar says."""

from __future__ import annotations

import asyncio

import pytest

from sipfront.demo.phone import DemoPhone
from sipfront.demo.registrar import NONCE_LIFE
from sipfront.sip.message import Message
from sipfront.sip.reply import reply
from tests.demo.conftest import FAST, Peer, World, until


async def test_it_registers_and_unregisters(world: World) -> None:
    phone = await world.registered("1001")
    assert phone.registered
    assert phone.granted == 300
    assert world.node.registrar.count(0.0) == 1
    assert await phone.register(0) == 200
    assert phone.granted == 0
    assert world.node.registrar.count(0.0) == 0


async def test_it_asks_for_longer_when_told_so(world: World) -> None:
    phone = await world.registered("1001", expiry=2)
    assert phone.granted == 10


@pytest.mark.parametrize(("password", "status"), [("wrong", 403), ("", 403)])
async def test_it_is_not_let_in_with_a_wrong_password(
    world: World, password: str, status: int
) -> None:
    phone = await world.phone("1001", password=password)
    assert await phone.register() == status
    assert phone.failures == 1


async def test_a_stale_nonce_costs_one_more_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await world.phone("1001")
    check = world.node.doorman.check
    late = iter([0.0, NONCE_LIFE + 1, 0.0])  # challenge, a proof that comes too late, the next

    def slowly(message: Message, now: float) -> str:
        return check(message, now + next(late))

    monkeypatch.setattr(world.node.doorman, "check", slowly)
    assert await phone.register() == 200
    assert phone._cseq == 3


async def test_it_registers_again_before_it_expires(network: str, peer: Peer) -> None:
    phone = DemoPhone("1001", "x", (peer.host, 5060), bind=(f"{network}.5", 5060), timing=FAST)
    await phone.open()
    await peer.open((f"{network}.5", 5060))
    keeping = asyncio.get_running_loop().create_task(phone.stay_registered())
    first = await peer.hear(b"REGISTER")
    contact = b"Contact: <sip:1001@%b:5060>;expires=3\r\n" % f"{network}.5".encode()
    peer.say(reply(first, 200, to_tag=b"t", extra=contact))
    assert await keeping == 200
    assert phone.granted == 3
    second = await peer.hear(b"REGISTER")
    assert second.cseq == first.cseq + 1
    assert second.call_id == first.call_id
    await phone.close()


async def test_it_tries_again_after_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipfront.demo.phone.AGAIN", 0.05)
    phone = await world.phone("1001")
    world.node.kill()
    assert await phone.stay_registered() == 0
    await world.node.revive()
    await until(lambda: phone.registered)
