"""A chunk in several languages is divided into stretches of one language each."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import SAMPLE_RATE, Recognition, Word
from voicepipe_orchestrator.transcribe.code_switching import (
    MAX_PIECES,
    MIN_PIECE_S,
    Stretch,
    cut_points,
    more_confident,
    spoken_languages,
    stretches,
)
from voicepipe_orchestrator.transcribe.word_timing import Pause

pause_lists = st.lists(st.tuples(st.floats(0, 28), st.floats(0.03, 2)), max_size=30).map(
    lambda pairs: [Pause(start, start + length) for start, length in sorted(pairs)]
)


def recognition(language, languages):
    return Recognition("", (), language, -0.1, 0.0, 1.0, truncated=False, languages=languages)


def test_a_chunk_in_one_language_has_one_candidate():
    assert spoken_languages(recognition("en", {"en": 0.97, "cy": 0.02})) == ("en",)
    assert spoken_languages(recognition("en", {})) == ("en",)


def test_a_language_with_a_tenth_of_the_probability_may_be_spoken_too():
    assert spoken_languages(recognition("es", {"es": 0.52, "en": 0.47, "it": 0.01})) == ("es", "en")


def test_a_lower_probability_is_enough_if_no_language_is_likely():
    assert spoken_languages(recognition("en", {"en": 0.39, "es": 0.09, "ru": 0.04})) == ("en", "es")


def test_a_result_in_another_language_is_kept_only_if_it_is_confident():
    usual = replace(recognition("en", {}), avg_logprob=-1.4)
    words = (Word(0.0, 0.4, "Kich.", 0.3),)
    doubtful = replace(recognition("de", {}), avg_logprob=-1.1, words=words)
    assert more_confident(usual, doubtful) == usual
    assert more_confident(usual, replace(doubtful, avg_logprob=-0.3)).language == "de"
    assert more_confident(replace(usual, avg_logprob=-0.2), replace(doubtful, avg_logprob=-0.3)).language == "en"
    assert more_confident(usual, replace(doubtful, avg_logprob=-0.3, words=())) == usual


@given(pause_lists, st.floats(0.5, 28))
def test_pieces_are_not_too_short_and_not_too_many(pauses, seconds):
    samples = int(seconds * SAMPLE_RATE)
    edges = [0, *cut_points(pauses, samples), samples]
    pieces = [end - start for start, end in pairwise(edges)]
    assert sum(pieces) == samples
    assert len(pieces) <= MAX_PIECES
    if len(pieces) > 1:
        assert min(pieces) >= int(MIN_PIECE_S * SAMPLE_RATE)


def test_a_chunk_is_cut_in_the_middle_of_its_pauses():
    assert cut_points([Pause(2.0, 3.0), Pause(6.0, 6.05)], 8 * SAMPLE_RATE) == (int(2.5 * SAMPLE_RATE),)


def test_adjacent_pieces_in_one_language_are_one_stretch():
    probabilities = [{"es": 0.9}, {"es": 0.5, "en": 0.4}, {"ms": 0.6, "en": 0.3}]
    assert stretches((0, 10, 20, 30), probabilities, ("es", "en")) == (Stretch(0, 20, "es"), Stretch(20, 30, "en"))


def test_a_piece_without_a_candidate_language_is_in_the_usual_one():
    assert stretches((0, 10), [{"ms": 1.0}], ("es", "en")) == (Stretch(0, 10, "es"),)
