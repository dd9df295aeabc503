"""Properties of word times after they were snapped to pauses."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import SAMPLE_RATE, Word
from voicepipe_orchestrator.transcribe.word_timing import MIN_WORD_S, pauses, snap_to_pauses


def audio(*pieces, noise=30):
    """Alternating (seconds, is_loud) pieces as noise: loud at -20 dB, quiet near -60 dB."""
    rng = np.random.default_rng(3)
    parts = [rng.normal(0, 3000 if is_loud else noise, round(length_s * SAMPLE_RATE)) for length_s, is_loud in pieces]
    return np.concatenate(parts).astype(np.int16)


def words(*times_s):
    return tuple(Word(start_s, end_s, f"w{n}", 0.9) for n, (start_s, end_s) in enumerate(times_s))


def times(corrected):
    return [(round(word.start_s, 2), round(word.end_s, 2)) for word in corrected]


@st.composite
def chunks(draw):
    pieces = draw(st.lists(st.tuples(st.floats(0.01, 0.8), st.booleans()), min_size=1, max_size=20))
    pcm = audio(*pieces)
    edges = sorted(draw(st.lists(st.floats(0, len(pcm) / SAMPLE_RATE), max_size=24)))
    contiguous = draw(st.booleans())
    pairs = pairwise(edges) if contiguous else zip(edges[::2], edges[1::2], strict=False)
    return words(*pairs), pcm


@given(chunks())
@settings(max_examples=200, deadline=None)
def test_words_keep_their_order_and_a_minimal_length(chunk):
    before, pcm = chunk
    after = snap_to_pauses(before, pcm)
    assert [word.text for word in after] == [word.text for word in before]
    edges = [edge for word in after for edge in (word.start_s, word.end_s)]
    assert edges == sorted(edges)
    for old, new in zip(before, after, strict=True):
        assert new.end_s - new.start_s >= min(MIN_WORD_S, old.end_s - old.start_s) - 1e-9
    assert all(0 <= edge <= len(pcm) / SAMPLE_RATE for edge in edges)


@pytest.mark.parametrize("boundary_s", [0.75, 0.9, 1.0, 1.2, 1.35])
def test_a_pause_separates_two_words_wherever_the_model_put_the_boundary(boundary_s):
    pcm = audio((0.2, False), (0.7, True), (0.3, False), (0.6, True), (0.3, False))
    corrected = snap_to_pauses(words((0.05, boundary_s), (boundary_s, 2.0)), pcm)
    assert times(corrected) == [(0.2, 0.9), (1.2, 1.8)]


def test_the_closure_of_a_stop_consonant_does_not_move_words():
    pcm = audio((0.5, False), (0.6, True), (0.06, False), (0.6, True), (0.5, False))
    corrected = snap_to_pauses(words((0.5, 0.8), (0.8, 1.76)), pcm)
    assert times(corrected) == [(0.5, 0.8), (0.8, 1.76)]


def test_in_noise_as_loud_as_speech_no_word_moves():
    pcm = audio((0.5, False), (0.6, True), (0.5, False), (0.6, True), noise=1500)
    given_words = words((0.4, 1.2), (1.2, 2.2))
    assert snap_to_pauses(given_words, pcm) == given_words


def test_words_are_snapped_to_pauses_over_a_loud_background_too():
    pcm = audio((0.4, False), (0.6, True), (0.4, False), (0.6, True), (0.4, False), noise=200)
    assert times(snap_to_pauses(words((0.2, 1.1), (1.1, 2.2)), pcm)) == [(0.4, 1.0), (1.4, 2.0)]


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 16_000])
def test_digital_silence_has_no_pauses_and_moves_no_word(samples):
    pcm = np.zeros(samples, np.int16)
    assert pauses(pcm) == ()
    assert snap_to_pauses(words((0.0, 0.5)), pcm) == words((0.0, 0.5))


def test_no_words_give_no_words():
    assert snap_to_pauses((), audio((1, True))) == ()
