"""Recordings composed of pieces that are recognizable by the values of their samples."""

from itertools import islice

import numpy as np
import pytest

from .speech import PAUSE, RATE, Piece, Speech


def piece(value: int, seconds: float, speakers: int = 1) -> Piece:
    return Piece(np.full(round(seconds * RATE), value, np.int16), speakers)


SPEECH = Speech(
    [piece(number * 1000, 8 + number) for number in range(1, 8)] + [piece(9000, 90, speakers=2)], "invented"
)


def order(samples: np.ndarray) -> list[int]:
    """The pieces that `samples` consist of; a piece with added noise counts as that piece."""
    values = np.round(samples / 1000).astype(int)
    numbers = values[np.flatnonzero(np.diff(values, prepend=0))]
    return [int(value) for value in numbers if value]


def test_the_same_seed_gives_the_same_samples_and_another_seed_another_order():
    first = SPEECH.varied(120, seed=1)
    assert len(first) == 120 * RATE
    assert np.array_equal(first, SPEECH.varied(120, seed=1))
    assert order(first) != order(SPEECH.varied(120, seed=2))


def test_varied_speech_has_at_most_a_minute_of_one_recording():
    samples = SPEECH.varied(150)
    assert np.count_nonzero(samples == 9000) == 60 * RATE


def test_repeated_speech_has_different_bytes():
    once, again = islice(SPEECH.clips(9, 9), 2)
    assert order(once) == order(again) == [1]
    assert not np.array_equal(once, again)


def test_six_clips_are_repeated_eight_times_each():
    total_s = sum(8 * (8 + number + len(PAUSE) / RATE) for number in range(1, 7))
    assert order(SPEECH.repeating(total_s)) == [number for number in range(1, 7) for _ in range(8)]


def test_a_conversation_has_only_recordings_of_several_people():
    assert set(order(SPEECH.conversation(200))) == {9}


def test_a_collection_without_a_recording_of_that_kind_raises_an_error():
    with pytest.raises(ValueError, match="no recording of that kind"):
        next(SPEECH.clips(100, 200))
