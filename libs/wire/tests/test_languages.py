"""How words of each language are joined and where they end."""

import pytest
from voicepipe_wire.transcript.languages import LANGUAGES, SENTENCE_ENDS, UNSPACED, join_words, last_mark, separator


def test_all_hundred_languages_of_whisper_are_known():
    assert len(LANGUAGES) == 100
    assert set(LANGUAGES) >= UNSPACED
    assert len(set(LANGUAGES.values())) == 100


def test_words_are_joined_with_or_without_spaces_by_language():
    assert join_words(["good", "day."], "en") == "good day."
    assert join_words(["你", "好。"], "zh") == "你好。"
    assert join_words(["What's", "the", "weather?", "今天", "天气", "OK"], "zh") == "What's the weather?今天天气OK"
    assert separator("zh", "en") == " "


@pytest.mark.parametrize(
    ("word", "mark"),
    [("end.", "."), ('end."', "."), ("end.»)", "."), ("好。」", "。"), ("end", "d"), ('"', ""), ("", "")],
)
def test_the_last_mark_of_a_word_ignores_closing_quotes(word, mark):
    assert last_mark(word) == mark
    assert (mark in SENTENCE_ENDS) == (mark in {".", "。"})
