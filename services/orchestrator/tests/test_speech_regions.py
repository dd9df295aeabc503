"""Regions of speech, for any probabilities."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.speech_regions import MIN_SILENCE, MIN_SPEECH, OFFSET, ONSET, PAD, WINDOW, regions

byte_arrays = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([0, OFFSET - 1, OFFSET, ONSET - 1, ONSET, 255])), max_size=40
).map(lambda runs: np.concatenate([np.zeros(0, np.uint8), *(np.full(n, value, np.uint8) for n, value in runs)]))


@given(byte_arrays, st.integers(0, WINDOW - 1))
@settings(deadline=None)
def test_regions_are_sorted_disjoint_and_within_the_recording(probabilities, missing):
    samples = max(len(probabilities) * WINDOW - missing, 0)
    spans = regions(probabilities, samples)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= samples for span in spans)


@given(byte_arrays)
@settings(deadline=None)
def test_long_speech_is_detected_and_long_silence_is_not(probabilities):
    samples = len(probabilities) * WINDOW
    is_in = np.zeros(samples, bool)
    for span in regions(probabilities, samples):
        is_in[span.start : span.end] = True
    run = 0
    for window, value in enumerate([*probabilities.tolist(), None]):
        if value is not None and value >= ONSET:
            run += 1
            continue
        if run * WINDOW >= MIN_SPEECH:
            assert is_in[(window - run) * WINDOW : window * WINDOW].all()
        run = 0
    silent = np.flatnonzero(probabilities >= OFFSET)
    edges = np.r_[-1, silent, len(probabilities)]
    for before, after in pairwise(edges):
        start, end = (before + 1) * WINDOW + PAD, after * WINDOW - PAD
        if (after - before - 1) * WINDOW >= MIN_SILENCE and end > start:
            assert not is_in[start:end].any()


def test_padding_stops_in_the_middle_of_the_silence():
    probabilities = np.zeros(60, np.uint8)
    probabilities[10:20] = probabilities[26:40] = 255
    first, second = regions(probabilities, 60 * WINDOW)
    assert (first.start, first.end) == (10 * WINDOW - PAD, 23 * WINDOW)
    assert (second.start, second.end) == (23 * WINDOW, 40 * WINDOW + PAD)


def test_a_short_dip_does_not_end_speech_and_a_short_burst_does_not_start_it():
    probabilities = np.zeros(80, np.uint8)
    probabilities[10:30] = 255
    probabilities[15:19] = 0  # 128 ms
    probabilities[60:63] = 255  # 96 ms
    assert len(regions(probabilities, 80 * WINDOW)) == 1
