"""Real speech for the bench, composed from `../shared/speech`, or else from the phone call of pyannote.audio.

The same arguments give the same samples. If a recording is needed that is longer than the speech, repeated speech gets
new faint noise each time, so that no two parts have the same bytes.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE = 16_000
LONGEST_S = 60.0  # of one recording, in varied speech
PAUSE = np.zeros(RATE // 2, np.int16)
NOISE_RMS = 33.0  # -60 dB against full scale
TIMES_IN_A_ROW = 8
REPEATED_CLIPS = 6
REPEATED_S = (8.0, 15.0)
# If there is only the phone call: the speeds at which it is played, and the parts that are cut from it.
TEMPOS = (1.0, 0.92, 1.08, 0.96, 1.12, 0.88)
CUTS_S = ((0.0, 7.0), (7.0, 12.0), (12.0, 15.0), (15.0, 21.0), (0.0, 10.0), (10.0, 20.0), (20.0, 30.0))


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """16 kHz mono; `speakers` is None if unknown."""

    samples: Samples
    speakers: int | None

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


class Speech:
    """A collection of recordings; `source` says where they come from."""

    def __init__(self, pieces: Sequence[Piece], source: str) -> None:
        self._pieces = tuple(pieces)
        self.source = source

    @classmethod
    def available(cls) -> Speech:
        """The speech that this machine has.

        Raises:
            FileNotFoundError: not even the phone call is available.
        """
        from tests.accuracy import corpus  # pytest imports it by another name

        english = [one for one in corpus.speech() if one.language == "en" and not one.is_talked_over]
        if english:
            pieces = [Piece(_decoded(one.path), one.speakers) for one in english]
            return cls(pieces, f"{len(pieces)} English recordings of ../shared/speech")
        call = corpus.phone_call().path
        whole = [Piece(_decoded(call, tempo), 2) for tempo in TEMPOS]
        first = whole[0].samples
        cuts = [Piece(first[round(start * RATE) : round(end * RATE)], None) for start, end in CUTS_S]
        return cls(
            [*whole, *cuts], f"one phone call of 30 s at {len(TEMPOS)} speeds, since ../shared/speech does not exist"
        )

    def varied(self, seconds: float, seed: int = 0) -> Samples:
        """All recordings, at most a minute of each, in an order that depends on the seed."""
        order = np.random.default_rng(seed).permutation(len(self._pieces))
        return _cut(self._laps([_start(self._pieces[number].samples, LONGEST_S) for number in order], seed), seconds)

    def repeating(self, seconds: float) -> Samples:
        """Six clips, each played eight times in a row; repeated from the start if that is too short."""
        clips = itertools.islice(self._between(*REPEATED_S), REPEATED_CLIPS)
        return _cut(itertools.cycle([clip for clip in clips for _ in range(TIMES_IN_A_ROW)]), seconds)

    def conversation(self, seconds: float) -> Samples:
        """Whole recordings of several people, the longest first."""
        several = sorted((one for one in self._pieces if (one.speakers or 1) > 1), key=lambda one: -one.seconds)
        return _cut(self._laps([one.samples for one in several], 0), seconds)

    def clips(self, shortest_s: float, longest_s: float) -> Iterator[Samples]:
        """An endless sequence of recordings with a length in this range."""
        return self._laps(list(self._between(shortest_s, longest_s)), 0)

    def _between(self, shortest_s: float, longest_s: float) -> Iterator[Samples]:
        return (one.samples for one in self._pieces if shortest_s <= one.seconds <= longest_s)

    def _laps(self, samples: Sequence[Samples], seed: int) -> Iterator[Samples]:
        if not samples:
            raise ValueError("there is no recording of that kind")
        yield from samples
        rng = np.random.default_rng((seed, 1))
        while True:
            for each in samples:
                yield np.clip(each + rng.normal(0, NOISE_RMS, len(each)), -32768, 32767).astype(np.int16)


def _cut(parts: Iterable[Samples], seconds: float) -> Samples:
    """Join the parts with half a second of silence, and cut the result to length."""
    wanted, taken, length = round(seconds * RATE), [], 0
    for part in parts:
        taken += [part, PAUSE]
        length += len(part) + len(PAUSE)
        if length >= wanted:
            break
    return np.concatenate(taken)[:wanted]


def _start(samples: Samples, seconds: float) -> Samples:
    return samples[: round(seconds * RATE)]


def _decoded(path: Path, tempo: float = 1.0) -> Samples:
    filters = [] if tempo == 1.0 else ["-af", f"atempo={tempo}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(path), *filters]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, "<i2")
