"""Words over sounds without speech are dropped, and words that somebody said are not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import Recognition, Word
from voicepipe_orchestrator.transcribe.invention import BRIEF, KNOWN, LOOP, NO_SPEECH, RULES, TOO_FAST, invention

UNLIKELY, LIKELY = 0.61, 0.6


def recognition(text, **changes):
    words = tuple(Word(float(n), n + 0.5, word, 0.9) for n, word in enumerate(text.split()))
    usual = Recognition(text, words, "en", -0.5, UNLIKELY, 1.0, truncated=False)
    return replace(usual, **changes)


@pytest.mark.parametrize(
    ("text", "changes", "speech_s", "loops", "rule"),
    [
        ("The weather is fine", {"avg_logprob": -1.01}, 3.0, False, NO_SPEECH),
        ("The weather is fine", {"avg_logprob": -1.0}, 3.0, False, None),
        ("Weather", {}, 0.49, False, BRIEF),
        ("Weather", {}, 0.5, False, None),
        ("Thank you.", {}, 3.0, False, KNOWN),
        ("Thanks for watching!", {}, 9.0, False, KNOWN),
        ("Thank you, Mary.", {}, 3.0, False, None),
        ("no no no no no", {}, 3.0, True, LOOP),
        ("no no no no no", {}, 3.0, False, None),
        ("1-2-3" + "-4" * 40, {}, 2.0, False, TOO_FAST),
        ("1-2-3" + "-4" * 40, {}, 9.0, False, None),
    ],
)
def test_words_are_dropped_if_speech_is_unlikely_and_a_rule_applies(text, changes, speech_s, loops, rule):
    assert invention(recognition(text, **changes), speech_s, loops=loops) == rule


@given(
    st.sampled_from(["Thank you.", "you", "Yes.", "Thanks for watching!", "4" * 200]),
    st.floats(0, LIKELY),
    st.floats(-5, 0),
    st.floats(0, 28),
    st.booleans(),
)
def test_no_rule_drops_words_where_the_model_hears_speech(text, no_speech_prob, avg_logprob, speech_s, loops):
    heard = recognition(text, no_speech_prob=no_speech_prob, avg_logprob=avg_logprob)
    assert invention(heard, speech_s, loops=loops) is None


def test_nothing_is_dropped_where_there_are_no_words():
    assert invention(recognition("", avg_logprob=-3.0), 0.1, loops=True) is None


def test_every_rule_is_exported():
    assert set(RULES) == {NO_SPEECH, BRIEF, KNOWN, LOOP, TOO_FAST}
