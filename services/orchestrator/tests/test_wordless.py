"""Speech without words is found, and where it is."""

import pytest
from voicepipe_orchestrator.assemble.wordless import wordless
from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import LONGEST_PAUSE_S, SAMPLE_RATE, ChunkPlan, Recognition, Span, Word


def chunk(spans_s, *words_s, speech_s=20.0):
    spans = tuple(Span(int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)) for start, end in spans_s)
    words = tuple(Word(start_s, start_s + 0.3, "word", 0.9) for start_s in words_s)
    recognition = Recognition("word" if words else "", words, "en", -0.1, 0.0, 1.0, truncated=False)
    return StoredChunk(ChunkPlan(0, spans, speech_s, SAMPLE_RATE), "done", recognition, None, None)


def found(*chunks):
    return [(round(each.start_s, 2), round(each.duration_s, 2)) for each in wordless(chunks)]


def test_a_chunk_without_words_counts_with_its_speech():
    assert found(chunk([(40, 65)], speech_s=12.5)) == [(40.0, 12.5)]


def test_words_all_the_time_leave_nothing():
    assert found(chunk([(40, 65)], *range(0, 25, 4))) == []


def test_words_that_end_early_leave_the_rest():
    assert found(chunk([(40, 65)], 1, 5, 9)) == [(49.3, 15.7)]


def test_a_hole_between_words_is_found_at_its_time_in_the_recording():
    # The chunk has 10 s from 40 s on, and 15 s from 100 s on.
    assert found(chunk([(40, 50), (100, 115)], 2, 6, 9, 22, 24)) == [(49.3, 12.7)]


def test_words_that_begin_late_leave_the_start():
    assert found(chunk([(0, 20)], 8, 12, 16)) == [(0.0, 8.0)]


@pytest.mark.parametrize("pause_s", [0.5, LONGEST_PAUSE_S])
def test_a_pause_is_no_hole(pause_s):
    assert found(chunk([(0, 4 + pause_s)], 1, 3, 3 + pause_s)) == []
