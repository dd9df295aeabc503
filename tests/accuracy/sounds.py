"""Synthetic sounds without speech: silence, noise, tones and a kind of music. The samples are reproducible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from .corpus import NO_SPEECH, Recording

Samples = npt.NDArray[np.float64]

RATE = 16_000
SECONDS = 20.0
CHORDS_HZ = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
BEAT_S = 0.5
MAINS_HZ = 50.0


def recordings(folder: Path) -> tuple[Recording, ...]:
    """All sounds, as files in `folder`; missing ones are written."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_written(folder, name, make) for name, make in SOUNDS.items())


def silence() -> Samples:
    return np.zeros(round(SECONDS * RATE))


def white(level_db: float, seed: int = 1) -> Samples:
    """`level_db` is the mean power relative to full scale."""
    return _at(np.random.default_rng(seed).standard_normal(round(SECONDS * RATE)), level_db)


def pink(level_db: float, seed: int = 2) -> Samples:
    """Equal power in every octave from 20 Hz."""
    spectrum = np.fft.rfft(white(0.0, seed))
    hertz = np.fft.rfftfreq(round(SECONDS * RATE), 1 / RATE)
    return _at(np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20.0))), level_db)


def tone(hertz: float, level_db: float) -> Samples:
    return _at(np.sin(2 * np.pi * hertz * _times_s()), level_db)


def hum(level_db: float) -> Samples:
    """Mains hum: the fundamental and odd harmonics."""
    return _at(sum((np.sin(2 * np.pi * MAINS_HZ * n * _times_s()) / n for n in (1, 3, 5, 7, 9)), silence()), level_db)


def music(level_db: float) -> Samples:
    """Four alternating chords, struck on every beat, with harmonics, and drum-like noise between the beats."""
    at_s = _times_s()
    beat = (at_s // BEAT_S).astype(int)
    decay = np.exp(-4 * (at_s % BEAT_S))
    notes = np.array(CHORDS_HZ)[(beat // 4) % len(CHORDS_HZ)]
    tones = sum((np.sin(2 * np.pi * n * notes.T * at_s).sum(axis=0) / n for n in (1, 2, 3, 4)), silence())
    drum = np.random.default_rng(3).standard_normal(len(at_s)) * np.exp(-40 * ((at_s + BEAT_S / 2) % BEAT_S))
    return _at(tones * decay + drum, level_db)


SOUNDS: dict[str, Callable[[], Samples]] = {
    "silence": silence,
    "white-noise-60dB": lambda: white(-60.0),
    "white-noise-40dB": lambda: white(-40.0),
    "white-noise-20dB": lambda: white(-20.0),
    "pink-noise-40dB": lambda: pink(-40.0),
    "pink-noise-20dB": lambda: pink(-20.0),
    "tone-440Hz": lambda: tone(440.0, -20.0),
    "mains-hum": lambda: hum(-30.0),
    "music": lambda: music(-20.0),
}


def _written(folder: Path, name: str, make: Callable[[], Samples]) -> Recording:
    path = folder / f"{name}.wav"
    if not path.exists():
        draft = folder / f".{name}.wav"
        sf.write(draft, make(), RATE, subtype="PCM_16")
        draft.replace(path)
    return Recording(name, path, NO_SPEECH, SECONDS, speakers=0, groups=("sounds", "no-speech"))


def _times_s() -> Samples:
    return np.arange(round(SECONDS * RATE)) / RATE


def _at(samples: Samples, level_db: float) -> Samples:
    power = float(np.mean(samples**2))
    return np.clip(samples * np.sqrt(10 ** (level_db / 10) / power), -1, 1)
