"""Properties of chunk plans, for any recording."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, halves
from voicepipe_orchestrator.prepare.chunking import EARLIEST_CUT, KEPT_SILENCE, MAX_CHUNK, MAX_GAP, plan_chunks
from voicepipe_orchestrator.prepare.speech_regions import ONSET, WINDOW, regions


@st.composite
def recordings(draw):
    """Probabilities made of runs, some of them much longer than a chunk."""
    runs = draw(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 255)), max_size=60))
    if draw(st.booleans()):
        runs.insert(draw(st.integers(0, len(runs))), (draw(st.integers(800, 4000)), 250))
    probabilities = np.concatenate([np.zeros(0, np.uint8), *(np.full(n, value, np.uint8) for n, value in runs)])
    noise = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 6, len(probabilities))
    probabilities = np.clip(probabilities.astype(int) - noise, 0, 255).astype(np.uint8)
    missing = draw(st.integers(0, WINDOW - 1)) if len(probabilities) else 0
    return probabilities, len(probabilities) * WINDOW - missing


def planned(recording):
    probabilities, samples = recording
    speech_spans = regions(probabilities, samples)
    return speech_spans, plan_chunks(speech_spans, probabilities, samples)


def covered(spans, samples):
    count = np.zeros(samples, np.uint8)
    for span in spans:
        count[span.start : span.end] += 1
    return count


@given(recordings())
@settings(max_examples=200, deadline=None)
def test_every_sample_of_speech_is_in_exactly_one_chunk(recording):
    speech_spans, chunks = planned(recording)
    count = covered([span for chunk in chunks for span in chunk.spans], recording[1])
    assert count.max(initial=0) <= 1
    assert count[covered(speech_spans, recording[1]) > 0].all()


@given(recordings())
@settings(max_examples=200, deadline=None)
def test_chunks_are_in_order_and_no_longer_than_the_maximum(recording):
    _, chunks = planned(recording)
    spans = [span for chunk in chunks for span in chunk.spans]
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= recording[1] for span in spans)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert all(0 < chunk.samples <= MAX_CHUNK for chunk in chunks)


@given(recordings())
@settings(max_examples=200, deadline=None)
def test_within_a_chunk_long_silence_is_shortened_and_short_silence_kept(recording):
    speech_spans, chunks = planned(recording)
    speech = covered(speech_spans, recording[1])
    for chunk in chunks:
        for before, after in zip(chunk.spans, chunk.spans[1:], strict=False):
            assert after.start - before.end + 2 * KEPT_SILENCE > MAX_GAP
            assert not speech[before.end - KEPT_SILENCE : after.start + KEPT_SILENCE].any()
            assert speech[before.end - KEPT_SILENCE - 1]
            assert speech[after.start + KEPT_SILENCE]


@given(recordings())
@settings(max_examples=200, deadline=None)
def test_halves_of_a_chunk_lose_nothing_and_meet_near_its_middle(recording):
    for chunk in planned(recording)[1]:
        first, second = halves(chunk)
        assert first.samples == chunk.split
        assert first.samples + second.samples == chunk.samples
        assert min(first.samples, second.samples) * 4 >= chunk.samples - 4
        whole = covered(chunk.spans, recording[1])
        assert (covered((*first.spans, *second.spans), recording[1]) == whole).all()
        assert first.speech_s + second.speech_s == pytest.approx(chunk.speech_s)


@given(recordings())
@settings(max_examples=100, deadline=None)
def test_the_speech_of_chunks_is_bounded_by_the_detected_speech(recording):
    probabilities, _ = recording
    _, chunks = planned(recording)
    sure_s = np.count_nonzero(probabilities >= ONSET) * WINDOW / SAMPLE_RATE
    # short bursts are dropped; a window that a cut goes through counts on both sides
    assert sum(chunk.speech_s for chunk in chunks) <= sure_s + len(chunks) * 2 * WINDOW / SAMPLE_RATE
    assert all(chunk.speech_s <= chunk.samples / SAMPLE_RATE for chunk in chunks if chunk.samples > MAX_CHUNK // 2)


@pytest.mark.parametrize("windows", [0, 1, 1000])
def test_silence_gives_no_chunk(windows):
    assert planned((np.zeros(windows, np.uint8), windows * WINDOW))[1] == ()


def sentences(*lengths_s, gap_s=0.8):
    spans, at = [], 0
    for length_s in lengths_s:
        spans.append(Span(at, at + int(length_s * SAMPLE_RATE)))
        at = spans[-1].end + int(gap_s * SAMPLE_RATE)
    return tuple(spans)


def lengths_s(spans):
    windows = spans[-1].end // WINDOW + 1
    return [
        round(c.samples / SAMPLE_RATE, 1) for c in plan_chunks(spans, np.full(windows, 255, np.uint8), spans[-1].end)
    ]


def test_a_chunk_ends_at_the_longest_silence_of_its_last_quarter():
    spans = sentences(*[4] * 30)
    later = tuple(Span(s.start + SAMPLE_RATE * 2, s.end + SAMPLE_RATE * 2) for s in spans[5:])
    assert lengths_s((*spans[:5], *later))[0] == pytest.approx(5 * 4 + 4 * 0.8)


def test_the_rest_is_divided_between_the_last_two_chunks():
    assert lengths_s(sentences(9, 9, 8, 1)) == [18.8, 9.8]


def test_speech_that_fits_into_one_chunk_is_one_chunk():
    assert lengths_s(sentences(9, 9, 8)) == [27.6]


def test_speech_without_a_pause_is_cut_where_speech_is_least_likely():
    windows = 60 * SAMPLE_RATE // WINDOW
    probabilities = np.full(windows, 240, np.uint8)
    weakest = 20 * SAMPLE_RATE // WINDOW
    probabilities[weakest - 2 : weakest + 3] = 120
    probabilities[10 * SAMPLE_RATE // WINDOW] = 0  # too early
    spans = (Span(0, windows * WINDOW),)
    first = plan_chunks(spans, probabilities, windows * WINDOW)[0]
    assert first.samples >= EARLIEST_CUT
    assert abs(first.samples - weakest * WINDOW) <= 2 * WINDOW


def test_a_chunk_is_split_in_its_pause():
    probabilities = np.full(1 + 20 * SAMPLE_RATE // WINDOW, 240, np.uint8)
    pause = 8 * SAMPLE_RATE // WINDOW
    probabilities[pause - 4 : pause + 5] = 0
    (chunk,) = plan_chunks((Span(0, 20 * SAMPLE_RATE),), probabilities, 20 * SAMPLE_RATE)
    assert abs(chunk.split - pause * WINDOW) <= 4 * WINDOW
