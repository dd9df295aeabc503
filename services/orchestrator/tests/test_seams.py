"""The words at a seam lie in the speech on either side of the removed gap, whatever sound there is around the seam."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fixtures import sounds
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, Word
from voicepipe_orchestrator.transcribe.seams import gaps_at_seams, omits_a_span, to_their_sides

STATIONARY = ("silence", "white noise", "pink noise", "brown noise", "mains hum", "fan", "dial tone, 350 and 440 Hz")
SPEECH_S, TAIL_S, LEAD_S = 3.0, 1.2, 0.4
SEAM_S = SPEECH_S + TAIL_S
SPANS = (Span(0, round(SEAM_S * SAMPLE_RATE)), Span(40 * SAMPLE_RATE, 43 * SAMPLE_RATE))


def voice(seconds, seed):
    """Like speech: harmonics whose pitch and level change four times a second."""
    at_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 4 * at_s + seed)) / SAMPLE_RATE
    level = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * at_s)
    return (sum(np.sin(n * phase) / n for n in range(1, 20)) * level * 3000).astype(np.int16)


def chunk(sound, level_db=None):
    """3 s of speech, 1.2 s of a sound; the seam; 0.4 s of the sound, 2.6 s of speech."""
    noise = sounds.sound(sound, 30, level_db)
    parts = (
        voice(SPEECH_S, 0),
        noise[: round(TAIL_S * SAMPLE_RATE)],
        noise[-round(LEAD_S * SAMPLE_RATE) :],
        voice(2.6, 1),
    )
    return np.concatenate(parts)


def words(*times_s):
    return tuple(Word(start_s, end_s, f"w{n}", 0.9) for n, (start_s, end_s) in enumerate(times_s))


@pytest.mark.parametrize("sound", STATIONARY)
@pytest.mark.parametrize("level_db", [-40.0, -20.0])
def test_what_sounds_like_the_seam_belongs_to_the_gap(sound, level_db):
    (gap,) = gaps_at_seams(chunk(sound, level_db), SPANS)
    assert gap.start_s == pytest.approx(SPEECH_S, abs=0.12)
    assert gap.end_s == pytest.approx(SEAM_S + LEAD_S, abs=0.12)


@pytest.mark.parametrize("sound", STATIONARY)
@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(3.0, 4.1), (3.0, 4.8), (3.05, 4.5)],
    ids=["before the seam", "across it", "across it, in the gap"],
)
def test_a_word_in_the_gap_is_the_first_one_after_it(sound, start_s, end_s):
    placed = to_their_sides(words((2.0, 3.0), (start_s, end_s), (max(end_s, 4.6), 5.2)), chunk(sound), SPANS)
    assert placed[0].end_s == pytest.approx(3.0, abs=0.12)
    assert placed[1].start_s == pytest.approx(4.6, abs=0.12)
    assert placed[2].end_s == 5.2


def test_the_last_word_before_a_gap_ends_where_the_gap_starts():
    placed = to_their_sides(words((2.0, 2.5), (2.5, 4.3), (4.6, 5.2)), chunk("fan"), SPANS)
    assert placed[1].start_s == 2.5
    assert placed[1].end_s == pytest.approx(3.0, abs=0.12)
    assert placed[2].start_s == pytest.approx(4.6, abs=0.12)


def test_the_last_word_of_a_sentence_stays_before_the_gap():
    one, two, three = words((2.0, 2.9), (2.95, 3.3), (4.7, 5.0))
    placed = to_their_sides((one, replace(two, text="please?"), three), chunk("fan"), SPANS)
    assert placed[1].start_s == 2.95


@pytest.mark.parametrize(
    ("texts", "at_s"),
    [("Enough. If he comes", 4.6), ("Enough. He may. Yes he", 2.5), ("Enough and if he", 2.5)],
    ids=["a sentence that starts", "a sentence that ends", "no sentence"],
)
def test_nobody_starts_a_sentence_before_a_long_gap(texts, at_s):
    def said(times_s):
        return [replace(word, text=text) for word, text in zip(words(*times_s), texts.split(), strict=True)]

    times_s = [(2.0, 2.5), (2.5, 2.9), (4.7, 5.0), (5.0, 6.0)] if texts.count(" ") == 3 else None
    times_s = times_s or [(2.0, 2.5), (2.5, 2.7), (2.7, 2.9), (4.7, 5.0), (5.0, 6.0)]
    placed = to_their_sides(said(times_s), chunk("breath"), SPANS)
    assert placed[1].start_s == pytest.approx(at_s, abs=0.4)


def test_words_of_a_chunk_without_a_seam_stay():
    given_words = words((0.0, 1.0), (1.0, 2.9))
    assert to_their_sides(given_words, chunk("fan"), (Span(0, 7 * SAMPLE_RATE),)) == given_words


@given(st.lists(st.floats(0, 7.2), max_size=20), st.sampled_from(STATIONARY))
@settings(max_examples=100)
def test_words_keep_their_order_and_their_number(edges, sound):
    given_words = words(*pairwise(sorted(edges)))
    placed = to_their_sides(given_words, chunk(sound), SPANS)
    assert [word.text for word in placed] == [word.text for word in given_words]
    placed_edges = [edge for word in placed for edge in (word.start_s, word.end_s)]
    assert placed_edges == sorted(placed_edges)


@pytest.mark.parametrize(
    ("times_s", "omits"),
    [
        (((0.0, 0.5), (0.5, 1.0), (1.0, 3.0)), True),
        (((0.0, 1.0), (1.0, 3.0), (4.6, 5.0), (5.0, 7.0)), False),
        (((4.6, 5.0), (5.0, 7.0)), True),
        ((), True),
    ],
)
def test_a_span_with_hardly_any_words_is_omitted(times_s, omits):
    assert omits_a_span(words(*times_s), SPANS) == omits


def test_little_speech_may_have_no_words():
    assert not omits_a_span((), (Span(0, round(1.8 * SAMPLE_RATE)), Span(5 * SAMPLE_RATE, round(6.8 * SAMPLE_RATE))))
