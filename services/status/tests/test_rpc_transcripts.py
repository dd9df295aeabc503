"""Transcripts and recordings over gRPC: whole, in parts that fit into messages, and equal to those of REST."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rpc_stubs import failure
from voicepipe_api.v1.transcript_pb2 import TranscriptHeader
from voicepipe_wire.rpc.convert import values_of
from voicepipe_wire.transcript.document import Gap, Notice, TranscriptSegment, TranscriptWord
from voicepipe_wire.transcript.turns import Turn

from .conftest import AUDIO, Client, Pipeline
from .rpc_values import as_rest, pruned
from .spoken_transcripts import FORMATS, INTERPRETED, completed, spoken

MESSAGE_BYTES = 4 * 1024 * 1024


async def document(client: Client, **fields: Any) -> dict[str, Any]:
    """The transcript as REST has it, put together from its parts."""
    first, *more = await client.rpc.parts("GetTranscript", **fields)
    assert first.WhichOneof("part") == "header"
    kinds = [part.WhichOneof("part") for part in more]
    assert kinds == sorted(kinds)  # segments before turns
    assert all(part.ByteSize() < MESSAGE_BYTES for part in more)
    found = as_rest(first.header)
    found["segments"] = [as_rest(each) for part in more for each in part.segments.segments]
    found["turns"] = [as_rest(each) for part in more for each in part.turns.turns]
    return pruned(found)


async def of_rest(client: Client, job_id: object, **params: Any) -> dict[str, Any]:
    answer = await client.get(f"/v1/transcriptions/{job_id}/transcript", params=params)
    assert answer.status_code == 200, answer.text
    whole = answer.json()
    # The text of the whole is the text of its segments; the number of the JSON schema has no meaning here.
    assert whole.pop("text") == " ".join(each["text"] for each in whole["segments"])
    whole.pop("schema")
    return pruned(whole)


async def test_a_transcript_is_the_document_of_rest(alice: Client, pipeline: Pipeline):
    warnings = (Notice("many_gaps", "Words are missing."), Notice("damaged_parts", "Damaged.", 64.0, 2.5))
    more = {"gaps": (Gap(5.0, 6.0, "model_away"),), "warnings": warnings, "media": INTERPRETED}
    job_id = await completed(pipeline, alice.owner_id, 1, 2, **more)
    await pipeline.pool.execute(
        "INSERT INTO speaker_names (job_id, owner_id, version, speaker, name) VALUES ($1, $2, 2, 'speaker_1', 'Ada')",
        job_id,
        alice.owner_id,
    )
    assert await document(alice, id=job_id) == await of_rest(alice, job_id)
    assert await document(alice, id=job_id, version=1) == await of_rest(alice, job_id, version=1)
    assert (await document(alice, id=job_id))["speakers"][0]["name"] == "Ada"
    assert (await document(alice, id=job_id, version=1))["speakers"][0]["name"] == "Speaker 1"


async def test_a_transcript_without_words_is_a_header(alice: Client, pipeline: Pipeline):
    nothing = {"text": "", "segments": (), "turns": (), "speakers": (), "diarization": None, "language": None}
    job_id = await completed(pipeline, alice.owner_id, **nothing)
    (only,) = await alice.rpc.parts("GetTranscript", id=job_id)
    assert not only.header.HasField("language")
    assert not only.header.HasField("diarization")


async def test_the_transcript_of_a_day_comes_in_parts_that_fit_into_messages(alice: Client, pipeline: Pipeline):
    words = 200_000
    segments = tuple(_segment(index, 40) for index in range(words // 40))
    turns = tuple(Turn(float(n), n + 0.5, f"speaker_{n % 2 + 1}") for n in range(12_000))
    text = " ".join(each.text for each in segments)
    job_id = await completed(pipeline, alice.owner_id, segments=segments, turns=turns, text=text)
    found = await document(alice, id=job_id)
    assert sum(len(each["words"]) for each in found["segments"]) == words
    assert found == await of_rest(alice, job_id)


def _segment(index: int, words: int) -> TranscriptSegment:
    start_s = index * words * 0.4
    spoken_words = tuple(
        TranscriptWord(
            round(start_s + n * 0.4, 3), round(start_s + n * 0.4 + 0.3, 3), f"Wörter{n}", 0.9876, "speaker_1"
        )
        for n in range(words)
    )
    text = " ".join(word.text for word in spoken_words)
    return TranscriptSegment(index, start_s, spoken_words[-1].end_s, text, 0.9, "de", "speaker_1", spoken_words)


@pytest.mark.parametrize("name", FORMATS)
async def test_a_rendered_transcript_has_the_bytes_of_rest(alice: Client, pipeline: Pipeline, name: str):
    segments = tuple(_segment(index, 40) for index in range(300))
    more = {"segments": segments, "text": " ".join(each.text for each in segments)}
    job_id = await completed(pipeline, alice.owner_id, 1, 2, **more)
    answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript", params={"format": name, "download": True})
    header, *parts = await alice.rpc.parts("Render", id=job_id, format=name)
    assert header.header.media_type == answer.headers["content-type"].partition(";")[0]
    assert f'"{header.header.file_name}"' in answer.headers["content-disposition"]
    assert b"".join(part.data for part in parts) == answer.content
    assert all(len(part.data) <= 256 * 1024 for part in parts)
    first = await alice.rpc.parts("Render", id=job_id, format=name, version=1)
    assert (
        b"".join(part.data for part in first)
        == (await alice.get(f"/v1/transcriptions/{job_id}/transcript", params={"format": name, "version": 1})).content
    )


@pytest.mark.parametrize("method", ["GetTranscript", "Render"])
async def test_why_there_is_no_transcript_is_the_error(alice: Client, pipeline: Pipeline, method: str):
    ended = datetime(2026, 3, 1, tzinfo=UTC)
    fields = {"format": "txt"} if method == "Render" else {}
    running = await pipeline.job(alice.owner_id)
    failed = await pipeline.job(
        alice.owner_id, state="failed", finished_at=ended, error_code="no_audio_stream", error_message="No sound."
    )
    done = await completed(pipeline, alice.owner_id)
    error = await failure(alice.rpc(method, id=running, **fields))
    assert (error.code, error.reason, error.retry_after_s) == ("FAILED_PRECONDITION", "not_ready", 5)
    error = await failure(alice.rpc(method, id=failed, **fields))
    assert (error.code, error.reason, error.detail) == ("FAILED_PRECONDITION", "no_audio_stream", "No sound.")
    error = await failure(alice.rpc(method, id=done, version=9, **fields))
    assert (error.code, error.reason, error.members) == ("NOT_FOUND", "version_not_found", {"latest": "1"})
    error = await failure(alice.rpc(method, id=done, version=0, **fields))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "invalid_request")


async def test_a_format_has_to_be_chosen(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    for fields in ({}, {"format": "docx"}):
        error = await failure(alice.rpc("Render", id=job_id, **fields))
        assert (error.code, error.reason) == ("INVALID_ARGUMENT", "format_unknown")


async def test_rttm_needs_speakers(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, diarization=None, turns=(), speakers=())
    error = await failure(alice.rpc("Render", id=job_id, format="rttm"))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "no_speakers")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, AUDIO),
        ({"offset_bytes": 100}, AUDIO[100:]),
        ({"offset_bytes": 100, "length_bytes": 50}, AUDIO[100:150]),
        ({"length_bytes": 1}, AUDIO[:1]),
        ({"offset_bytes": len(AUDIO) - 1}, AUDIO[-1:]),
        ({"offset_bytes": 10, "length_bytes": 2**62}, AUDIO[10:]),
    ],
)
async def test_a_recording_comes_whole_or_in_part(alice: Client, pipeline: Pipeline, fields: dict, expected: bytes):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.store_audio(job_id)
    header, *parts = await alice.rpc.parts("GetAudio", id=job_id, **fields)
    assert b"".join(part.data for part in parts) == expected
    found = header.header
    assert (found.name, found.media_type, found.size_bytes) == ("meeting.wav", "audio/wav", len(AUDIO))
    assert found.sha256 == await pipeline.pool.fetchval("SELECT sha256 FROM recordings WHERE id = $1", job_id)


@pytest.mark.parametrize("fields", [
    {"offset_bytes": len(AUDIO)}, {"offset_bytes": -1}, {"length_bytes": -1}, {"offset_bytes": 2**63 - 1, "length_bytes": 1},
])  # fmt: skip
async def test_a_range_outside_the_recording_is_out_of_range(alice: Client, pipeline: Pipeline, fields: dict):
    job_id = await pipeline.job(alice.owner_id)
    await pipeline.store_audio(job_id)
    error = await failure(alice.rpc("GetAudio", id=job_id, **fields))
    assert (error.code, error.reason) == ("OUT_OF_RANGE", "range_unsatisfiable")
    assert error.members == {"size_bytes": str(len(AUDIO))}


async def test_a_recording_that_was_deleted_is_gone(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    error = await failure(alice.rpc("GetAudio", id=job_id))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "audio_gone")


def test_the_header_has_all_fields_of_the_document_but_its_lists():
    whole = replace(spoken("id", 1), gaps=(Gap(0, 1, "a"),)).to_json()
    named = {field.name for field in TranscriptHeader.DESCRIPTOR.fields}
    assert set(whole) - named == {"schema", "text", "segments", "turns"}
    assert values_of(TranscriptHeader()) == {}
