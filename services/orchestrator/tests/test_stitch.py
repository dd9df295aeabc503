"""The transcript has all words of all chunks once and in order, whatever their times and order of arrival."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.assemble.stitch import (
    MAX_SEGMENT_S,
    MAX_SEGMENT_WORDS,
    PAUSE_S,
    ChunkWords,
    gaps_of,
    plain_text,
    stitch,
)
from voicepipe_orchestrator.domain import ChunkPlan, Span, Word
from voicepipe_wire.transcript.document import Gap
from voicepipe_wire.transcript.languages import join_words

texts = st.sampled_from(["one", "Two", "three,", "four.", '"Five."', "Dr.", "six?", "。", "7"])
pauses = st.sampled_from([0.0, 0.1, 0.5, 0.79, 0.8, 3.0])
lengths = st.sampled_from([0.0, 0.2, 0.4, 2.0])
rows = st.lists(st.tuples(pauses, lengths, st.floats(-1, 1), texts, st.floats(0, 1)), max_size=6)


@st.composite
def recordings(draw, *, disorder=0.0):
    """Chunks one after another; with `disorder`, word times are wrong by up to that many seconds."""
    at_s = 0.0
    chunks = []
    for index in range(draw(st.integers(0, 4))):
        words = []
        for pause_s, lasts_s, wrong_s, text, probability in draw(rows) * draw(st.sampled_from([1, 1, 20])):
            at_s += pause_s
            start_s, end_s = at_s + wrong_s * disorder, at_s + lasts_s - wrong_s * disorder
            words.append(Word(max(0.0, start_s), max(0.0, end_s), text, probability))
            at_s += lasts_s
        chunks.append(ChunkWords(index, tuple(words), draw(st.sampled_from(["en", "en", "de", "zh"]))))
    return chunks


def spoken(*texts_and_pauses, language="en", index=0, start_s=0.0):
    """A chunk of words that last 0.3 s; a number is a pause."""
    at_s, words = start_s, []
    for each in texts_and_pauses:
        if isinstance(each, str):
            words.append(Word(at_s, at_s + 0.3, each, 0.9))
            at_s += 0.3
        else:
            at_s += each
    return ChunkWords(index, tuple(words), language)


def texts_of(segments):
    return [segment.text for segment in segments]


@given(recordings(disorder=1.5))
def test_no_word_is_lost_or_duplicated(chunks):
    segments = stitch(chunks)
    assert [word.text for segment in segments for word in segment.words] == [w.text for c in chunks for w in c.words]


@given(recordings(disorder=1.5))
def test_times_never_run_backwards_and_words_never_overlap(chunks):
    words = [word for segment in stitch(chunks) for word in segment.words]
    assert all(0 <= word.start_s <= word.end_s for word in words)
    assert all(before.end_s <= after.start_s for before, after in itertools.pairwise(words))


@given(recordings())
def test_times_in_order_are_not_changed(chunks):
    assert [word for segment in stitch(chunks) for word in segment.words] == [w for c in chunks for w in c.words]


@given(recordings(disorder=0.5), st.randoms())
def test_the_order_in_which_chunks_arrive_does_not_matter(chunks, random):
    assert stitch(random.sample(chunks, len(chunks))) == stitch(chunks)


@given(recordings())
def test_chunk_boundaries_do_not_matter(chunks):
    english = [ChunkWords(chunk.index, chunk.words, "en") for chunk in chunks]
    whole = ChunkWords(0, tuple(word for chunk in english for word in chunk.words), "en")
    assert stitch(english) == stitch([whole])


@given(recordings(disorder=0.5))
def test_a_segment_is_consistent_with_its_words(chunks):
    for segment in stitch(chunks):
        assert segment.words
        assert (segment.start_s, segment.end_s) == (segment.words[0].start_s, segment.words[-1].end_s)
        assert segment.text == join_words([word.text for word in segment.words], segment.language)
        probabilities = [word.probability for word in segment.words]
        assert min(probabilities) - 1e-9 <= segment.confidence <= max(*probabilities, 1e-4) + 1e-9


@given(recordings())
def test_a_segment_is_short_and_has_no_long_pause_in_it(chunks):
    for segment in stitch(chunks):
        assert len(segment.words) <= MAX_SEGMENT_WORDS
        assert segment.end_s - segment.start_s <= MAX_SEGMENT_S or len(segment.words) == 1
        assert all(b.start_s - a.end_s < PAUSE_S for a, b in itertools.pairwise(segment.words))


@given(recordings(), st.floats(0, 100), st.floats(0, 30))
def test_no_segment_spans_a_gap(chunks, start_s, length_s):
    gap = Gap(start_s, start_s + length_s, "chunk_failed")
    middle_s = (gap.start_s + gap.end_s) / 2
    for segment in stitch(chunks, [gap]):
        starts = [word.start_s for word in segment.words]
        assert all(start < middle_s for start in starts) or all(start >= middle_s for start in starts)


def test_a_sentence_ends_at_its_mark_even_inside_quotes():
    chunk = spoken("He", "said", '"stop."', "Why?", "Nobody", "knows…", "Go!")
    assert texts_of(stitch([chunk])) == ['He said "stop."', "Why?", "Nobody knows…", "Go!"]


def test_titles_initials_and_a_following_lower_case_word_do_not_end_a_sentence():
    chunk = spoken("Dr.", "J.", "Smith", "of", "the", "U.S.", "Army", "said", '"no!"', "and", "left.", "Good.")
    assert texts_of(stitch([chunk])) == ['Dr. J. Smith of the U.S. Army said "no!" and left.', "Good."]


def test_text_without_capitals_is_cut_into_sentences_too():
    assert texts_of(stitch([spoken("yes.", "good", "day.")])) == ["yes.", "good day."]


def test_a_pause_ends_a_segment_without_any_mark():
    assert texts_of(stitch([spoken("one", "two", 0.79, "three", 0.81, "four")])) == ["one two three", "four"]


def test_the_end_of_a_chunk_does_not_end_a_segment():
    chunks = [spoken("one", "two"), spoken("three", index=1, start_s=0.7)]
    assert texts_of(stitch(chunks)) == ["one two three"]


def test_another_language_starts_a_segment():
    segments = stitch([spoken("good", "day"), spoken("你", "好。", index=1, start_s=0.7, language="zh")])
    assert texts_of(segments) == ["good day", "你好。"]
    assert [segment.language for segment in segments] == ["en", "zh"]
    assert plain_text(segments) == "good day 你好。"


def test_a_long_segment_is_cut_at_its_longest_pause_or_a_comma_near_the_middle():
    row = ["word"] * 29
    assert [len(s.words) for s in stitch([spoken(*row, 0.5, *row, "word", "word", "word")])] == [29, 32]
    assert [len(s.words) for s in stitch([spoken(*row, "so,", *row, "word", "word")])] == [30, 31]
    assert [len(s.words) for s in stitch([spoken(*(["word"] * 61))])] == [30, 31]


def test_the_confidence_of_a_segment_is_the_geometric_mean_of_its_words():
    words = (Word(0, 1, "a", 0.9), Word(1, 2, "b", 0.4))
    assert stitch([ChunkWords(0, words, "en")])[0].confidence == pytest.approx(math.sqrt(0.36))


def test_one_word_of_probability_zero_does_not_make_the_confidence_zero():
    words = (*(Word(i, i + 1, "a", 1.0) for i in range(9)), Word(9, 10, "b", 0.0))
    assert stitch([ChunkWords(0, words, "en")])[0].confidence > 0.3


def test_a_word_end_that_is_far_too_late_does_not_move_other_words():
    words = (Word(0, 50, "a", 1.0), Word(1, 2, "b", 1.0))
    assert stitch([ChunkWords(0, words, "en")])[0].words == (Word(0, 1, "a", 1.0), Word(1, 2, "b", 1.0))


def test_a_duplicate_chunk_is_rejected():
    with pytest.raises(ValueError, match="occurs twice"):
        stitch([spoken("a"), spoken("a")])


def test_no_words_give_an_empty_transcript():
    assert stitch([]) == ()
    assert stitch([ChunkWords(0, (Word(0, 1, " ", 0.5),), "en")]) == ()
    assert plain_text(()) == ""


def test_a_failed_chunk_is_one_gap_unless_its_spans_are_far_apart():
    seconds = [(10, 12), (14, 15), (40, 41)]
    plan = ChunkPlan(0, tuple(Span(start * 16_000, end * 16_000) for start, end in seconds), 4.0, 16_000)
    assert gaps_of(plan, "model_failed") == (Gap(10.0, 15.0, "model_failed"), Gap(40.0, 41.0, "model_failed"))
