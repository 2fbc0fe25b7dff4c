"""The user agent's shell: matching, answering, freezing, dying; what it says is seen at a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sipfront.demo.agent import Agent
from sipfront.demo.request import Request
from sipfront.sip.headers import VIA
from tests.demo.conftest import FAST, Peer, request, until


class Keeper:
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200

    def requested(self, request: Request) -> None:
        self.requests.append(request)
        if self.status:
            request.reply(self.status)


@pytest.fixture
async def agent(network: str, peer: Peer) -> AsyncIterator[Agent]:
    agent = Agent(f"{network}.1", 5060, Keeper(), timing=FAST)
    await agent.open()
    await peer.open((f"{network}.1", 5060))
    yield agent
    agent.close()


def keeper(agent: Agent) -> Keeper:
    assert isinstance(agent.user, Keeper)
    return agent.user


async def ask(agent: Agent, peer: Peer) -> asyncio.Task[object]:
    question = agent.ask(
        b"OPTIONS",
        f"sip:{peer.host}".encode(),
        sender=b"<sip:a@b>;tag=1",
        to=b"<sip:c@d>",
        call_id=b"1",
        cseq=7,
    )
    task: asyncio.Task[object] = asyncio.get_running_loop().create_task(question)
    await asyncio.sleep(0)
    return task


async def test_a_question_is_repeated_until_it_is_answered(agent: Agent, peer: Peer) -> None:
    task = await ask(agent, peer)
    first = await peer.hear(b"OPTIONS")
    again = await peer.hear(b"OPTIONS")
    assert first.data == again.data
    peer.answer(again, 100)
    peer.answer(again, 486)
    answer = await task
    assert getattr(answer, "status", 0) == 486


async def test_no_answer_is_none(agent: Agent, peer: Peer) -> None:
    task = await ask(agent, peer)
    assert await task is None
    assert not agent._clients


async def test_a_question_that_comes_twice_is_asked_once(agent: Agent, peer: Peer) -> None:
    for _ in range(2):
        peer.say(request(peer, "OPTIONS"))
        answer = await peer.hear(status=200)
    assert len(keeper(agent).requests) == 1
    # RFC 3581: no rport was asked for, and the sent-by is true.
    assert b"received" not in (answer.value(VIA) or b"")


async def test_an_unknown_dialog_is_481_and_a_stray_ack_is_nothing(
    agent: Agent, peer: Peer
) -> None:
    peer.say(request(peer, "ACK", to_tag="none"))
    peer.say(request(peer, "BYE", to_tag="none"))
    await peer.hear(status=481)
    assert agent.counters == {"stray ACK": 1}
    assert keeper(agent).requests == []


async def test_an_invite_that_takes_long_gets_a_100(agent: Agent, peer: Peer) -> None:
    keeper(agent).status = 0
    peer.say(request(peer, "INVITE"))
    await peer.hear(status=100)
    keeper(agent).requests[0].reply(603)
    await peer.hear(status=603)
    await peer.hear(status=603)  # again, until the ACK
    peer.say(request(peer, "ACK").replace(b"bKACK", b"bKINVITE"))
    await until(lambda: all(tx.resend_at == 0.0 for tx in agent._layer.servers.values()))


async def test_a_cancel_is_answered_and_told(agent: Agent, peer: Peer) -> None:
    keeper(agent).status = 0
    peer.say(request(peer, "INVITE"))
    await until(lambda: keeper(agent).requests)
    told = []
    keeper(agent).requests[0].on_cancel = lambda: told.append(True)
    peer.say(request(peer, "CANCEL").replace(b"bKCANCEL", b"bKINVITE"))
    await peer.hear(status=200)
    assert told == [True]
    peer.say(request(peer, "CANCEL", cseq=9))
    await peer.hear(status=481)


async def test_what_is_frozen_waits_and_is_bounded(agent: Agent, peer: Peer) -> None:
    agent.freeze()
    for number in range(300):
        agent.datagram_received(request(peer, "OPTIONS", cseq=number), (peer.host, 5060))
    assert keeper(agent).requests == []
    agent.thaw()
    assert len(keeper(agent).requests) == 200  # what a socket's buffer holds


async def test_whoever_is_closed_tells_those_who_wait(agent: Agent, peer: Peer) -> None:
    task = await ask(agent, peer)
    agent.close()
    assert await task is None
    assert not agent.alive


async def test_malformed_is_answered_and_garbage_is_not(agent: Agent, peer: Peer) -> None:
    peer.say(b"nothing of the kind\r\n\r\n")
    peer.say(request(peer, "OPTIONS").replace(b"Length: 0", b"Length: none"))
    await peer.hear(status=400)
    assert sum(agent.counters.values()) == 2
