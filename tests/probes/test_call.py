from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from probes.audio import Audio
from probes.call import call
from probes.target import Account
from sipfront.demo.node import DemoNode
from sipfront.sip.message import Message
from sipfront.sip.reply import reply
from tests.probes.peers import answer, sip_peer, until

PROBE = Account("1009", "secret")
QUIET = b"v=0\r\no=- 1 1 IN IP4 127.8.43.9\r\ns=-\r\nc=IN IP4 127.8.43.9\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
SDP = b"Contact: <sip:peer@127.8.41.1:5060>\r\nContent-Type: application/sdp\r\n"


@pytest.fixture
async def node() -> AsyncIterator[DemoNode]:
    made = DemoNode("pbx", "127.8.43.1", 5060, {"1009": "secret"})
    await made.open()
    yield made
    made.kill()


async def test_the_echo_is_heard_and_the_call_ends(node: DemoNode) -> None:
    result = await call("sip:600@127.8.43.1", PROBE, local="127.8.43.2")
    assert result.good, result
    assert (result.details["lost_back"], result.details["lost_there"]) == (0, 0)
    assert result.details["clear"] == 1.0
    await until(lambda: not node.up)


async def test_the_tone_is_heard_and_another_is_not(node: DemoNode) -> None:
    assert (await call("sip:601@127.8.43.1", PROBE, hear=1004, audio=0.3)).good
    other = await call("sip:601@127.8.43.1", PROBE, hear=1700, audio=0.3)
    assert other.good is False
    assert "the tone of 1700 Hz is not heard" in other.text
    no_echo = await call("sip:601@127.8.43.1", PROBE, audio=0.3)
    assert no_echo.good is False
    assert "echo" in no_echo.text or "lost" in no_echo.text


@pytest.mark.parametrize(
    ("extension", "account", "text"),
    [
        ("777", PROBE, "404"),
        ("600", Account("1009", "wrong"), "403"),
        ("600", None, "wants credentials"),
    ],
)
async def test_what_is_refused(
    node: DemoNode, extension: str, account: Account | None, text: str
) -> None:
    result = await call(f"sip:{extension}@127.8.43.1", account)
    assert result.good is False
    assert text in result.text


async def test_options_alive_and_no_call(node: DemoNode) -> None:
    node.refusing = 500
    assert (await call("sip:600@127.8.43.1", PROBE)).good is False
    node.freeze()
    frozen = await call("sip:600@127.8.43.1", PROBE, timeout=0.2)
    assert (frozen.good, frozen.text) == (False, "no answer to INVITE in time")
    node.thaw()


async def test_an_answer_without_a_packet_is_bad_and_hung_up() -> None:
    async with sip_peer(answer(200, SDP, QUIET)) as (peer, at):
        result = await call(f"sip:600@{at}", audio=0.1)
        assert result.good is False
        assert "not one packet of audio" in result.text
        await until(lambda: peer.methods[-1:] == [b"BYE"])
    assert peer.methods == [b"INVITE", b"ACK", b"BYE"]
    assert b"X-Sipfront-Probe: 1\r\n" in peer.asked[0].data
    assert peer.asked[-1].to_tag == b"peer"
    assert peer.asked[-1].uri == b"sip:peer@127.8.41.1:5060"


@pytest.mark.parametrize(("status", "good"), [(503, None), (486, None), (404, False), (488, False)])
async def test_busy_says_nothing(status: int, good: bool | None) -> None:
    async with sip_peer(answer(status)) as (peer, at):
        assert (await call(f"sip:600@{at}")).good is good
        await until(lambda: peer.methods == [b"INVITE", b"ACK"])


def ringing(final: int) -> tuple[list[Message], object]:
    kept: list[Message] = []

    def answers(message: Message) -> list[bytes]:
        if message.method == b"INVITE":
            kept.append(message)
            return [reply(message, 180, to_tag=b"peer")]
        if message.method == b"CANCEL":
            done = reply(kept[0], final, to_tag=b"peer", extra=SDP, body=QUIET)
            return [reply(message, 200), done]
        return [] if message.method == b"ACK" else [reply(message, 200)]

    return kept, answers


@pytest.mark.parametrize(
    ("final", "after"),
    [(487, [b"CANCEL", b"ACK"]), (200, [b"CANCEL", b"ACK", b"BYE"])],
)
async def test_what_rings_is_not_left_behind(final: int, after: list[bytes]) -> None:
    _, answers = ringing(final)
    async with sip_peer(answers) as (peer, at):  # type: ignore[arg-type]
        result = await call(f"sip:600@{at}", timeout=0.3)
        assert (result.good, result.text) == (False, "rings, but is not answered in time")
        await until(lambda: peer.methods == [b"INVITE", *after])


async def test_a_cancelled_probe_hangs_up() -> None:
    async with sip_peer(answer(200, SDP, QUIET)) as (peer, at):
        task = asyncio.create_task(call(f"sip:600@{at}", audio=5))
        await until(lambda: b"ACK" in peer.methods)
        task.cancel()
        await until(lambda: b"BYE" in peer.methods)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_without_a_port_for_audio_nothing_is_left_open() -> None:
    with pytest.raises(OSError, match="assign"):
        await Audio("192.0.2.77").open()
