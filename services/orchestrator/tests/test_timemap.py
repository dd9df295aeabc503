"""Properties of the conversion of times, for any chunk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.assemble.timemap import TimeMap
from voicepipe_orchestrator.domain import SAMPLE_RATE, Span, Word


@st.composite
def chunks(draw):
    steps = draw(st.lists(st.tuples(st.integers(1, 400_000), st.integers(1, 200_000)), min_size=1, max_size=12))
    spans, at = [], draw(st.integers(0, 10**9))
    for silence, samples in steps:
        spans.append(Span(at + silence, at + silence + samples))
        at = spans[-1].end
    return tuple(spans)


fractions = st.floats(0, 1)


@given(chunks(), fractions)
def test_a_time_of_the_chunk_survives_the_round_trip(spans, fraction):
    times = TimeMap(spans)
    time_s = fraction * times.length_s
    for convert in (times.start, times.end):
        assert times.chunk_time(convert(time_s)) == pytest.approx(time_s, abs=1e-6)


@given(chunks(), fractions)
def test_a_time_of_the_recording_within_a_span_survives_the_round_trip(spans, fraction):
    times = TimeMap(spans)
    for span in spans:
        recorded_s = (span.start + fraction * span.samples) / SAMPLE_RATE
        back = {times.start(times.chunk_time(recorded_s)), times.end(times.chunk_time(recorded_s))}
        assert min(abs(recorded_s - time_s) for time_s in back) < 1e-5


@given(chunks(), st.lists(fractions, min_size=2, max_size=9))
def test_time_never_runs_backwards(spans, moments):
    times = TimeMap(spans)
    inside = sorted(moment * times.length_s for moment in moments)
    for convert in (times.start, times.end, times.chunk_time):
        mapped = [convert(time_s) for time_s in inside]
        assert mapped == sorted(mapped)


@given(chunks(), st.floats(-10, 10**6))
def test_every_time_maps_into_a_span(spans, time_s):
    times = TimeMap(spans)
    for mapped_s in (times.start(time_s), times.end(time_s)):
        assert any(s.start / SAMPLE_RATE <= mapped_s <= s.end / SAMPLE_RATE for s in spans)
    assert 0 <= times.chunk_time(time_s) <= times.length_s


@given(chunks(), fractions, fractions)
def test_a_word_stays_within_one_span_and_never_grows(spans, one, other):
    times = TimeMap(spans)
    start_s, end_s = sorted((one * times.length_s, other * times.length_s))
    word = times.word(Word(start_s, end_s, "hello", 1.0))
    assert 0 <= word.end_s - word.start_s <= end_s - start_s + 1e-6
    assert any(s.start / SAMPLE_RATE <= word.start_s <= word.end_s <= s.end / SAMPLE_RATE for s in spans)


SECONDS = tuple(Span(start * SAMPLE_RATE, end * SAMPLE_RATE) for start, end in ((10, 12), (20, 23)))


def test_on_a_seam_a_start_is_after_the_silence_and_an_end_before_it():
    times = TimeMap(SECONDS)
    assert times.start(2.0) == 20.0
    assert times.end(2.0) == 12.0
    assert times.word(Word(2.0, 2.5, "later", 1.0)) == Word(20.0, 20.5, "later", 1.0)
    assert times.word(Word(1.5, 2.0, "earlier", 1.0)) == Word(11.5, 12.0, "earlier", 1.0)


def test_a_word_across_a_seam_goes_to_the_side_with_most_of_it():
    times = TimeMap(SECONDS)
    assert times.word(Word(1.9, 2.5, "later", 1.0)) == Word(20.0, 20.5, "later", 1.0)
    assert times.word(Word(1.5, 2.1, "earlier", 1.0)) == Word(11.5, 12.0, "earlier", 1.0)


def test_a_time_map_without_spans_is_rejected():
    with pytest.raises(ValueError, match="at least one span"):
        TimeMap(())
