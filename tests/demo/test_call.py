"""Legs of calls where the other side does not do what one hopes (RFC 3261 9, 13, 14, 15)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sipfront.demo.agent import Agent
from sipfront.demo.call import BYE_CAME, CANCELLED, NO_ACK, Incoming
from sipfront.demo.request import Request
from sipfront.sip.message import Message
from tests.demo.conftest import FAST, Peer, request, until


class Callee:
    """Keeps the legs by which it is called."""

    def __init__(self) -> None:
        self.legs: list[Incoming] = []

    def requested(self, request: Request) -> None:
        self.legs.append(Incoming(request))


@pytest.fixture
async def callee(network: str, peer: Peer) -> AsyncIterator[Callee]:
    callee = Callee()
    agent = Agent(f"{network}.1", 5060, callee, timing=FAST)
    await agent.open()
    await peer.open((f"{network}.1", 5060))
    yield callee
    agent.close()


async def called(callee: Callee, peer: Peer) -> Incoming:
    peer.say(request(peer, "INVITE"))
    await until(lambda: callee.legs)
    return callee.legs[0]


async def established(callee: Callee, peer: Peer) -> tuple[Incoming, str]:
    leg = await called(callee, peer)
    assert leg.accept(b"v=0")
    answer = await peer.hear(status=200)
    tag = answer.to_tag.decode()
    peer.say(request(peer, "ACK", to_tag=tag))
    await until(lambda: leg._unacked is None)
    return leg, tag


async def test_a_2xx_is_repeated_until_its_ack(callee: Callee, peer: Peer) -> None:
    leg = await called(callee, peer)
    leg.accept(b"v=0")
    answers = [await peer.hear(status=200) for _ in range(3)]
    assert len({answer.data for answer in answers}) == 1
    peer.say(request(peer, "ACK", to_tag=answers[0].to_tag.decode()))
    await until(lambda: not leg._tasks)
    assert leg.up


async def test_without_an_ack_it_is_ended_by_bye(callee: Callee, peer: Peer) -> None:
    leg = await called(callee, peer)
    leg.accept(b"v=0")
    bye = await peer.hear(b"BYE", limit=8.0)
    peer.answer(bye, 200)
    await until(lambda: leg.why == NO_ACK)


async def test_a_cancel_ends_what_is_not_answered(callee: Callee, peer: Peer) -> None:
    leg = await called(callee, peer)
    leg.ring()
    await peer.hear(status=180)
    peer.say(request(peer, "CANCEL").replace(b"bKCANCEL", b"bKINVITE"))
    await peer.hear(status=487)
    assert leg.why == CANCELLED
    assert not leg.accept(b"v=0")


async def test_a_bye_before_the_answer_ends_the_invite_too(callee: Callee, peer: Peer) -> None:
    leg = await called(callee, peer)
    leg.ring()
    ringing = await peer.hear(status=180)
    peer.say(request(peer, "BYE", cseq=2, to_tag=ringing.to_tag.decode()))
    assert {(await peer.heard.get()).status for _ in range(2)} == {200, 487}
    assert leg.why == BYE_CAME


async def test_requests_of_another_or_out_of_order_change_nothing(
    callee: Callee, peer: Peer
) -> None:
    leg, tag = await established(callee, peer)
    peer.say(request(peer, "BYE", cseq=2, to_tag=tag).replace(b"tag=mine", b"tag=other"))
    await peer.hear(status=481)
    peer.say(request(peer, "BYE", cseq=1, to_tag=tag))
    await peer.hear(status=500)
    assert leg.up
    peer.say(request(peer, "BYE", cseq=3, to_tag=tag))
    await peer.hear(status=200)
    assert leg.why == BYE_CAME


async def test_offers_inside_the_dialog(callee: Callee, peer: Peer) -> None:
    leg, tag = await established(callee, peer)
    peer.say(request(peer, "INVITE", cseq=2, to_tag=tag))
    await peer.hear(status=488)  # nobody wants offers
    peer.say(request(peer, "ACK", cseq=2, to_tag=tag).replace(b"bKACK2", b"bKINVITE2"))
    slow = asyncio.Event()

    async def answer(offer: bytes) -> bytes | None:
        await slow.wait()
        return b"v=0"

    leg.on_offer = answer
    peer.say(request(peer, "INVITE", cseq=3, to_tag=tag))
    peer.say(request(peer, "INVITE", cseq=4, to_tag=tag))
    await peer.hear(status=491)  # one at a time
    slow.set()
    accepted = await peer.hear(status=200)
    assert accepted.cseq == 3
    peer.say(request(peer, "ACK", cseq=3, to_tag=tag))
    await until(lambda: leg._unacked is None)


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", 200), ("INFO", 200), ("UPDATE", 200), ("REFER", 405)]
)
async def test_other_requests_in_the_dialog(
    callee: Callee, peer: Peer, method: str, status: int
) -> None:
    _, tag = await established(callee, peer)
    peer.say(request(peer, method, cseq=2, to_tag=tag))
    assert (await peer.hear(status=status)).cseq_method == method.encode()


async def test_our_offer_is_acknowledged_and_a_481_to_it_is_the_end(
    callee: Callee, peer: Peer
) -> None:
    leg, _ = await established(callee, peer)
    offering: asyncio.Task[Message | None] = asyncio.ensure_future(leg.offer(b"v=0"))
    invite = await peer.hear(b"INVITE")
    peer.answer(invite, 200, body=b"v=1")
    ack = await peer.hear(b"ACK")
    assert ack.cseq == invite.cseq
    assert (await offering) is not None
    assert leg.remote_sdp == b"v=1"
    offering = asyncio.ensure_future(leg.offer(b"v=0"))
    peer.answer(await peer.hear(b"INVITE"), 481)
    await offering
    assert leg.ended.is_set()
