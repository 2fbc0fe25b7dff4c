"""A leg by which we call: challenges, forks, and the race between CANCEL and 2xx."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sipfront.demo.agent import Agent
from sipfront.demo.calling import Outgoing
from sipfront.demo.request import Request
from sipfront.sip.headers import AUTHORIZATION
from sipfront.sip.reply import reply
from tests.demo.conftest import FAST, Peer, until


class Nobody:
    def requested(self, request: Request) -> None:
        request.reply(480)


@pytest.fixture
async def agent(network: str, peer: Peer) -> AsyncIterator[Agent]:
    agent = Agent(f"{network}.1", 5060, Nobody(), timing=FAST)
    await agent.open()
    await peer.open((f"{network}.1", 5060))
    yield agent
    agent.close()


def call(agent: Agent, peer: Peer, **more: object) -> Outgoing:
    login = (b"me", b"secret") if more.get("login") else None
    return Outgoing(agent, f"sip:x@{peer.host}".encode(), b"<sip:me@here>", b"v=0", login=login)


async def test_a_call_is_made_and_ended(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    invite = await peer.hear(b"INVITE")
    peer.answer(invite, 180)
    await until(leg.rang.is_set)
    peer.answer(invite, 200, body=b"v=1")
    ack = await peer.hear(b"ACK")
    assert await leg.wait() == 200
    assert ack.uri == f"sip:{peer.host}:5060".encode()  # the Contact, not what was dialled
    assert ack.to_tag == b"them"
    peer.answer(invite, 200, body=b"v=1")
    assert (await peer.hear(b"ACK")).data == ack.data
    leg.hang_up()
    bye = await peer.hear(b"BYE")
    assert bye.cseq == invite.cseq + 1
    peer.answer(bye, 200)
    await until(lambda: not leg._tasks)


async def test_a_challenge_is_answered_with_a_new_branch_and_cseq(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer, login=True)
    first = await peer.hear(b"INVITE")
    extra = b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"\r\n'
    peer.say(reply(first, 401, to_tag=b"t", extra=extra))
    await peer.hear(b"ACK")
    second = await peer.hear(b"INVITE")
    assert second.cseq == first.cseq + 1
    assert second.call_id == first.call_id
    assert b"SHA-256" in (second.value(AUTHORIZATION) or b"")
    for _ in range(2):  # whoever asks again and again is not told for ever
        peer.say(reply(second, 401, to_tag=b"t", extra=extra))
        await peer.hear(b"ACK")
        if leg.final.is_set():
            break
        second = await peer.hear(b"INVITE")
    await until(leg.final.is_set)
    assert leg.status == 401


async def test_a_second_fork_is_acknowledged_and_ended(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    invite = await peer.hear(b"INVITE")
    peer.answer(invite, 200, b"one", body=b"v=1")
    peer.answer(invite, 200, b"two", body=b"v=2")
    acks = [await peer.hear(b"ACK") for _ in range(2)]
    assert {ack.to_tag for ack in acks} == {b"one", b"two"}
    bye = await peer.hear(b"BYE")
    assert bye.to_tag == b"two"
    peer.answer(bye, 200)
    assert leg.up
    assert leg.remote_sdp == b"v=1"


async def test_cancel_waits_for_a_provisional_answer(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    invite = await peer.hear(b"INVITE")
    leg.cancel()
    peer.answer(invite, 100)
    cancel = await peer.hear(b"CANCEL")
    assert (cancel.cseq, cancel.uri) == (invite.cseq, invite.uri)
    peer.answer(cancel, 200)
    peer.answer(invite, 487)
    await peer.hear(b"ACK")
    assert await leg.wait() == 487


async def test_a_2xx_that_crosses_the_cancel_is_ended(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    invite = await peer.hear(b"INVITE")
    peer.answer(invite, 180)
    await until(leg.rang.is_set)
    leg.cancel()
    peer.answer(invite, 200, body=b"v=1")
    await peer.hear(b"ACK")
    peer.answer(await peer.hear(b"BYE"), 200)
    assert await leg.wait() == 487
    assert not leg.up


async def test_nobody_answers(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    assert await leg.wait() == 0
    assert not agent.dialogs


async def test_a_route_set_is_followed(agent: Agent, peer: Peer) -> None:
    leg = call(agent, peer)
    invite = await peer.hear(b"INVITE")
    route = f"<sip:{peer.host};lr;hop=1>, <sip:127.0.0.77;lr;hop=2>".encode()
    extra = b"Record-Route: %b\r\nContact: <sip:far@127.0.0.78>\r\n" % route
    peer.say(reply(invite, 200, to_tag=b"t", extra=extra))
    # Reversed, the far hop comes first; this peer is not it, so the ACK goes elsewhere.
    assert await leg.wait() == 200
    assert leg.dialog is not None
    assert leg.dialog.routes.startswith(b"<sip:127.0.0.77;lr")
    data = leg.dialog.request(b"BYE", b"SIP/2.0/UDP x", 9)
    assert b"Route: <sip:127.0.0.77;lr;hop=2>, <sip:" in data
    assert data.startswith(b"BYE sip:far@127.0.0.78 SIP/2.0")
