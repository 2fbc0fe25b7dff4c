from __future__ import annotations

import struct

import pytest

from probes import tones
from probes.audio import Audio
from probes.result import Bad


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, 0, 7) + payload


def fed(numbers: list[int], tone: int = 1200) -> Audio:
    audio = Audio("127.0.0.1")
    frames = tones.frames(tone) if tone else (tones.SILENCE,)
    for number in numbers:
        audio.datagram_received(packet(number, frames[number % len(frames)]), None)
    return audio


def test_nothing_came() -> None:
    audio = fed([])
    assert (audio.received, audio.lost_back(), audio.lost_there(), audio.tone(1200)) == (0, 1, 1, 0)


def test_losses_each_way_past_the_wrap() -> None:
    audio = fed([65534, 65535, 0, 1, 3, 4, 5, 6, 7])
    audio.sent = 20
    assert audio.lost_back() == pytest.approx(0.1)
    assert audio.lost_there() == pytest.approx(0.5)


def test_the_tone_is_told_from_others_and_from_silence() -> None:
    numbers = list(range(30))
    assert fed(numbers).tone(1200) == 1.0
    assert fed(numbers, 1004).tone(1200) == 0.0
    assert fed(numbers, 0).tone(1200) == 0.0


def test_order_and_repetition_do_not_matter() -> None:
    assert fed([2, 1, 0, 3, 4, 4, 3, *range(5, 25)]).tone(1200) == 1.0


def test_garbage_is_no_audio() -> None:
    audio = Audio("127.0.0.1")
    for data in (b"", b"\x80\0", packet(1, b""), b"\x00" * 40, b"\x80\x65" + b"x" * 40):
        audio.datagram_received(data, None)
    assert audio.received == 0


def test_what_an_answer_may_say() -> None:
    head = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n"
    good = head + b"c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    assert Audio.answered(good) == ("10.0.0.1", 4000)
    for bad in (
        b"",
        b"nonsense",
        head + b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        good.replace(b"4000", b"0"),
        good.replace(b"AVP 0", b"AVP 8"),
        good.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 0.0.0.0"),
    ):
        with pytest.raises(Bad):
            Audio.answered(bad)


async def test_the_offer_is_read_by_ourselves() -> None:
    audio = Audio("127.0.0.1")
    await audio.open()
    try:
        assert audio.port % 2 == 0
        assert Audio.answered(audio.offer()) == ("127.0.0.1", audio.port)
    finally:
        audio.close()
