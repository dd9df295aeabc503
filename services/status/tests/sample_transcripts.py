"""Transcripts in a few words, for tests of formats."""

from dataclasses import replace
from datetime import UTC, datetime

from voicepipe_wire.transcript.document import ModelUsed, Transcript, TranscriptSegment, TranscriptWord


def segment(text, start_s, speaker=None, language="en", word_s=0.5):
    words = text.split()
    timed = tuple(
        TranscriptWord(start_s + i * word_s, start_s + (i + 1) * word_s, word, 0.9, speaker)
        for i, word in enumerate(words)
    )
    return TranscriptSegment(0, start_s, timed[-1].end_s, text, 0.9, language, speaker, timed)


def transcript(*segments, gaps=()):
    return Transcript(
        id="tr_1",
        version=1,
        language="en",
        language_probability=0.99,
        duration_s=4000.0,
        speech_s=100.0,
        model=ModelUsed("small", "ctranslate2", "fast", "1", "int8"),
        text=" ".join(each.text for each in segments),
        segments=tuple(replace(each, id=index) for index, each in enumerate(segments)),
        gaps=tuple(gaps),
        warnings=(),
        created_at=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


EMPTY = transcript()
