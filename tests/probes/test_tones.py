"""PCMU is G.711, and each tone is told from all others."""

from hypothesis import given
from hypothesis import strategies as st

from probes import tones


def test_the_corners_of_g711() -> None:
    assert tones.encode(0) == 0xFF
    assert tones.encode(32767) == 0x80
    assert tones.encode(-32768) == 0x00
    assert tones.DECODED[0xFF] == 0
    assert tones.DECODED[0x80] == 32124
    assert tones.DECODED[0x00] == -32124


@given(st.integers(-32635, 32635))
def test_what_is_decoded_is_near(sample: int) -> None:
    back = tones.DECODED[tones.encode(sample)]
    assert abs(back - sample) <= max(8, abs(sample) // 16)


def test_every_octet_survives() -> None:
    # 0x7F is a negative zero: it is written as the positive one.
    assert all(tones.encode(tones.DECODED[octet]) == octet for octet in range(256) if octet != 0x7F)


def test_every_tone_is_known_in_any_slice() -> None:
    for tone in (*tones.VOICES, tones.MILLIWATT):
        packets = tones.frames(tone)
        assert len(packets) == 50
        assert {len(packet) for packet in packets} == {tones.FRAME}
        for at in (0, 7, 45):
            assert tones.which(b"".join(packets[at : at + 5])) == tone


def test_silence_and_noise_are_no_tone() -> None:
    assert tones.which(tones.SILENCE * 5) == 0
    assert tones.which(b"") == 0
    mixed = [
        tones.encode((tones.DECODED[a] + tones.DECODED[b]) // 2)
        for a, b in zip(
            b"".join(tones.frames(440)[:5]), b"".join(tones.frames(2000)[:5]), strict=True
        )
    ]
    assert tones.which(bytes(mixed)) is None
