"""Sounds that can be found again in decoded audio, however a codec has treated them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from .makers import RATE, Samples

MARKER_S: Final = 0.3
APART_S: Final = 0.25  # between a marker and the ends of its piece
LIKE: Final = 0.35  # of correlation; another marker gives less than 0.1
BAND_HZ: Final = 3000  # of a marker: every codec keeps that


@cache
def marker(number: int) -> npt.NDArray[np.float64]:
    """Noise of its own, below `BAND_HZ`."""
    spectrum = np.fft.rfft(np.random.default_rng(number).standard_normal(round(MARKER_S * RATE)))
    spectrum[round(BAND_HZ * MARKER_S) :] = 0
    noise = np.fft.irfft(spectrum, round(MARKER_S * RATE))
    return noise / np.abs(noise).max()


def sound(pieces_s: Sequence[float], *, first: int = 0) -> Samples:
    """The pieces, each with a marker; they are numbered from `first`."""
    parts = []
    for number, piece_s in enumerate(pieces_s, first):
        part = np.zeros(round(piece_s * RATE))
        begin = round(APART_S * RATE)
        part[begin : begin + round(MARKER_S * RATE)] = 20_000 * marker(number)
        parts.append(part)
    return np.concatenate(parts).astype(np.int16)


def place(pcm: npt.NDArray[np.float64], number: int) -> tuple[float, float]:
    """Where in the sound the marker is most alike, in seconds, and how much; (0, 0) if the sound is too short."""
    own = marker(number)
    if len(pcm) <= len(own):
        return 0.0, 0.0
    size = 1 << (len(pcm) + len(own)).bit_length()
    products = np.fft.irfft(np.fft.rfft(pcm, size) * np.fft.rfft(own, size).conj(), size)[: len(pcm) - len(own) + 1]
    power = np.concatenate(([0.0], np.cumsum(np.square(pcm))))
    energy = power[len(own) :] - power[: -len(own)]
    floor = max(float(energy.max()) * 1e-3, 1.0)
    likeness = products / np.sqrt(np.maximum(energy, floor) * np.square(own).sum())
    best = int(likeness.argmax())
    return best / RATE, float(likeness[best])
