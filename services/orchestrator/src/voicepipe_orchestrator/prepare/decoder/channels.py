"""Mixes the channels of a recording, and judges whether two channels are the two ends of a call. Pure.

The names of channels and layouts are not used: recorders write one microphone a channel under any layout, and FFmpeg guesses a
low-frequency channel into files that have none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Samples in [-1, 1], one row per channel."""

CHANNELS_OF_A_CALL: Final = 2
# A channel is inverted if it correlates worse than this with the others: less costs at most 3 dB.
OPPOSITE: Final = -0.5
RAMP_S: Final = 0.01
SAME_WEIGHT: Final = 1e-5  # a smaller change is inaudible: below the noise of 16 bits
# The level of the mix follows that of the loudest channel over about this many blocks of a second.
MEMORY_BLOCKS: Final = 10
SILENT: Final = 1e-9  # mean square, -90 dBFS


class Mixer:
    """Mixes channels to one, with equal weights.

    A channel that cancels the others is inverted: its sign stays until the sound says otherwise. The mix is as loud as the loudest
    channel is, but never clips. Feed it blocks of about a second: within one, signs and level do not change.
    """

    def __init__(self) -> None:
        self.inverted: set[int] = set()  # channels, from 0, that have been inverted at some time
        self._weights: npt.NDArray[np.float64] = np.empty(0)
        self._loudest = self._mixed = 0.0

    def mix(self, block: Samples, rate: int) -> Samples:
        """One row from `(channels, samples)`."""
        channels, samples = block.shape
        if channels == 1 or not samples:
            return block[:1].reshape(-1)
        before = self._weights if len(self._weights) == channels else None
        gram = (block @ block.T).astype(np.float64) / samples
        signs = _signs(gram, np.ones(channels) if before is None else np.sign(before))
        self.inverted.update(np.flatnonzero(signs < 0).tolist() if (signs > 0).any() else [])
        self._weights = signs * self._gain(gram, signs) / channels
        mixed = self._weights.astype(np.float32) @ block
        peak = float(max(mixed.max(), -mixed.min()))
        if peak > 1.0:
            self._weights /= peak
            mixed /= np.float32(peak)
        if before is not None and np.abs(before - self._weights).max() > SAME_WEIGHT:
            ramp = min(samples, round(rate * RAMP_S))
            rising = np.linspace(0, 1, ramp, dtype=np.float32)
            mixed[:ramp] = mixed[:ramp] * rising + (before.astype(np.float32) @ block[:, :ramp]) * (1 - rising)
        return np.asarray(mixed, np.float32)

    def _gain(self, gram: npt.NDArray[np.float64], signs: npt.NDArray[np.float64]) -> float:
        loudest, mixed = float(gram.diagonal().max()), float(signs @ gram @ signs) / len(signs) ** 2
        if loudest > SILENT:
            keep = 1 - 1 / MEMORY_BLOCKS
            self._loudest = self._loudest * keep + loudest if self._loudest else loudest
            self._mixed = self._mixed * keep + mixed if self._mixed else mixed
        if self._mixed <= 0:
            return 1.0
        return float(min(np.sqrt(self._loudest / self._mixed), len(signs)))


