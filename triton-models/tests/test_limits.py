import importlib

from hypothesis import given
from hypothesis import strategies as st
from speech_contract.params import NEW_TOKENS_MAX

limits = importlib.import_module("whisper.1.limits")


def test_a_short_chunk_gets_fewer_tokens_than_a_long_one():
    assert limits.most_tokens(2.0, "en", timestamps=False) == 48
    assert limits.most_tokens(28.0, "en", timestamps=False) == NEW_TOKENS_MAX


def test_a_language_of_unmeasured_rate_gets_more_tokens():
    assert limits.most_tokens(5.0, "hi", timestamps=False) > limits.most_tokens(5.0, "en", timestamps=False)


@given(st.floats(0.1, 30.0), st.sampled_from(["en", "hi"]), st.booleans())
def test_the_fastest_measured_speech_fits(duration_s, language, timestamps):
    measured_per_s = 9.4 if language == "en" else 14.7
    most = limits.most_tokens(duration_s, language, timestamps=timestamps)
    assert min(measured_per_s * duration_s, NEW_TOKENS_MAX) <= most <= NEW_TOKENS_MAX


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.lists(st.integers(10, 19), max_size=20))
def test_a_phrase_repeated_to_the_end_is_a_loop(phrase, before):
    assert limits.is_loop(before + phrase * max(3, -(-48 // len(phrase))))


def test_a_phrase_repeated_twice_is_not_a_loop():
    assert not limits.is_loop(list(range(40)) * 2)


def test_a_few_short_repeats_are_not_a_loop():
    assert not limits.is_loop([1, 2] * 6)


def test_repeats_that_ended_are_not_a_loop():
    assert not limits.is_loop([1, 2] * 20 + list(range(100, 130)))


@given(st.lists(st.integers(), max_size=200, unique=True))
def test_a_text_that_never_repeats_is_not_a_loop(tokens):
    assert not limits.is_loop(tokens)
