"""Takes silence out of words. Pure.

Whisper's alignment puts one boundary between two words, and a pause between them goes to either, more often to the word after.
Nobody pauses within a word, so every pause belongs to a boundary: to the nearest one. The word before then ends where
the pause begins, and the word after begins where it ends. The closure of a stop consonant ("s_top") is silent too, so
a pause as short as that takes only a boundary right beside it.

A pause is a run of frames whose energy is near the noise floor of the chunk. Where speech stands out too little from the
noise, nothing is moved. The constants were tuned on composed recordings of the fixture model and judged on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from voicepipe_orchestrator.domain import SAMPLE_RATE, Word

FRAME = SAMPLE_RATE // 100
FRAME_S = FRAME / SAMPLE_RATE

ABOVE_FLOOR = 0.3  # of the way from the noise floor to loud speech, in dB, lies the threshold
LEAST_CONTRAST_DB = 15.0
SHORTEST_PAUSE_S = 0.03
LONGEST_CLOSURE_S = 0.08
BESIDE_S = 0.06  # how far away the boundary of a pause no longer than a closure may be
AROUND_S = 0.3  # of a longer pause
EARLY_S = 0.1  # how much too early boundaries are where there is a pause
SHORTEST_WORD_S = 0.04


@dataclass(frozen=True, slots=True)
class Pause:
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def reach_s(self) -> float:
        return BESIDE_S if self.length_s < LONGEST_CLOSURE_S else AROUND_S

    def distance_s(self, boundary_s: float) -> float:
        """0 where the boundary, moved by what it is early, lies within the pause."""
        place_s = boundary_s + min(EARLY_S, self.reach_s)
        return max(self.start_s - place_s, place_s - self.end_s, 0.0)


def snap_to_pauses(words: Sequence[Word], pcm: npt.NDArray[np.int16]) -> tuple[Word, ...]:
    """`words` of one chunk, in order, with their times moved out of the pauses of `pcm`, the int16 audio of that chunk.

    Order and texts stay; a word becomes no shorter than 40 ms, and one that is shorter stays as it is.
    """
    if not words:
        return ()
    starts = [word.start_s for word in words]
    ends = [word.end_s for word in words]
    free = list(range(len(words) + 1))
    # the longest first: it is the surest
    for pause in sorted(pauses(pcm), key=lambda pause: (-pause.length_s, pause.start_s)):
        places_s = [*starts, ends[-1]]
        far = {n: (pause.distance_s(places_s[n]), abs(places_s[n] - pause.end_s)) for n in free}
        nearest = min(free, key=far.__getitem__, default=None)
        if nearest is None or far[nearest][0] > pause.reach_s:
            continue
        if _put(starts, ends, nearest, pause):
            free.remove(nearest)
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
    if loud_db - floor_db < LEAST_CONTRAST_DB:
        return ()
    is_quiet = level_db < floor_db + ABOVE_FLOOR * (loud_db - floor_db)
    edges = np.diff(np.r_[False, is_quiet, False].astype(np.int8))
    runs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    shortest = round(SHORTEST_PAUSE_S / FRAME_S)
    return tuple(Pause(first * FRAME_S, end * FRAME_S) for first, end in runs if end - first >= shortest)


def _put(starts: list[float], ends: list[float], boundary: int, pause: Pause) -> bool:
    """Moves boundary n, which stands before word n, to the pause, unless that would empty a word or change the order.

    A pause may lie wholly to one side of the boundary: then one word grows into what the other one loses.
    """
    before, after = boundary - 1, boundary
    end_s, start_s = pause.start_s, pause.end_s
    if before >= 0:
        end_s = max(end_s, min(starts[before] + SHORTEST_WORD_S, ends[before]))
    if after < len(starts):
        start_s = min(start_s, max(ends[after] - SHORTEST_WORD_S, starts[after]))
    if 0 < boundary < len(starts) and end_s > start_s:
        return False
    if before >= 0:
        ends[before] = end_s
    if after < len(starts):
        starts[after] = start_s
    return True
