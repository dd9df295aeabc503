"""Takes silence out of words. Pure.

Whisper's alignment puts one boundary between two words, and a pause between them goes to either. Nobody pauses within a
word, so every pause belongs to a boundary: to the nearest one. The word before then ends where the pause begins, and the word
after begins where it ends. The longer a pause, the further away it may look for its boundary; the closure of a stop
consonant ("s_top") is short, and so leaves the boundaries of its word alone.

A pause is a run of frames whose energy is near the noise floor of the chunk. Where speech stands out too little from the
noise, nothing is moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .model import SAMPLE_RATE, Word

FRAME = SAMPLE_RATE // 100
FRAME_S = FRAME / SAMPLE_RATE
SHORTEST_WORD_S = 0.04


@dataclass(frozen=True, slots=True)
class Tightening:
    """Tuned on composed recordings of the fixture model, judged on others (see the tests); units as named."""

    above_floor: float = 0.25  # of the way from the noise floor to loud speech lies the threshold
    least_contrast_db: float = 15.0
    shortest_pause_s: float = 0.03
    reach: float = 1.0  # how far a pause looks for its boundary, in its own lengths
    furthest_s: float = 0.6


def tighten(
    words: Sequence[Word], pcm: npt.NDArray[np.int16], how: Tightening = Tightening()
) -> tuple[Word, ...]:
    """`words` of one chunk with their times moved out of the pauses of `pcm`, the audio of that chunk.

    Order and texts stay; no word becomes shorter than 40 ms unless it was.
    """
    if not words:
        return ()
    starts = [word.start_s for word in words]
    ends = [word.end_s for word in words]
    taken: set[int] = set()
    for begin_s, end_s in sorted(pauses(pcm, how), key=lambda pause: (pause[0] - pause[1], pause[0])):
        boundary = _nearest(starts, ends, begin_s, end_s, taken)
        if boundary is None:
            continue
        distance_s = _distance_s(starts, ends, boundary, begin_s, end_s)
        if distance_s <= min((end_s - begin_s) * how.reach, how.furthest_s):
            _put(starts, ends, boundary, begin_s, end_s)
            taken.add(boundary)
    return tuple(
        replace(word, start_s=start_s, end_s=end_s) for word, start_s, end_s in zip(words, starts, ends, strict=True)
    )


def pauses(pcm: npt.NDArray[np.int16], how: Tightening) -> list[tuple[float, float]]:
    """Start and end of every pause, in order, in seconds."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
    if len(frames) < 2:  # noqa: PLR2004
        return []
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1)
    floor_db, loud_db = np.percentile(level_db, (5, 95))
    if loud_db - floor_db < how.least_contrast_db:
        return []
    is_quiet = level_db < floor_db + how.above_floor * (loud_db - floor_db)
    edges = np.diff(np.r_[False, is_quiet, False].astype(np.int8))
    runs = zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)
    return [
        (first * FRAME_S, end * FRAME_S) for first, end in runs if (end - first) * FRAME_S >= how.shortest_pause_s - 1e-6
    ]


def _nearest(
    starts: list[float], ends: list[float], begin_s: float, end_s: float, taken: set[int]
) -> int | None:
    """Boundary n stands before word n; the last one after the last word."""
    free = [boundary for boundary in range(len(starts) + 1) if boundary not in taken]
    middle_s = (begin_s + end_s) / 2
    return min(
        free,
        key=lambda n: (_distance_s(starts, ends, n, begin_s, end_s), abs(_place_s(starts, ends, n) - middle_s), n),
        default=None,
    )


def _place_s(starts: list[float], ends: list[float], boundary: int) -> float:
    return starts[boundary] if boundary < len(starts) else ends[-1]


def _distance_s(starts: list[float], ends: list[float], boundary: int, begin_s: float, end_s: float) -> float:
    """Between the pause and the boundary, 0 where they touch."""
    place_s = _place_s(starts, ends, boundary)
    return max(begin_s - place_s, place_s - end_s, 0.0)


def _put(starts: list[float], ends: list[float], boundary: int, begin_s: float, end_s: float) -> None:
    if boundary > 0:
        ends[boundary - 1] = max(begin_s, starts[boundary - 1] + SHORTEST_WORD_S)
    if boundary < len(starts):
        starts[boundary] = min(end_s, ends[boundary] - SHORTEST_WORD_S)
