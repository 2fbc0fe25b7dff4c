"""Tones: made for the ears of phones, and told apart in what was recorded (Goertzel).

A recording is read while it is still being written: a WAV file of 16-bit mono samples, whose
header is ignored but for the sampling rate.  A tone is heard when it carries most of the energy of
a slice; silence is its own answer.  Imports nothing of sipfront.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
import wave
from array import array
from collections.abc import Iterable
from pathlib import Path

#: The tones of the lab, in Hz: far enough apart for a slice of 100 ms.  1004 is Asterisk's
#: milliwatt, 440 its early media, 600 its prompts, 700 its music on hold, 800 its voicemail.
TONES = (350, 440, 520, 600, 700, 800, 1004, 1200, 1450, 1700, 2000, 2300)
#: Below this mean amplitude (of 32767) a slice counts as silence.
QUIET = 200.0
#: The part of a slice's energy that a tone must carry to be heard.  A codec and a jump in the
#: middle of the slice cost some of it.
PURE = 0.6
HEADER = 44


def write_tone(path: Path, frequency: int, seconds: float, rate: int = 8000) -> None:
    """Write a WAV file with one tone; whole periods, so that it can be played in a loop."""
    count = round(seconds * rate)
    samples = array(
        "h", (round(9000 * math.sin(2 * math.pi * frequency * i / rate)) for i in range(count))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


def power(samples: array[int], frequency: float, rate: int) -> float:
    """Return the part of the energy of ``samples`` at ``frequency``, 0 to 1 (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    energy = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
        energy += sample * sample
    if not energy:
        return 0.0
    magnitude = last * last + before * before - factor * last * before
    return min(1.0, 2 * magnitude / (energy * len(samples)))


def which(samples: array[int], rate: int, tones: Iterable[int] = TONES) -> int | None:
    """Return the tone that is heard: a frequency, 0 for silence, None for anything else."""
    if not samples:
        return 0
    mean = math.fsum(abs(sample) for sample in samples) / len(samples)
    if mean < QUIET:
        return 0
    strongest = max(tones, key=lambda tone: power(samples, tone, rate))
    return strongest if power(samples, strongest, rate) >= PURE else None


class Recording:
    """A WAV file that a phone is writing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Return how many octets of samples are written by now."""
        try:
            return max(0, self.path.stat().st_size - HEADER)
        except FileNotFoundError:
            return 0

    def rate(self) -> int:
        """Return the sampling rate that the header names."""
        with self.path.open("rb") as file:
            head = file.read(HEADER)
        return int(struct.unpack_from("<I", head, 24)[0])

    def samples(self, start: int, end: int | None = None) -> array[int]:
        """Return the samples from octet ``start`` on."""
        with self.path.open("rb") as file:
            file.seek(HEADER + start - start % 2)
            data = file.read() if end is None else file.read(end - start)
        return array("h", data[: len(data) - len(data) % 2])

    def heard(self, start: int = 0, slice_seconds: float = 0.1) -> list[tuple[float, int | None]]:
        """Return what was heard since octet ``start``: (seconds, tone) of each change."""
        if not self.size():
            return []
        rate = self.rate()
        step = max(1, int(rate * slice_seconds))
        samples = self.samples(start)
        found: list[tuple[float, int | None]] = []
        for at in range(0, len(samples) - step + 1, step):
            tone = which(samples[at : at + step], rate)
            if not found or found[-1][1] != tone:
                found.append((at / rate, tone))
        return found

    async def hears(self, tone: int, seconds: float = 0.3, limit: float = 5.0) -> float:
        """Wait until ``tone`` has been heard, from now on, for ``seconds`` without a break.

        Returns how long it took.  Raises AssertionError, with what was heard, after ``limit``.
        """
        begun = time.monotonic()
        start = self.size()
        while True:
            if self.size() and _lasts(self.heard(start), tone, seconds, self._length(start)):
                return time.monotonic() - begun
            if time.monotonic() - begun > limit:
                heard = self.heard(start)
                raise AssertionError(f"{self.path.name}: waited for {tone} Hz, heard {heard}")
            await asyncio.sleep(0.05)

    def _length(self, start: int) -> float:
        return (self.size() - start) / 2 / self.rate()


def _lasts(heard: list[tuple[float, int | None]], tone: int, seconds: float, length: float) -> bool:
    if not heard:
        return False
    ends = [*(at for at, _ in heard[1:]), length]
    return any(
        what == tone and end - at >= seconds for (at, what), end in zip(heard, ends, strict=True)
    )
