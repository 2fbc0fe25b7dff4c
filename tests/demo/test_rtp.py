"""Two ends hear one another, hold is silence, and SDP is offered and answered (RFC 3264)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sipfront.demo.rtp import Audio, Metronome
from sipfront.sip import sdp
from tests.demo.conftest import until


@pytest.fixture
async def pair(network: str) -> AsyncIterator[tuple[Audio, Audio]]:
    metronome = Metronome()
    one = Audio(metronome, f"{network}.1", 440)
    other = Audio(metronome, f"{network}.2", 800)
    for audio in (one, other):
        await audio.open()
    yield one, other
    for audio in (one, other):
        audio.close()


async def test_both_hear_the_other(pair: tuple[Audio, Audio]) -> None:
    one, other = pair
    answer = other.answer(one.describe())
    assert answer is not None
    assert one.accept(answer)
    async with asyncio.timeout(3):
        await one.sounded.wait()
        await other.sounded.wait()
    assert (one.heard, other.heard) == (800, 440)


async def test_an_echo_gives_back_what_it_gets(network: str) -> None:
    metronome = Metronome()
    one = Audio(metronome, f"{network}.1", 560)
    echo = Audio(metronome, f"{network}.2", echo=True)
    await one.open()
    await echo.open()
    answer = echo.answer(one.describe())
    assert answer is not None
    assert one.accept(answer)
    async with asyncio.timeout(3):
        await one.sounded.wait()
    assert one.heard == 560
    one.close()
    echo.close()


async def test_whoever_is_held_says_nothing(pair: tuple[Audio, Audio]) -> None:
    one, other = pair
    one.accept(other.answer(one.describe()) or b"")
    await until(lambda: one.received > 3 and other.received > 3)
    answer = other.answer(one.describe(b"sendonly"))
    assert sdp.parse(answer or b"").media[0].direction == b"recvonly"
    sent = other.sent
    before = other.received
    await until(lambda: other.received > before + 3)  # the holder's music goes on
    assert other.sent == sent
    assert b"a=inactive" in (other.answer(one.describe(b"inactive")) or b"")
    other.answer(one.describe())
    await until(lambda: other.sent > sent)


async def test_ports_are_even_and_versions_rise(pair: tuple[Audio, Audio]) -> None:
    one, _ = pair
    assert one.port % 2 == 0
    first, second = sdp.parse(one.describe()), sdp.parse(one.describe())
    assert int(second.version) == int(first.version) + 1
    assert first.session == second.session


@pytest.mark.parametrize(
    "body",
    [
        b"no sdp at all",
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=audio 4000 RTP/AVP 8\r\n"
        ),
        (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=video 4000 RTP/AVP 0\r\n"
        ),
    ],
)
async def test_what_cannot_be_spoken_is_not_answered(
    pair: tuple[Audio, Audio], body: bytes
) -> None:
    assert pair[0].answer(body) is None


async def test_an_invite_without_an_offer_gets_one(pair: tuple[Audio, Audio]) -> None:
    one, other = pair
    offer = one.answer(b"")
    assert offer is not None
    answer = other.answer(offer)
    assert answer is not None
    assert one.accept(answer)


async def test_garbage_is_not_heard(pair: tuple[Audio, Audio]) -> None:
    one, _ = pair
    for data in (b"", b"\x80" * 12, b"\x00" * 200, b"\x80\x60" + b"\0" * 200):
        one.datagram_received(data, ("127.0.0.1", 9))
    assert one.received == 0
