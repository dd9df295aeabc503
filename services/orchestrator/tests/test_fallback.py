"""A chunk with a quality issue is tried again, and the best try is kept."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import Recognition, Word
from voicepipe_orchestrator.transcribe.fallback import (
    FALLBACKS,
    NO_WORDS,
    OMITTED,
    REPETITIVE,
    SEVERITY,
    TRUNCATED,
    UNSURE,
    best_try,
    fallbacks,
    is_silence,
    is_worth_trying,
    join_parts,
    lacks_capitals,
    quality_issue,
    same_words,
)


def recognition(text="good day", **changes):
    words = tuple(Word(float(at), at + 0.5, word, 0.9) for at, word in enumerate(text.split()))
    fields = {
        "language": "en",
        "avg_logprob": -0.2,
        "no_speech_prob": 0.1,
        "compression_ratio": 1.1,
        "truncated": False,
        **changes,
    }
    return Recognition(text=text, words=words, **fields)


recognitions = st.builds(
    recognition,
    st.lists(st.sampled_from(["good", "day", "to", "you"]), max_size=5).map(" ".join),
    avg_logprob=st.floats(-3, 0),
    no_speech_prob=st.floats(0, 1),
    compression_ratio=st.floats(0, 5),
    truncated=st.booleans(),
)
tries = st.lists(st.tuples(recognitions, st.sampled_from(list(SEVERITY))), min_size=1, max_size=7)


def test_the_fallbacks_are_timestamps_then_halves_then_a_temperature():
    first, timestamps, halves, drawn = FALLBACKS
    assert (first.timestamps, first.temperature, first.split) == (False, 0.0, False)
    assert (timestamps.timestamps, timestamps.temperature, timestamps.split) == (True, 0.0, False)
    assert (halves.split, halves.temperature) == (True, 0.0)
    assert drawn.temperature == 0.4
    assert not any(attempt.suppress_blank for attempt in FALLBACKS)


@pytest.mark.parametrize(("tier", "beam"), [("accurate", 5), ("fast", 1)])
def test_a_beam_is_used_only_without_a_temperature(tier, beam):
    assert [attempt.beam for attempt in fallbacks(tier)] == [beam, beam, beam, 1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"compression_ratio": 2.4}, None),
        ({"compression_ratio": 2.41, "avg_logprob": -0.31}, REPETITIVE),
        ({"compression_ratio": 2.4, "avg_logprob": -0.31}, None),
        ({"avg_logprob": -1.0}, None),
        ({"avg_logprob": -1.01}, UNSURE),
        ({"truncated": True}, TRUNCATED),
        ({"truncated": True, "compression_ratio": 9.0}, REPETITIVE),
        ({"text": ""}, NO_WORDS),
        ({"avg_logprob": -1.5, "no_speech_prob": 0.7}, NO_WORDS),
        ({"avg_logprob": -0.5, "no_speech_prob": 0.99}, None),
    ],
)
def test_a_try_beyond_a_threshold_has_a_quality_issue(changes, code):
    assert quality_issue(recognition(**changes), speech_s=2.0) == code


def test_a_sentence_that_the_speaker_repeats_is_not_a_loop():
    assert quality_issue(recognition("no " * 20, compression_ratio=6.0, avg_logprob=-0.1), speech_s=20.0) is None


def test_confident_repeats_that_do_not_fit_the_audio_are_a_loop():
    looping = recognition("no " * 20, compression_ratio=6.0, avg_logprob=-0.05)
    squeezed = tuple(replace(word, end_s=word.start_s) for word in looping.words[:9])
    looping = replace(looping, words=(*squeezed, *looping.words[9:]))
    assert quality_issue(looping, speech_s=20.0) == REPETITIVE


def test_truncated_repeats_are_a_loop():
    looping = recognition("no " * 20, compression_ratio=6.0, avg_logprob=-0.05, truncated=True)
    assert quality_issue(looping, speech_s=20.0) == REPETITIVE


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("every purchase is a vote.", True),
        ("Every purchase is a vote.", False),
        ("no", False),
        ("今日 は いい 天気", False),
    ],
)
def test_text_without_capitals_is_detected(text, lacks):
    assert lacks_capitals(text) == lacks


def test_texts_that_differ_only_in_capitals_and_punctuation_have_the_same_words():
    assert same_words("every purchase is a vote", "Every purchase: is a vote.")
    assert not same_words("every purchase is a vote", "Every purchase was a vote.")


@given(recognitions)
def test_no_words_are_an_issue_only_if_there_was_enough_speech(tried):
    if is_silence(tried):
        assert quality_issue(tried, speech_s=1.99) is None
        assert quality_issue(tried, speech_s=2.0) == NO_WORDS


@given(tries)
def test_the_best_try_has_the_mildest_issue_then_most_words_where_speech_is_omitted_then_the_highest_confidence(
    given_tries,
):
    kept, code = best_try(given_tries)
    assert (kept, code) in given_tries
    assert SEVERITY[code] == min(SEVERITY[other] for _, other in given_tries)
    equal = [each for each, other in given_tries if other == code]
    if code == OMITTED:
        most = max(len(each.words) for each in equal)
        equal = [each for each in equal if len(each.words) == most]
    assert kept in equal
    assert kept.avg_logprob == max(each.avg_logprob for each in equal)


def test_the_earliest_of_equal_tries_is_kept():
    first, second = recognition("one"), recognition("two")
    assert best_try([(first, UNSURE), (second, UNSURE)]) == (first, UNSURE)


def test_a_try_without_an_issue_beats_a_more_confident_one_with_an_issue():
    plain = recognition(avg_logprob=-0.9)
    assert best_try([(recognition(avg_logprob=-0.1), REPETITIVE), (plain, None)]) == (plain, None)


@given(recognitions, recognitions, st.integers(5, 20))
def test_joining_keeps_all_words_except_those_made_up_over_silence(first, second, offset_s):
    whole = join_parts([(first, 0.0), (second, offset_s)], "transcribe")
    early = [] if is_silence(first) else [word.text for word in first.words]
    late = [] if is_silence(second) else [word.text for word in second.words]
    assert [word.text for word in whole.words] == early + late
    assert all(word.start_s >= offset_s for word in whole.words[len(early) :])
    assert all(a.start_s < b.start_s for a, b in itertools.pairwise(whole.words))
    assert is_silence(whole) == (is_silence(first) and is_silence(second))


@given(recognitions, recognitions)
def test_halves_without_an_issue_join_to_a_whole_without_one(first, second):
    if not is_silence(first) and not is_silence(second) and quality_issue(first, 9) is quality_issue(second, 9) is None:
        assert quality_issue(join_parts([(first, 0.0), (second, 9.0)], "transcribe"), 9) is None


def test_halves_are_weighted_by_their_number_of_words():
    halves = recognition("a b c", avg_logprob=-0.1), recognition("d", avg_logprob=-0.5)
    whole = join_parts([(halves[0], 0.0), (halves[1], 14.0)], "transcribe")
    assert whole.text == "a b c d"
    assert whole.avg_logprob == pytest.approx(-0.2)


def test_the_language_of_a_whole_is_that_of_the_half_with_more_words():
    halves = recognition("你", language="zh"), recognition("guten tag", language="de")
    whole = join_parts([(halves[0], 0.0), (halves[1], 14.0)], "transcribe")
    assert whole.language == "de"
    assert [word.language for word in whole.words] == ["zh", None, None]


def test_halves_of_a_translation_are_joined_as_english():
    halves = recognition("This is", language="ja"), recognition("a translation.", language="ja")
    assert join_parts([(halves[0], 0.0), (halves[1], 14.0)], "translate").text == "This is a translation."


@pytest.mark.parametrize("attempt", FALLBACKS)
def test_a_temperature_is_not_tried_after_a_result_without_words(attempt):
    assert is_worth_trying(attempt, NO_WORDS, 9.0) == (attempt.temperature == 0)
    assert is_worth_trying(attempt, OMITTED, 9.0) == (attempt.temperature == 0)
    assert is_worth_trying(attempt, REPETITIVE, 9.0)


@pytest.mark.parametrize("attempt", FALLBACKS)
def test_a_single_word_is_not_cut_in_halves(attempt):
    assert is_worth_trying(attempt, UNSURE, 1.9) == (not attempt.split)
