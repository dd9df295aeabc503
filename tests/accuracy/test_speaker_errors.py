"""Speaker errors in cases made by hand."""

import json
import subprocess

import pytest

from .corpus import ROOT
from .speaker_errors import assign_to_turns, cpwer, wder
from .speakers import PROGRAM

REFERENCE = [("good", "ann"), ("morning", "ann"), ("bob", "ann"), ("hello", "bob"), ("ann", "bob")]


def with_speakers(*speakers):
    return [(word, speaker) for (word, _), speaker in zip(REFERENCE, speakers, strict=True)]


def test_names_of_speakers_do_not_matter():
    assert wder(REFERENCE, with_speakers("2", "2", "2", "1", "1")) == (0, 5)
    assert cpwer(REFERENCE, with_speakers("2", "2", "2", "1", "1")) == (0, 5)


def test_a_word_of_another_speaker_is_wrong():
    assert wder(REFERENCE, with_speakers("1", "1", "2", "2", "2")) == (1, 5)
    assert cpwer(REFERENCE, with_speakers("1", "1", "2", "2", "2")) == (
        2,
        5,
    )  # missing for one person, inserted for the other


def test_one_speaker_for_two_people_is_wrong_for_the_one_who_says_less():
    assert wder(REFERENCE, with_speakers("1", "1", "1", "1", "1")) == (2, 5)


def test_words_without_a_speaker_are_wrong():
    assert wder(REFERENCE, with_speakers(None, None, None, None, None)) == (5, 5)
    assert wder(REFERENCE, with_speakers("1", "1", "1", "2", None)) == (1, 5)


def test_extra_speakers_are_matched_for_the_most_agreement():
    assert wder(REFERENCE, with_speakers("1", "1", "2", "3", "3")) == (1, 5)


def test_missed_and_invented_words_do_not_count_as_speaker_errors():
    assert wder(REFERENCE, [("good", "1"), ("morning", "1"), ("hello", "2"), ("ann", "2"), ("dear", "1")]) == (0, 4)


def test_a_word_goes_to_the_turn_that_covers_most_of_it():
    turns = [(0.0, 1.0, "a"), (0.9, 2.0, "b")]
    words = [(0.0, 0.5, "one"), (0.8, 1.6, "two"), (3.0, 3.5, "three")]
    assert assign_to_turns(words, turns) == ["a", "b", None]
    assert assign_to_turns(words, []) == [None, None, None]


def test_missed_falsely_detected_and_confused_seconds_are_counted():
    right = [(0.0, 4.0, "x"), (4.0, 8.0, "y")]
    late = [(0.0, 3.0, "x"), (4.0, 9.0, "y")]
    mixed = [(0.0, 5.0, "x"), (5.0, 8.0, "y")]
    exact, lenient = zip(*scored(right, late, mixed, []), strict=True)
    assert [one["missed"] for one in exact] == pytest.approx([0, 1, 0, 8])
    assert [one["false_alarm"] for one in exact] == pytest.approx([0, 1, 0, 0])
    assert [one["confused"] for one in exact] == pytest.approx([0, 0, 1, 0])
    assert [one["total"] for one in exact] == pytest.approx([8] * 4)
    # Without a quarter of a second on either side of each boundary.
    assert [one["total"] for one in lenient] == pytest.approx([7] * 4)
    assert lenient[2]["confused"] == pytest.approx(0.75)


def scored(*hypotheses):
    reference = [(0.0, 4.0, "ann"), (4.0, 8.0, "bob")]
    cases = [{"reference": reference, "hypothesis": one, "duration_s": 10.0} for one in hypotheses]
    request = json.dumps({"collars_s": [0.0, 0.25], "cases": cases})
    python = ROOT / ".venv-diarizer/bin/python"
    done = subprocess.run(
        [python, "-W", "ignore", PROGRAM], input=request, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)
