"""A tone for scenarios that send audio: one second of a sine in G.711 µ-law, 8,000 octets.

Values only.  A whole number of periods fits into the second, so that it can be repeated without a
click.
"""

from __future__ import annotations

import math

#: The file name by which a scenario asks for the tone.
TONE_FILE = "tone.ulaw"
RATE = 8000  # samples a second of PCMU (RFC 3551 4.5.14)
#: Hz: within the telephone band, and no frequency of dial or ringing tones.
FREQUENCY = 1000
#: Peak of 32,767: loud, and far from clipping.
PEAK = 12_000


def ulaw_tone(frequency: int = FREQUENCY) -> bytes:
    """One second of ``frequency`` Hz."""
    step = 2 * math.pi * frequency / RATE
    return bytes(ulaw(round(PEAK * math.sin(step * n))) for n in range(RATE))


def ulaw(sample: int) -> int:
    """One 16-bit sample as µ-law (ITU-T G.711): sign, 3 bits of exponent, 4 of mantissa, inverted."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32_635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF
