"""The small PBX with phones that speak to it directly: what a caller notices."""

import asyncio

import pytest

from probes.tones import MILLIWATT
from sipfront.demo.node import DemoNode, main
from sipfront.sip.headers import FROM
from tests.demo.conftest import FAST, USERS, World, until


async def test_the_echo_and_the_tone_are_heard(world: World) -> None:
    phone = await world.phone("1001")
    echo = await phone.call("600", 0.1)
    assert (echo.status, echo.heard, echo.dropped) == (200, phone.tone, False)
    tone = await phone.call("601", 0.1)
    assert tone.heard == MILLIWATT
    await until(lambda: world.node.up == 0)


async def test_602_rings_before_it_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipfront.demo.node.RINGS", 0.4)
    phone = await world.phone("1001")
    call = await phone.call("602", 0.1)
    assert call.rang is not None
    assert call.setup is not None
    assert call.rang < 0.3 < call.setup


async def test_one_extension_calls_another(world: World) -> None:
    one = await world.registered("1001")
    other = await world.registered("1002", answer_after=0.1)
    call = await one.call("1002", 0.2)
    assert call.heard == other.tone
    assert call.rang is not None
    assert other.answered == 1
    await until(lambda: world.node.up == 0 and other.up == 0)


async def test_all_phones_of_an_extension_ring_and_one_answers(world: World) -> None:
    caller = await world.registered("1001")
    slow = await world.registered("1002", answer_after=5.0)
    fast = await world.registered("1002", answer_after=0.1)
    call = await caller.call("1002", 0.1)
    assert call.heard == fast.tone
    await until(lambda: slow.missed == 1)
    assert slow.answered == 0


@pytest.mark.parametrize(
    ("number", "status"), [("1003", 480), ("777", 404), ("94930", 404), ("1002", 486)]
)
async def test_who_cannot_be_reached(world: World, number: str, status: int) -> None:
    phone = await world.phone("1001")
    busy = await world.registered("1002", lines=0)
    call = await phone.call(number)
    assert call.failed
    assert call.status == status
    assert busy.answered == 0


async def test_a_stranger_calls_nobody(world: World) -> None:
    for password in ("", "wrong"):
        stranger = await world.phone("1001", password=password)
        call = await stranger.call("600")
        assert call.status == (403 if password else 401)


async def test_the_front_s_headers_are_believed_from_the_front_alone(world: World) -> None:
    stranger = await world.phone("1001", password="")
    call = await stranger.call("600", headers=b"X-Sipfront-Trunk: carrier\r\n")
    assert call.status == 401
    world.node.front = stranger.agent.listener.bound
    call = await stranger.call("600", 0.1, headers=b"X-Sipfront-Trunk: carrier\r\n")
    assert call.status == 200
    outbound = await stranger.call("94930", headers=b"X-Sipfront-Trunk: carrier\r\n")
    assert outbound.status == 404  # a trunk reaches extensions, not another trunk


async def test_a_call_to_a_trunk_asks_the_front_for_it(world: World) -> None:
    phone = await world.registered("1001")
    front = await world.phone("front")
    world.node.front = front.agent.listener.bound
    seen = []
    answering = front.requested

    def watch(request):  # type: ignore[no-untyped-def]
        seen.append(request.message)
        answering(request)

    front.agent.user.requested = watch  # type: ignore[method-assign]
    call = await phone.call("94930", 0.1)
    assert call.heard == front.tone
    assert seen[0].uri.startswith(b"sip:4930@")
    assert seen[0].named(b"x-sipfront-trunk") == [b"carrier"]
    assert b"11:5060" not in (seen[0].value(FROM) or b"")  # From betrays no node


async def test_hold_reaches_the_other_phone(world: World) -> None:
    one = await world.registered("1001")
    other = await world.registered("1002")
    audio = await one._audio()
    leg = one.dial("1002", audio)
    assert await leg.wait() == 200
    audio.accept(leg.remote_sdp)
    await until(lambda: audio.received > 3)
    theirs = next(iter(other.audios))
    answer = await leg.offer(audio.describe(b"sendonly"))
    assert answer is not None
    assert answer.status == 200
    assert b"a=recvonly" in answer.body
    assert theirs.direction == b"sendonly"
    answer = await leg.offer(audio.describe())
    assert answer is not None
    assert b"a=sendrecv" in answer.body
    assert (await leg.bye()) is not None
    await until(lambda: other.up == 0)
    audio.close()


async def test_a_caller_who_gives_up_stops_the_ringing(world: World) -> None:
    one = await world.registered("1001")
    other = await world.registered("1002", answer_after=20.0)
    audio = await one._audio()
    leg = one.dial("1002", audio)
    async with asyncio.timeout(3):
        await leg.rang.wait()
    leg.cancel()
    assert await leg.wait() == 487
    await until(lambda: other.missed == 1 and other.up == 0)
    audio.close()


async def test_options_and_what_is_not_spoken_here(world: World) -> None:
    phone = await world.phone("1001")
    for method, status in ((b"OPTIONS", 200), (b"SUBSCRIBE", 405), (b"BYE", 481)):
        answer = await phone.agent.ask(
            method, b"sip:pbx", sender=b"<sip:x@y>;tag=1", to=b"<sip:z@y>", call_id=b"1", cseq=1
        )
        assert answer is not None
        assert answer.status == status


async def test_a_killed_node_is_gone_and_revives_empty(world: World) -> None:
    phone = await world.registered("1001")
    world.node.kill()
    assert await phone.register() == 0
    await world.node.revive()
    assert world.node.registrar.count(0.0) == 0
    assert await phone.register() == 200


async def test_a_frozen_node_answers_when_it_thaws(world: World) -> None:
    phone = await world.phone("1001")
    world.node.freeze()
    task = asyncio.ensure_future(phone.register())
    await until(lambda: phone.agent.counters.get("sent again", 0) >= 2)
    assert not task.done()
    world.node.thaw()
    assert await task == 200


async def test_a_slow_node_is_late(world: World) -> None:
    phone = await world.phone("1001")
    world.node.slow(0.1)
    begun = asyncio.get_running_loop().time()
    assert await phone.register() == 200
    assert asyncio.get_running_loop().time() - begun >= 0.2  # two requests: challenge and proof
    world.node.slow(0.0)


async def test_a_planted_fault_refuses_calls_and_nothing_else(world: World) -> None:
    phone = await world.registered("1001")
    world.node.refusing = 500
    assert (await phone.call("600")).status == 500


async def test_broken_messages_are_answered_or_dropped(world: World) -> None:
    phone = await world.phone("1001")
    agent = world.node.agent
    transport = phone.agent._transport
    assert transport is not None
    for data in (
        b"\0",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKy\r\n\r\n",
        b"INVITE sip:600@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKy\r\n\r\n",
    ):
        transport.sendto(data, world.at)
    await until(lambda: len(agent.counters) >= 2)
    assert await phone.register() == 200


async def test_two_nodes_cannot_have_one_address(world: World) -> None:
    second = DemoNode("second", *world.at, USERS, timing=FAST)
    with pytest.raises(OSError, match="in use"):
        await second.open()


def test_a_bad_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "--listen" in capsys.readouterr().err
