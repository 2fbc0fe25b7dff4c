"""PCMU (ITU-T G.711) and tones: made octet by octet, and told apart again (Goertzel).

Only what probes and the demonstration need: a tone is a whole number of hertz, so one second of it
repeats without a seam, and a listener knows beforehand which tones there may be.  Imports nothing.
"""

from __future__ import annotations

import math
from functools import cache

RATE = 8000  #: samples a second
FRAME = 160  #: octets of one packet: 20 ms

#: What a test extension of a PBX plays (the demonstration's is 601), and what each simulated phone
#: and trunk "says", in hertz: so far apart that 100 ms tell them from one another.
MILLIWATT = 1004
VOICES = (440, 560, 680, 800, 1200, 1450, 1700, 2000, 2300)
#: The mean amplitude (of 32767) below which a slice is silence.
QUIET = 200
#: The part of a slice's energy that a tone must carry to be heard.
PURE = 0.6

_BIAS = 0x84
_CLIP = 32635


def encode(sample: int) -> int:
    """One 16-bit sample as mu-law octet (G.711 table 2a)."""
    sign = 0x80 if sample < 0 else 0
    size = min(abs(sample), _CLIP) + _BIAS
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | size >> (exponent + 3) & 0x0F) & 0xFF


def _decode(octet: int) -> int:
    octet = ~octet & 0xFF
    size = ((octet & 0x0F) << 3 | _BIAS) << (octet >> 4 & 0x07)
    return _BIAS - size if octet & 0x80 else size - _BIAS


#: Octet -> sample.
DECODED = tuple(_decode(octet) for octet in range(256))
#: One packet of nothing.
SILENCE = bytes((encode(0),)) * FRAME


@cache
def frames(frequency: int) -> tuple[bytes, ...]:
    """One second of a tone as packets; played again and again it has no seam."""
    step = 2 * math.pi * frequency / RATE
    data = bytes(encode(round(9000 * math.sin(step * index))) for index in range(RATE))
    return tuple(data[at : at + FRAME] for at in range(0, RATE, FRAME))


def which(data: bytes, among: tuple[int, ...] = (*VOICES, MILLIWATT)) -> int | None:
    """The tone that is heard in PCMU octets, 0 for silence, None for anything else."""
    samples = [DECODED[octet] for octet in data]
    if not samples or sum(map(abs, samples)) < QUIET * len(samples):
        return 0
    energy = sum(sample * sample for sample in samples)
    power, tone = max((_power(samples, tone), tone) for tone in among)
    return tone if 2 * power >= PURE * energy * len(samples) else None


def _power(samples: list[int], frequency: int) -> float:
    """The energy at one frequency (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * frequency / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return last * last + before * before - factor * last * before
