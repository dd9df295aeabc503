"""Corrects word times with the pauses in the audio. Pure.

Whisper's alignment has one boundary between two words, and adds a pause between them to one of the words, mostly the
second. People do not pause within a word, so every pause belongs to a boundary, the nearest one: the word before it
ends where the pause starts, and the word after it starts where the pause ends. The closure of a stop consonant
("s_top") is silent too, so a pause as short as that only moves a boundary very close to it.

A pause is a run of frames whose energy is near the noise floor of the chunk. If speech stands out too little from the
noise, nothing is moved. The constants were tuned on composed recordings with the fixture model and validated on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voicepipe_orchestrator.domain import SAMPLE_RATE, Word

FRAME = SAMPLE_RATE // 100
FRAME_S = FRAME / SAMPLE_RATE

ABOVE_FLOOR = 0.3  # the threshold, as a fraction of the way from the noise floor to loud speech in dB
MIN_CONTRAST_DB = 15.0
MIN_PAUSE_S = 0.03
MAX_CLOSURE_S = 0.08
REACH_OF_SHORT_PAUSE_S = 0.06  # how far a pause no longer than a closure may be from its boundary
REACH_OF_PAUSE_S = 0.3  # the same for a longer pause
EARLY_S = 0.1  # how much too early the model puts boundaries at pauses
MIN_WORD_S = 0.04


@dataclass(frozen=True, slots=True)
class Pause:
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def reach_s(self) -> float:
        return REACH_OF_SHORT_PAUSE_S if self.length_s < MAX_CLOSURE_S else REACH_OF_PAUSE_S

    def distance_s(self, boundary_s: float) -> float:
        """0 if the boundary, corrected by `EARLY_S`, lies within the pause."""
        place_s = boundary_s + min(EARLY_S, self.reach_s)
        return max(self.start_s - place_s, place_s - self.end_s, 0.0)


def snap_to_pauses(words: Sequence[Word], pcm: npt.NDArray[np.int16]) -> tuple[Word, ...]:
    """`words` of one chunk, in order, with their times moved out of the pauses of `pcm`, the audio of that chunk.

    Order and texts stay. No word becomes shorter than 40 ms; a word that already is keeps its length.
    """
    if not words:
        return ()
    starts = [word.start_s for word in words]
    ends = [word.end_s for word in words]
    unassigned = list(range(len(words) + 1))  # boundaries
    # The longest first: it is the most certain.
    for pause in sorted(pauses(pcm), key=lambda pause: (-pause.length_s, pause.start_s)):
        places_s = [*starts, ends[-1]]
        distances = {n: (pause.distance_s(places_s[n]), abs(places_s[n] - pause.end_s)) for n in unassigned}
        nearest = min(unassigned, key=distances.__getitem__, default=None)
        if nearest is None or distances[nearest][0] > pause.reach_s:
            continue
        if _move_boundary(starts, ends, nearest, pause):
            unassigned.remove(nearest)
    return tuple(
        replace(word, start_s=start_s, end_s=end_s) for word, start_s, end_s in zip(words, starts, ends, strict=True)
    )


def pauses(pcm: npt.NDArray[np.int16]) -> tuple[Pause, ...]:
    """Every pause of the audio, in order."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
    if not len(frames):
        return ()
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1)
    floor_db, loud_db = np.percentile(level_db, (5, 95))
    if loud_db - floor_db < MIN_CONTRAST_DB:
        return ()
    is_quiet = level_db < floor_db + ABOVE_FLOOR * (loud_db - floor_db)
    edges = np.diff(np.r_[False, is_quiet, False].astype(np.int8))
    runs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    shortest = round(MIN_PAUSE_S / FRAME_S)
    return tuple(Pause(first * FRAME_S, end * FRAME_S) for first, end in runs if end - first >= shortest)


def _move_boundary(starts: list[float], ends: list[float], boundary: int, pause: Pause) -> bool:
    """Move boundary n, the one before word n, to the pause; False if that would empty a word or change the order.

    If the pause lies entirely on one side of the boundary, one word grows by what the other one loses.
    """
    before, after = boundary - 1, boundary
    end_s, start_s = pause.start_s, pause.end_s
    if before >= 0:
        end_s = max(end_s, min(starts[before] + MIN_WORD_S, ends[before]))
    if after < len(starts):
        start_s = min(start_s, max(ends[after] - MIN_WORD_S, starts[after]))
    if 0 < boundary < len(starts) and end_s > start_s:
        return False
    if before >= 0:
        ends[before] = end_s
    if after < len(starts):
        starts[after] = start_s
    return True
