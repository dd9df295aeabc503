"""Puts the words at the seams of a chunk on the right side. Pure.

A chunk has seams, where a longer gap of the recording was removed. The alignment knows nothing of that: it often puts
the first word after the gap into what is left of the sound before it. If that sound is noise and not silence, no pause
shows there, and the word is shown at the start of the gap, up to minutes early.

So the sound at a seam is the reference: the detector heard no speech within `REFERENCE_S` of it. What sounds the same
from there on, in either direction, is part of the gap. A word that lies in it belongs to the speech after the seam,
since the alignment adds a gap to the word that follows it (see `word_timing`).

Breath or laughter differ from themselves. There the text helps: nobody starts a sentence with a word or two, is silent
for `LONG_GAP_S`, and goes on with the same sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
from voicepipe_wire.transcript.languages import SENTENCE_ENDS, last_mark

from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, Word

from .word_timing import MIN_WORD_S, Pause

WINDOW = 512
WINDOW_S = WINDOW / SAMPLE_RATE
# Prepare adds 0.2 s of padding to speech, and keeps 0.2 s of a gap.
REFERENCE_S = 0.3
BANDS_HZ = np.geomspace(100, 7000, 11)
# Mean difference of the bands in dB. No stationary sound of tests/fixtures/sounds.py differs from itself that much.
SAME_SOUND_DB = 6.0
# A word that is longer before a seam is the gap before the word after it. openai-whisper's `timing.py` cuts words at the
# end of a sentence to twice the median, which it limits to 0.7 s.
LONGEST_WORD_S = 1.4
# A word of which less than this is left before the gap is the word after it: the edge of a gap is no more certain.
SHORTEST_BEFORE_S = 0.12
USUAL_WORD_S = 0.2
LONG_GAP_S = 5.0
MAX_STRAYS = 2
# The slowest speech: a span with fewer words was skipped by the model. Of spans with less speech nothing is expected.
MIN_WORDS_PER_S = 0.5
MIN_SPAN_S = 1.5
PADDING_S = 0.4  # silence that prepare keeps in every span


def omits_a_span(words: Sequence[Word], spans: Sequence[Span]) -> bool:
    """Whether `words`, those of `to_their_sides`, leave out a span of the chunk.

    Whisper tends to end at the first long pause, above all if another voice goes on after it.
    """
    edges_s = [edge / SAMPLE_RATE for edge in accumulate((span.samples for span in spans), initial=0)]
    for start_s, end_s in pairwise(edges_s):
        speech_s = end_s - start_s - PADDING_S
        inside = sum(start_s <= (word.start_s + word.end_s) / 2 < end_s for word in words)
        if speech_s >= MIN_SPAN_S and inside < MIN_WORDS_PER_S * speech_s:
            return True
    return False


def to_their_sides(words: Sequence[Word], pcm: npt.NDArray[np.int16], spans: Sequence[Span]) -> tuple[Word, ...]:
    """`words` of one chunk, none of which lies in the gap around a seam, or crosses one.

    `pcm` is the audio of the chunk, `spans` are those of its plan. Order and texts stay.
    """
    placed = tuple(words)
    removed_s = [(after.start - before.end) / SAMPLE_RATE for before, after in pairwise(spans)]
    for gap, seam_s in zip(gaps_at_seams(pcm, spans), removed_s, strict=True):
        moved = [n for n, word in enumerate(placed) if _is_after(gap, word)]
        moved = moved[max((k + 1 for k, n in enumerate(moved) if _ends_a_sentence(gap, placed, n)), default=0) :]
        first = (
            moved[0] if moved else next((n for n, word in enumerate(placed) if word.start_s >= gap.end_s), len(placed))
        )
        strays = _strays(placed[:first]) if seam_s >= LONG_GAP_S and first < len(placed) else 0
        placed = _out_of(gap, placed, [*range(first - strays, first), *moved], len(pcm) / SAMPLE_RATE)
    return placed


def _ends_a_sentence(gap: Pause, words: Sequence[Word], n: int) -> bool:
    """Whether word n is in the gap and the last of a sentence that was said before it."""
    is_end = last_mark(words[n].text) in SENTENCE_ENDS and words[n].end_s <= gap.end_s
    return is_end and n > 0 and last_mark(words[n - 1].text) not in SENTENCE_ENDS


def _strays(before: Sequence[Word]) -> int:
    """How many of the last words before a gap start a sentence that goes on after it: 0 to `MAX_STRAYS`."""
    since_end = next((n for n, word in enumerate(reversed(before)) if last_mark(word.text) in SENTENCE_ENDS), 0)
    return since_end if since_end <= MAX_STRAYS else 0


def gaps_at_seams(pcm: npt.NDArray[np.int16], spans: Sequence[Span]) -> tuple[Pause, ...]:
    """For every seam the stretch of the chunk that sounds as the chunk does at the seam, on either side of it."""
    edges = [0, *accumulate(span.samples for span in spans)]
    return tuple(
        Pause(
            seam / SAMPLE_RATE - _same_sound_s(pcm[before:seam][::-1]),
            seam / SAMPLE_RATE + _same_sound_s(pcm[seam:after]),
        )
        for before, seam, after in zip(edges[:-2], edges[1:-1], edges[2:], strict=True)
    )


def _same_sound_s(pcm: npt.NDArray[np.int16]) -> float:
    """How long the audio goes on sounding as it begins; `REFERENCE_S`, or all of it if shorter, if that is unknown.

    A span that sounds the same from one end to the other tells nothing: there is speech somewhere in it.
    """
    windows = pcm[: len(pcm) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32)
    reference = round(REFERENCE_S / WINDOW_S)
    if len(windows) <= reference:
        return len(pcm) / SAMPLE_RATE
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE), BANDS_HZ)
    # The floor is that of quantization noise: digital silence has no spectrum.
    bands_db = 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=1) + WINDOW)
    difference_db = np.abs(bands_db - bands_db[:reference].mean(axis=0)).mean(axis=1)
    smooth_db = np.convolve(np.pad(difference_db, 1, "edge"), np.ones(3) / 3, "valid")
    others = np.flatnonzero(smooth_db[reference:] > SAME_SOUND_DB)
    return float(reference + others[0]) * WINDOW_S if len(others) else REFERENCE_S


def _out_of(gap: Pause, words: tuple[Word, ...], moved: Sequence[int], length_s: float) -> tuple[Word, ...]:
    kept = [
        replace(word, end_s=gap.start_s) if word.start_s < gap.start_s < word.end_s and n not in moved else word
        for n, word in enumerate(words)
    ]
    if not moved:
        return tuple(kept)
    first, after = moved[0], moved[-1] + 1
    following = kept[after] if after < len(kept) else None
    if kept[after - 1].end_s >= gap.end_s + MIN_WORD_S:
        end_s = kept[after - 1].end_s
    elif following is None:
        end_s = min(gap.end_s + USUAL_WORD_S * len(moved), length_s)
    elif following.start_s >= gap.end_s + MIN_WORD_S * len(moved):
        end_s = min(following.start_s, gap.end_s + LONGEST_WORD_S * len(moved))
    else:  # the next word leaves no room, so it shares its own
        end_s, after = max(following.end_s, gap.end_s), after + 1
    edges = np.linspace(gap.end_s, end_s, after - first + 1).tolist()
    room = zip(kept[first:after], edges[:-1], edges[1:], strict=True)
    return (
        *kept[:first],
        *(replace(word, start_s=start_s, end_s=end_s) for word, start_s, end_s in room),
        *kept[after:],
    )


def _is_after(gap: Pause, word: Word) -> bool:
    """Whether a word that lies in the gap, or crosses it, belongs to the speech after it."""
    if word.end_s <= gap.start_s or word.start_s >= gap.end_s:
        return False
    before_s, after_s = max(gap.start_s - word.start_s, 0.0), max(word.end_s - gap.end_s, 0.0)
    if before_s < SHORTEST_BEFORE_S:
        return True
    return after_s >= MIN_WORD_S and (before_s > LONGEST_WORD_S or after_s >= before_s)
