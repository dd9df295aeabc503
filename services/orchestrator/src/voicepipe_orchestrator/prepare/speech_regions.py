"""Turns probabilities of speech into regions of speech. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voicepipe_orchestrator.domain import SAMPLE_RATE, WINDOW, Span

ONSET, OFFSET = 90, 51  # 0.35 and 0.20 as bytes
MIN_SPEECH = SAMPLE_RATE // 10
MIN_SILENCE = SAMPLE_RATE * 160 // 1000
PAD = SAMPLE_RATE // 5

Probabilities = npt.NDArray[np.uint8]
"""Probability of speech per window of `WINDOW` samples, from 0 (none) to 255 (certain)."""


def regions(probabilities: Probabilities, total_samples: int) -> tuple[Span, ...]:
    """Speech starts at `ONSET` and ends below `OFFSET`.

    Short silence is bridged, then short speech dropped, then padding added.

    Padding stops in the middle of the silence between two regions, so regions may touch but never overlap.
    """
    starts, ends = _runs(probabilities)
    if not len(starts):
        return ()
    ends = np.minimum(ends, total_samples)
    is_silence = starts[1:] - ends[:-1] >= MIN_SILENCE
    starts, ends = starts[np.r_[True, is_silence]], ends[np.r_[is_silence, True]]
    is_speech = ends - starts >= MIN_SPEECH
    starts, ends = starts[is_speech], ends[is_speech]
    middles = (ends[:-1] + starts[1:]) // 2
    padded_starts = np.maximum(starts - PAD, np.r_[0, middles])
    padded_ends = np.minimum(ends + PAD, np.r_[middles, total_samples])
    pairs = zip(padded_starts.tolist(), padded_ends.tolist(), strict=True)
    return tuple(Span(start, end) for start, end in pairs if end > start)


def _runs(probabilities: Probabilities) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First samples and ends of the runs of speech, by hysteresis with two thresholds."""
    is_clear = (probabilities >= ONSET) | (probabilities < OFFSET)
    last_clear = np.maximum.accumulate(np.where(is_clear, np.arange(len(probabilities)), -1))
    # Between the thresholds the previous state is kept; the initial state is silence.
    is_on = (last_clear >= 0) & (probabilities[last_clear] >= ONSET)
    edges = np.diff(np.r_[False, is_on, False].astype(np.int8))
    return np.flatnonzero(edges == 1) * WINDOW, np.flatnonzero(edges == -1) * WINDOW
