"""Plans the chunks of a recording. Pure, linear in the length of the recording.

A chunk is the audio of one request to the model. It takes regions of speech while they fit, and ends at the longest
silence in its last quarter, where a sentence most likely ends. At the end of the recording, the rest is divided between
the last two chunks, so that the last one is not a single word. A region too long for a chunk is first cut where speech
is least likely.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from voicepipe_orchestrator.domain import SAMPLE_RATE, WINDOW, ChunkPlan, Span

from .speech_regions import ONSET, Probabilities

MAX_CHUNK = 28 * SAMPLE_RATE
EARLIEST_CUT = 14 * SAMPLE_RATE  # in a region that is too long
LAST_QUARTER = 21 * SAMPLE_RATE
MAX_GAP = SAMPLE_RATE
KEPT_SILENCE = SAMPLE_RATE // 5  # on either side of a longer gap
SMOOTHED = 5  # windows, 160 ms: anything shorter is a stop consonant, not a pause


def plan_chunks(regions: Sequence[Span], probabilities: Probabilities, total_samples: int) -> tuple[ChunkPlan, ...]:
    """Chunks of at most 28 s that contain every sample of `regions` once, in order, without overlap.

    `regions` are sorted, disjoint and within [0, total_samples). Silence alone gives no chunk.
    """
    if not regions:
        return ()
    smooth = _smooth(probabilities)
    pieces = [piece for region in regions for piece in _pieces(region, smooth)]
    chunks = (_spans(pieces[first:end], total_samples) for first, end in _pack(pieces))
    return tuple(_chunk(index, spans, probabilities, smooth) for index, spans in enumerate(chunks))


def _pieces(region: Span, smooth: Probabilities) -> Iterator[Span]:
    start = region.start
    while region.end - start > MAX_CHUNK:
        # the rest has at least 7 s
        latest = min(start + MAX_CHUNK, region.end - MAX_CHUNK // 4)
        first, last = -(-(start + EARLIEST_CUT) // WINDOW), latest // WINDOW
        likely = smooth[first:last][::-1]  # of equals, the later one makes the fuller chunk
        cut = (last - 1 - int(np.argmin(likely))) * WINDOW + WINDOW // 2 if len(likely) else latest
        yield Span(start, cut)
        start = cut
    yield Span(start, region.end)


def _pack(pieces: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """The indices [first, end) of the pieces of every chunk."""
    gaps = [after.start - before.end for before, after in pairwise(pieces)]
    kept = [gap if gap <= MAX_GAP else 2 * KEPT_SILENCE for gap in gaps]
    # The length of all pieces before the n-th, with the gap after each of them.
    ends = list(accumulate((piece.samples + gap for piece, gap in zip(pieces, [*kept, 0], strict=True)), initial=0))

    def length(first: int, end: int) -> int:
        return ends[end] - ends[first] - (kept[end - 1] if end < len(pieces) else 0)

    first = 0
    while first < len(pieces):
        end = _chunk_end(first, gaps, length, ends)
        yield first, end
        first = end


def _chunk_end(first: int, gaps: Sequence[int], length: Callable[[int, int], int], ends: Sequence[int]) -> int:
    """The end of the chunk that starts with piece `first`: all remaining pieces, or the best silence that fits."""
    most = len(gaps) + 1
    fits = min(bisect.bisect_right(ends, ends[first] + MAX_CHUNK + MAX_GAP, first + 1), most + 1) - 1
    fits = max(fits, first + 1)
    while fits > first + 1 and length(first, fits) > MAX_CHUNK:
        fits -= 1
    if fits == most:
        return most
    cuts = range(first + 1, fits + 1)
    left = length(first, most)
    if left <= 2 * MAX_CHUNK:
        smaller = {cut: min(length(first, cut), length(cut, most)) for cut in cuts}
        fair = [cut for cut in cuts if smaller[cut] * 3 >= left and length(cut, most) <= MAX_CHUNK]
        otherwise = max(cuts, key=lambda cut: (smaller[cut], cut))
    else:
        fair = [cut for cut in cuts if length(first, cut) >= LAST_QUARTER]
        otherwise = fits
    return max(fair, key=lambda cut: (gaps[cut - 1], cut)) if fair else otherwise


def _spans(pieces: Sequence[Span], total_samples: int) -> tuple[Span, ...]:
    """One span over all short gaps.

    On either side of a longer gap a little silence is kept, so that words do not run together.
    """
    spans: list[Span] = []
    start = pieces[0].start
    for before, after in pairwise(pieces):
        if after.start - before.end > MAX_GAP:
            spans.append(Span(start, before.end + KEPT_SILENCE))
            start = after.start - KEPT_SILENCE
    return (*spans, Span(start, min(pieces[-1].end, total_samples)))


def _chunk(index: int, spans: tuple[Span, ...], probabilities: Probabilities, smooth: Probabilities) -> ChunkPlan:
    windows = np.concatenate([np.arange(span.start // WINDOW, -(-span.end // WINDOW)) for span in spans])
    speech_s = float(np.count_nonzero(probabilities[windows] >= ONSET)) * WINDOW / SAMPLE_RATE
    samples = sum(span.samples for span in spans)
    return ChunkPlan(index, spans, min(speech_s, samples / SAMPLE_RATE), _split(spans, samples, smooth))


def _split(spans: tuple[Span, ...], samples: int, smooth: Probabilities) -> int:
    """The sample in the middle half of the chunk where speech is least likely; of equals, the nearest to the middle."""
    places = np.arange(samples // 4, samples * 3 // 4, WINDOW // 2)
    if not len(places):
        return samples // 2
    offsets = np.array([0, *accumulate(span.samples for span in spans[:-1])])
    span = np.searchsorted(offsets, places, "right") - 1
    recorded = places - offsets[span] + np.array([span.start for span in spans])[span]
    likely = smooth[np.minimum(recorded // WINDOW, len(smooth) - 1)]
    equals = places[likely == likely.min()]
    return int(equals[np.argmin(np.abs(equals - samples // 2))])


def _smooth(probabilities: Probabilities) -> Probabilities:
    """The moving mean, so that a cut falls into a pause and not between two phones."""
    sums = np.cumsum(np.pad(probabilities, (SMOOTHED // 2 + 1, SMOOTHED // 2), "edge"), dtype=np.int64)
    return ((sums[SMOOTHED:] - sums[:-SMOOTHED]) // SMOOTHED).astype(np.uint8)
