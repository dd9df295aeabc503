"""Word errors, compared with counts made by hand."""

from pathlib import Path

import pytest

from .corpus import Recording, Stretch
from .runs import Hypothesis, Word
from .words import WordCount, boundary_errors_s, compare, language_is_right, outside_speech


def recording(text="", language="en", **known):
    return Recording("one", Path("one.wav"), language, 10.0, text, **known)


def hypothesis(*words, languages=("en",)):
    return Hypothesis("one", languages, " ".join(text for _, _, text in words), tuple(Word(*word) for word in words))


def test_each_kind_of_wrong_word_is_counted_once():
    output = Hypothesis("one", ("en",), "the hat sat on a big mat")
    assert compare(recording("The cat sat, on the old mat."), output) == WordCount("one", 7, 3, 0, 0)
    assert compare(recording("the cat sat"), Hypothesis("one", ("en",), "cat sat down")) == WordCount("one", 3, 0, 1, 1)
    assert compare(recording("the cat sat"), Hypothesis("one", (), "")).wrong == 3


def test_characters_are_counted_in_languages_without_spaces():
    assert compare(recording("房地产中介", "zh"), Hypothesis("one", ("zh",), "佛地产中间")) == WordCount(
        "one", 5, 2, 0, 0
    )


def test_a_recording_without_a_reference_has_no_rate():
    with pytest.raises(ValueError, match="no reference"):
        compare(recording(None), Hypothesis("one", (), ""))


def test_the_first_and_last_words_of_sentences_are_timed():
    sentences = (Stretch(1.0, 2.0, "a", "Good morning"), Stretch(3.0, 4.0, "b", "Good night everybody"))
    output = hypothesis(
        (1.1, 1.4, "Good"), (1.5, 1.8, "morning."), (2.9, 3.2, "Good"), (3.2, 3.5, "night"), (3.5, 4.5, "anybody")
    )
    assert boundary_errors_s(recording(sentences=sentences), output) == pytest.approx([0.1, -0.2, -0.1])


def test_a_word_is_outside_speech_where_its_middle_is_far_from_any():
    spoken = (Stretch(1.0, 2.0, "a"), Stretch(5.0, 6.0, "b"))
    output = hypothesis((0.7, 0.9, "just"), (1.2, 1.4, "in"), (3.0, 3.4, "nowhere"), (6.2, 6.8, "late"))
    assert outside_speech(recording(stretches=spoken), output) == (2, 4)


def test_a_language_is_right_only_if_no_other_was_recognized():
    assert language_is_right(recording(language="de"), hypothesis(languages=("de",)))
    assert not language_is_right(recording(language="de"), hypothesis(languages=("de", "nl")))
    assert not language_is_right(recording(language="en+es"), hypothesis(languages=("en",)))
    assert language_is_right(recording(language="en+es"), hypothesis(languages=("es", "en")))
