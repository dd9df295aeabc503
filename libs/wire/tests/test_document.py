"""A written transcript is read back unchanged, and anything else is refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_wire.transcript.document import (
    Gap,
    ModelUsed,
    Notice,
    Transcript,
    TranscriptSegment,
    TranscriptUnreadable,
    TranscriptWord,
)
from voicepipe_wire.transcript.languages import LANGUAGES
from voicepipe_wire.transcript.media import AudioTrack, Media

times = st.integers(0, 10**8).map(lambda milliseconds: milliseconds / 1000)
shares = st.integers(0, 10**4).map(lambda parts: parts / 10**4)
text = st.text(max_size=12)
speakers = st.none() | st.sampled_from(["speaker_1", "Zoë"])
words = st.builds(TranscriptWord, times, times, text, shares, speakers)
segments = st.builds(
    TranscriptSegment,
    st.integers(0, 10**6),
    times,
    times,
    text,
    shares,
    st.sampled_from(sorted(LANGUAGES)),
    speakers,
    st.lists(words, max_size=3).map(tuple),
)
transcripts = st.builds(
    Transcript,
    text,
    st.integers(1, 9),
    st.none() | st.sampled_from(sorted(LANGUAGES)),
    st.none() | shares,
    times,
    times,
    st.builds(ModelUsed, text, text, text, text, text),
    text,
    st.lists(segments, max_size=3).map(tuple),
    st.lists(st.builds(Gap, times, times, text), max_size=2).map(tuple),
    st.lists(st.builds(Notice, text, text, st.none() | times, st.none() | times), max_size=2).map(tuple),
    st.integers(0, 10**12).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
)

EMPTY = Transcript(
    id="tr_1",
    version=1,
    language="en",
    language_probability=0.98765,
    duration_s=12.3456789,
    speech_s=0.0,
    model=ModelUsed("small", "ctranslate2", "fast", "1", "int8"),
    text="",
    segments=(),
    gaps=(),
    warnings=(),
    created_at=datetime(2025, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1))),
)


@given(transcripts)
def test_a_written_transcript_is_read_back_unchanged(transcript):
    assert Transcript.from_json(json.loads(json.dumps(transcript.to_json()))) == transcript


def test_what_was_found_in_the_file_is_read_back_unchanged():
    tracks = (AudioTrack(1, "opus", 2, 48_000, "silent", title="Floor"), AudioTrack(2, "aac", 6, 44_100, "heard"))
    found = Media("matroska,webm", "aac", 44_100, 6, "mix", "several", 2, tracks, 61.5, inverted_channels=(2,))
    transcript = replace(EMPTY, media=found)
    assert Transcript.from_json(json.loads(json.dumps(transcript.to_json()))).media == found


def test_seconds_are_rounded_to_milliseconds_and_timestamps_are_utc():
    document = EMPTY.to_json()
    assert document["duration_s"] == 12.346
    assert document["language_probability"] == 0.9877
    assert document["created_at"] == "2025-01-02T03:04:05.000Z"


@pytest.mark.parametrize("schema", [0, 2, "1", None, True])
def test_an_unknown_schema_is_refused(schema):
    with pytest.raises(TranscriptUnreadable, match="schema"):
        Transcript.from_json({**EMPTY.to_json(), "schema": schema})


LATER = {"models", "speakers", "turns", "diarization", "media"}  # older documents lack these


def test_a_document_without_the_fields_of_later_versions_is_read():
    document = {name: value for name, value in EMPTY.to_json().items() if name not in LATER}
    assert Transcript.from_json(document) == Transcript.from_json(EMPTY.to_json())


@pytest.mark.parametrize("field", sorted(set(EMPTY.to_json()) - LATER - {"schema"}))
def test_a_missing_field_is_named(field):
    document = EMPTY.to_json()
    del document[field]
    with pytest.raises(TranscriptUnreadable, match=f"missing required field `{field}`"):
        Transcript.from_json(document)


def test_a_nested_field_of_the_wrong_type_is_named():
    segment = TranscriptSegment(0, 0.0, 1.0, "a", 1.0, "en", None, (TranscriptWord(0.0, 1.0, "a", 1.0),))
    document = replace(EMPTY, segments=(segment,)).to_json()
    document["segments"][0]["words"][0]["end_s"] = "soon"
    with pytest.raises(
        TranscriptUnreadable, match=r"Expected `float`, got `str` - at `\$\.segments\[0\]\.words\[0\]\.end_s`"
    ):
        Transcript.from_json(document)


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_a_document_that_is_not_an_object_is_refused(document):
    with pytest.raises(TranscriptUnreadable, match="schema"):
        Transcript.from_json(document)


def test_a_timestamp_without_a_timezone_is_refused():
    with pytest.raises(TranscriptUnreadable, match="timezone"):
        Transcript.from_json({**EMPTY.to_json(), "created_at": "2025-01-02T03:04:05"})


def test_an_unknown_field_is_ignored():
    document = EMPTY.to_json()
    assert Transcript.from_json({**document, "mood": "calm"}) == Transcript.from_json(document)