def _signs(gram: npt.NDArray[np.float64], before: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sign of each channel, from the inner products of all of them: the loudest first, each added so that it does not cancel."""
    energies = gram.diagonal()
    signs = before.copy()
    with_mix, mix_energy = np.zeros(len(gram)), 0.0
    for channel in np.argsort(-energies, kind="stable"):
        if mix_energy and energies[channel] <= SILENT:
            break
        if with_mix[channel] * signs[channel] < OPPOSITE * math.sqrt(mix_energy * energies[channel]):
            signs[channel] = -signs[channel]
        mix_energy += 2 * signs[channel] * with_mix[channel] + energies[channel]
        with_mix += signs[channel] * gram[channel]
    # As a whole the signs mean nothing: most channels keep theirs.
    return signs if (signs > 0).sum() * 2 >= len(signs) else -signs


WINDOW_S: Final = 0.1
COMPARED_HZ: Final = 8000
LAG_S: Final = 0.005  # 1.7 m of sound between two microphones
APART: Final = 10.0  # times the energy
ALIKE: Final = 0.35  # of correlation
QUIETEST: Final = 3e-6  # mean square, -55 dBFS
BELOW_LOUDEST: Final = 3e-4  # -35 dB
ENOUGH_TOGETHER_S: Final = 20.0
ENOUGH_APART_S: Final = 60.0
LEAST_APART_S: Final = 0.5
LEAST_APART: Final = 0.01
MOST_TOGETHER: Final = 0.2
CLEARLY_APART: Final = 0.5
MOST_ENVELOPE: Final = 0.5
LEAST_AT_ONCE_S: Final = 1.0
UNRELATED_ENVELOPE: Final = 0.2
FLOOR_QUANTILE: Final = 0.1
ABOVE_FLOOR: Final = 6.0  # times the energy


class Relation:
    """Judges whether two channels carry a voice each, as the two ends of a call do, or both hear the same.

    Windows of 100 ms with sound count. In a call, one channel is much louder than the other most of the time, whatever leaks from one
    into the other; where both are loud, their waveforms have nothing in common. In stereo both are about as loud, and alike within a few
    milliseconds. Two microphones in a hard room are not alike either, but both rise and fall with the same voice: the envelopes tell.
    """

    def __init__(self) -> None:
        self._rest = np.zeros((2, 0), np.float32)
        self._energies: list[npt.NDArray[np.float64]] = []
        self._likeness: list[npt.NDArray[np.float64]] = []

    def feed(self, block: Samples, rate: int) -> None:
        """Add `(2, samples)`."""
        step = max(1, rate // COMPARED_HZ)
        window = round(rate / step * WINDOW_S)
        joined = np.concatenate((self._rest, block), axis=1)
        count = joined.shape[1] // (step * window)
        used = count * step * window
        self._rest = joined[:, used:]
        if not count:
            return
        slow = joined[:, :used].reshape(2, -1, step) @ np.full(
            step, 1 / step, np.float32
        )  # a tenth of the time of mean()
        windows = slow.reshape(2, count, window).astype(np.float64)
        self._energies.append(np.square(windows).mean(axis=2))
        self._likeness.append(_likeness(windows, round(rate / step * LAG_S)))

    def verdict(self, *, is_end: bool) -> Literal["independent", "related"] | None:
        """None if more sound is needed, which is never so at the end."""
        if not is_end and sum(map(len, self._likeness)) * WINDOW_S < ENOUGH_TOGETHER_S:
            return None
        if not self._energies:
            return "related"
        energies, likeness = np.concatenate(self._energies, axis=1), np.concatenate(self._likeness)
        evidence = _weigh(energies, likeness)
        if evidence.together_s >= ENOUGH_TOGETHER_S and evidence.together_s > MOST_TOGETHER * evidence.sound_s:
            return "related"
        if not is_end and evidence.sound_s < ENOUGH_APART_S:
            return None
        if evidence.is_apart:
            return "independent"
        return "related" if is_end else None


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Seconds of sound, and of what kind.

    One channel much louder: `each_alone_s` for the channel for which that is rarer, `apart_s` for both. Both about as loud: alike
    (`together_s`), or not (`at_once_s`). `envelope` is the correlation of the levels.
    """

    sound_s: float
    each_alone_s: float
    apart_s: float
    together_s: float
    at_once_s: float
    envelope: float

    @property
    def is_apart(self) -> bool:
        return (
            (self._take_turns or self._talk_at_once)
            and self.together_s <= MOST_TOGETHER * self.sound_s
            and (self.apart_s >= CLEARLY_APART * self.sound_s or self.envelope <= MOST_ENVELOPE)
        )

    @property
    def _take_turns(self) -> bool:
        return self.each_alone_s >= max(LEAST_APART_S, LEAST_APART * self.sound_s)

    @property
    def _talk_at_once(self) -> bool:
        """Both talk all the time, so neither is heard alone. Two microphones in one room would have correlated levels."""
        return self.at_once_s >= LEAST_AT_ONCE_S and self.envelope <= UNRELATED_ENVELOPE


def _weigh(energies: npt.NDArray[np.float64], likeness: npt.NDArray[np.float64]) -> _Evidence:
    """`energies` is `(2, windows)`, `likeness` `(windows,)`."""
    # A channel counts where it rises above its own noise: hiss is not a voice.
    floors = np.maximum(np.quantile(energies, FLOOR_QUANTILE, axis=1), QUIETEST / ABOVE_FLOOR)
    sounding = energies > np.maximum(floors * ABOVE_FLOOR, energies.max() * BELOW_LOUDEST)[:, None]
    active = sounding.any(axis=0)
    first, second = energies[:, active]
    alone = [(first > second * APART) & sounding[0, active], (second > first * APART) & sounding[1, active]]
    even = (first <= second * APART) & (second <= first * APART)
    alike = likeness[active] >= ALIKE
    seconds = [float(each.sum()) * WINDOW_S for each in alone]
    return _Evidence(
        sound_s=float(active.sum()) * WINDOW_S,
        each_alone_s=min(seconds),
        apart_s=sum(seconds),
        together_s=float((even & alike).sum()) * WINDOW_S,
        at_once_s=float((even & ~alike & sounding.all(axis=0)[active]).sum()) * WINDOW_S,
        envelope=_envelopes_alike(first, second),
    )


def without_leaks(own: Samples, other: Samples, rate: int) -> Samples:
    """One channel of two without what it has of the other one: a voice that leaks would be transcribed twice.

    A leak is much quieter than the voice, and like it. A window of 100 ms is left out as a whole, so what is said at the same time stays.
    """
    window = round(rate * WINDOW_S)
    count = len(own) // window
    if not count:
        return own
    windows = np.stack((own, other))[:, : count * window].reshape(2, count, window).astype(np.float64)
    energies = np.square(windows).mean(axis=2)
    leaks = (energies[1] > energies[0] * APART) & (energies[1] > QUIETEST)
    if leaks.any():
        leaks[leaks] = _likeness(windows[:, leaks], round(rate * LAG_S)) >= ALIKE
    if not leaks.any():
        return own
    gains = np.ones(len(own), np.float32)
    gains[: count * window] = np.repeat(~leaks, window)
    ramp = max(1, round(rate * RAMP_S))
    padded = np.pad(gains, (ramp // 2, ramp - 1 - ramp // 2), mode="edge")
    return np.asarray(own * np.convolve(padded, np.full(ramp, 1 / ramp, np.float32), "valid"), np.float32)


def _likeness(windows: npt.NDArray[np.float64], lag: int) -> npt.NDArray[np.float64]:
    """The highest absolute correlation of the two channels within `lag` samples, for every window of `(2, windows, samples)`."""
    size = 2 * windows.shape[2]
    spectra = np.fft.rfft(windows, size)
    crossed = np.fft.irfft(spectra[0] * spectra[1].conj(), size)
    near = np.concatenate((crossed[:, : lag + 1], crossed[:, -lag:] if lag else crossed[:, :0]), axis=1)
    norms = np.sqrt(np.square(windows).sum(axis=2).prod(axis=0))
    return np.asarray(np.abs(near).max(axis=1) / np.maximum(norms, 1e-12))


def _envelopes_alike(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """The correlation of the levels in decibels."""
    levels = np.log10(np.maximum(np.stack((first, second)), SILENT))
    if levels.shape[1] < 2 or (levels.std(axis=1) == 0).any():  # noqa: PLR2004 - a correlation needs two points
        return 0.0
    return float(np.corrcoef(levels)[0, 1])
