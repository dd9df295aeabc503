import importlib
import math

import pytest
from byte_tokens import known, time_token
from hypothesis import given
from hypothesis import strategies as st

words = importlib.import_module("whisper.1.words")
Piece = importlib.import_module("whisper.1.vocabulary").Piece
vocabulary = known()


def split(text, language="en"):
    return [word.text for word in words.split(vocabulary.pieces(list(text.encode())), language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (" hello world", "en", [" hello", " world"]),
        (" Hello, world!", "en", [" Hello,", " world!"]),
        (" he said “yes” (no)", "en", [" he", " said", " “yes”", " (no)"]),
        (" don't stop", "en", [" don't", " stop"]),
        (" 3.5 mm", "en", [" 3.5", " mm"]),
        ("你好。再见", "zh", ["你", "好。", "再", "见"]),
        (" grüß dich", "de", [" grüß", " dich"]),
        (" Bonjour ! Ça va ?", "fr", [" Bonjour !", " Ça", " va ?"]),
        (" in the U.S. today", "en", [" in", " the", " U.S.", " today"]),
        (" - yes 'no'", "en", [" - yes", " 'no'"]),
        ("“好”吗", "zh", ["“好”", "吗"]),
        ("…", "en", ["…"]),
        (" ", "en", [" "]),
        ("", "en", []),
    ],
)
def test_text_is_split_into_words_as_a_reader_would(text, language, expected):
    assert split(text, language) == expected


@given(st.text(max_size=40), st.sampled_from(["en", "zh", "th", "de"]))
def test_the_joined_words_are_the_text(text, language):
    ids = list(text.encode("utf-8", "ignore"))
    found = words.split(vocabulary.pieces(ids), language)
    assert "".join(word.text for word in found) == vocabulary.text(ids)
    assert sum(word.tokens for word in found) == len(ids)


def test_a_word_ends_at_the_next_and_has_the_mean_probability_of_its_tokens():
    path = [(0, 10), (0, 11), (1, 20), (2, 30), (2, 31), (3, 50)]
    first, second = words.timed([Piece(" hel", 2), Piece(" lo", 1)], path, [0.9, 0.4, 0.5], 5.0)
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0.2, 0.6, 0.6, 1.0)
    assert first.probability == pytest.approx(math.sqrt(0.9 * 0.4), abs=1e-4)
    assert (first.text, second.text) == ("hel", "lo")


@given(st.data())
def test_times_never_decrease_or_exceed_the_duration(data):
    counts = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=10))
    n = sum(counts)
    frames = sorted(data.draw(st.lists(st.integers(0, 1_499), min_size=n + 1, max_size=n + 1)))
    skipped = data.draw(st.sets(st.integers(0, n)))
    path = [(token, frame) for token, frame in enumerate(frames) if token not in skipped]
    duration_s = data.draw(st.floats(0, 30))
    found = words.timed([Piece(" w", count) for count in counts], path, [0.5] * n, duration_s)
    times = [time for word in found for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(0 <= time <= duration_s + 0.001 for time in times)


def test_a_token_of_probability_zero_gives_a_finite_number():
    (word,) = words.timed([Piece(" a", 1)], [(0, 0), (1, 5)], [0.0], 1.0)
    assert word.probability == 0


def test_segments_are_between_timestamp_tokens():
    tokens = [
        time_token(0.5), *b" one", time_token(1.0), time_token(2.0), *b" two", time_token(3.0), *b" rest", vocabulary.end,
    ]  # fmt: skip
    assert words.segments(tokens, vocabulary, 4.0) == [(0.5, 1.0, "one"), (2.0, 3.0, "two"), (3.0, 4.0, "rest")]


def test_segments_end_with_the_audio():
    assert words.segments([time_token(0), *b" a", time_token(29.0)], vocabulary, 2.0) == [(0, 2.0, "a")]


def test_without_text_there_are_no_segments():
    assert words.segments([time_token(0), time_token(1)], vocabulary, 2.0) == []


def test_a_foreign_word_in_a_language_without_spaces_is_one_word():
    pieces = [Piece(text, 1) for text in ("What", "'s", " the", " we", "ather", "?", "今天", "天气")]
    assert [word.text for word in words.split(pieces, "zh")] == ["What's", " the", " weather?", "今天", "天气"]
