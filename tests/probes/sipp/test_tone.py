from __future__ import annotations

import cmath
import math

import pytest

from probes.sipp.tone import FREQUENCY, PEAK, RATE, ulaw, ulaw_tone


def linear(octet: int) -> int:
    """G.711 the other way round, written from the table of the standard."""
    value = ~octet & 0xFF
    magnitude = (((value & 0x0F) << 3) + 132 << (value >> 4 & 7)) - 132
    return -magnitude if value & 0x80 else magnitude


@pytest.mark.parametrize(("sample", "octet"), [(0, 0xFF), (32_635, 0x80), (-32_635, 0x00)])
def test_the_corners_of_the_law(sample: int, octet: int) -> None:
    assert ulaw(sample) == octet


def test_a_sample_survives_within_the_step_of_its_segment() -> None:
    for sample in range(-32_000, 32_000, 97):
        assert abs(linear(ulaw(sample)) - sample) <= max(8, abs(sample) / 16)


def test_the_tone_is_there_and_nothing_else() -> None:
    samples = [linear(octet) for octet in ulaw_tone()]
    assert len(samples) == RATE

    def strength(frequency: int) -> float:
        turn = cmath.exp(-2j * math.pi * frequency / RATE)
        return abs(sum(s * turn**n for n, s in enumerate(samples))) * 2 / RATE

    assert strength(FREQUENCY) == pytest.approx(PEAK, rel=0.02)
    assert strength(440) < PEAK / 100
