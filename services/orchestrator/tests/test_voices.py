"""Channels that are transcribed apart: their chunks in the PCM, and the transcript that they make together."""

import numpy as np
import pytest
from voicepipe_orchestrator.assemble.document import build_content
from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import (
    SAMPLE_RATE,
    WINDOW,
    ChunkPlan,
    Recognition,
    Span,
    Voice,
    Word,
    voice_of,
    voice_stride,
)
from voicepipe_orchestrator.prepare.voices import plan_voices

SAMPLES = 60 * SAMPLE_RATE + 100


def speech(*spans_s):
    """Probabilities of one voice."""
    probabilities = np.zeros(voice_stride(SAMPLES) // WINDOW, np.uint8)
    for start_s, end_s in spans_s:
        probabilities[int(start_s * SAMPLE_RATE / WINDOW) : int(end_s * SAMPLE_RATE / WINDOW)] = 255
    return probabilities


def test_each_chunk_has_one_voice_and_chunks_are_in_the_order_of_time():
    both = np.concatenate((speech((1, 20), (40, 55)), speech((5, 30))))
    plans = plan_voices(both, 2, SAMPLES)
    voices = [voice_of(plan, SAMPLES) for plan in plans]
    starts = [plan.spans[0].start - voice.start for plan, voice in zip(plans, voices, strict=True)]
    assert {voice.number for voice in voices} == {0, 1}
    assert starts == sorted(starts)
    assert [plan.index for plan in plans] == list(range(len(plans)))
    for plan, voice in zip(plans, voices, strict=True):
        assert all(0 <= span.start - voice.start < span.end - voice.start <= SAMPLES for span in plan.spans)


def test_one_voice_is_planned_as_before():
    assert plan_voices(speech((1, 20)), 1, SAMPLES)[0].spans[0].start < SAMPLE_RATE


def test_a_silent_voice_has_no_chunks():
    plans = plan_voices(np.concatenate((speech(), speech((2, 9)))), 2, SAMPLES)
    assert [voice_of(plan, SAMPLES).number for plan in plans] == [1]


def chunk(index, voice, start_s, *words):
    """Words of half a second, one after the other."""
    start = voice * voice_stride(SAMPLES) + int(start_s * SAMPLE_RATE)
    span = Span(start, start + 10 * SAMPLE_RATE)
    spoken = tuple(Word(0.5 * n, 0.5 * n + 0.4, text, 0.9) for n, text in enumerate(words))
    recognition = Recognition(" ".join(words), spoken, "en", -0.1, 0.0, 1.0, truncated=False)
    return StoredChunk(ChunkPlan(index, (span,), 5.0, SAMPLE_RATE), "done", recognition, None, None)


def failed(index, voice, start_s):
    whole = chunk(index, voice, start_s)
    return StoredChunk(whole.plan, "failed", None, "worker_lost", None)


def test_every_channel_is_a_speaker_and_segments_follow_their_starts():
    content = build_content(
        [chunk(0, 0, 0, "Hello", "there."), chunk(1, 1, 3, "Good", "day."), chunk(2, 0, 20, "Bye.")], "transcribe", None, SAMPLES
    )  # fmt: skip
    assert [(segment.speaker, segment.text) for segment in content.segments] == [
        ("speaker_1", "Hello there."),
        ("speaker_2", "Good day."),
        ("speaker_1", "Bye."),
    ]
    assert [(speaker.id, speaker.name) for speaker in content.speakers] == [
        ("speaker_1", "Channel 1"),
        ("speaker_2", "Channel 2"),
    ]
    assert content.segments[1].start_s == pytest.approx(3.0)
    assert [segment.id for segment in content.segments] == [0, 1, 2]
    assert content.diarization is None
    assert content.text == "Hello there. Good day. Bye."


def test_people_who_talk_at_once_keep_their_words_and_both_are_marked():
    content = build_content(
        [chunk(0, 0, 0, "One", "two", "three."), chunk(1, 1, 0.25, "Four", "five", "six.")], "transcribe", None, SAMPLES
    )
    assert [segment.text for segment in content.segments] == ["One two three.", "Four five six."]
    assert all(word.overlap for segment in content.segments for word in segment.words[1:2])


def test_a_gap_of_a_channel_is_at_its_time_in_the_recording():
    content = build_content([chunk(0, 0, 0, "Hello."), failed(1, 1, 12)], "transcribe", None, SAMPLES)
    assert [(gap.start_s, gap.end_s) for gap in content.gaps] == [(pytest.approx(12), pytest.approx(22))]


def test_a_channel_keeps_its_number_if_others_are_silent():
    content = build_content([chunk(0, 2, 1, "Alone.")], "transcribe", None, SAMPLES)
    assert content.speakers[0].name == "Channel 3"
    assert content.speakers[0].id == content.segments[0].speaker == "speaker_3"
    assert Voice(2, 0).name == "Channel 3"
