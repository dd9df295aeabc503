"""Renaming speakers and running diarization again: responses and formats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from voicepipe_wire.messaging.outbox import Owned
from voicepipe_wire.v1.events_pb2 import SpeakerRenamed

from .conftest import Client, Pipeline, following, rest
from .spoken_transcripts import FORMATS, completed


async def rename(client: Client, job_id: UUID, speaker: str, name: Any) -> httpx.Response:
    return await client.http.patch(f"/v1/transcriptions/{job_id}/speakers/{speaker}", json={"name": name})


async def in_every_format(client: Client, job_id: UUID) -> dict[str, httpx.Response]:
    path = f"/v1/transcriptions/{job_id}/transcript"
    return {name: await client.get(path, params={"format": name}) for name in FORMATS}


async def test_renaming_answers_with_the_speaker_of_the_latest_version(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, 1, 2)
    answer = await rename(alice, job_id, "speaker_1", "  The  Chair ")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": "speaker_1",
        "name": "The Chair",
        "talk_s": 1.0,
        "share": 0.5,
        "segments": 1,
        "colour": "#1f77b4",
    }
    path = f"/v1/transcriptions/{job_id}/transcript?format=txt"
    assert "The Chair: Tea?" in (await alice.get(path)).text
    assert "Speaker 1: Tea?" in (await alice.get(f"{path}&version=1")).text


async def test_a_name_is_in_every_format_until_it_is_removed(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    before = await in_every_format(alice, job_id)
    await rename(alice, job_id, "speaker_2", "Ann & Bob")
    during = await in_every_format(alice, job_id)
    assert during["json"].json()["speakers"][1]["name"] == "Ann & Bob"
    assert during["json"].json()["segments"] == before["json"].json()["segments"]
    assert during["txt"].text == "[00:00:00] Speaker 1: Tea?\n\n[00:00:03] Ann & Bob: Yes.\n"
    assert "\nAnn & Bob: Yes.\n" in during["srt"].text
    assert "\n<v Ann &amp; Bob>Yes.\n" in during["vtt"].text
    assert during["rttm"].text.splitlines()[1] == "SPEAKER meeting 1 3.000 1.000 <NA> <NA> Ann_&_Bob <NA> <NA>"
    assert during["rttm"].headers["content-type"] == "application/x-rttm; charset=utf-8"
    removed = await rename(alice, job_id, "speaker_2", None)
    assert (removed.status_code, removed.json()["name"]) == (200, "Speaker 2")
    after = await in_every_format(alice, job_id)
    for name in FORMATS:
        assert during[name].status_code == 200
        assert "Speaker" in before[name].text
        assert after[name].text == before[name].text
        assert during[name].text != before[name].text
        assert before[name].headers["etag"] == after[name].headers["etag"] != during[name].headers["etag"]


async def test_a_new_name_changes_the_etag(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    path = f"/v1/transcriptions/{job_id}/transcript?format=vtt"
    etags = [(await alice.get(path)).headers["etag"]]
    for name in ("Ann", "Ben"):
        await rename(alice, job_id, "speaker_1", name)
        answer = await alice.get(path, headers={"If-None-Match": ", ".join(etags)})
        assert (answer.status_code, f"<v {name}>" in answer.text) == (200, True)
        etags.append(answer.headers["etag"])
        assert (await alice.get(path, headers={"If-None-Match": etags[-1]})).status_code == 304
    assert len(set(etags)) == 3


async def test_the_last_of_several_names_stays(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    for name in ("Chair", "Ann", None, "Ben"):
        assert (await rename(alice, job_id, "speaker_1", name)).status_code == 200
    assert (await alice.get(f"/v1/transcriptions/{job_id}/transcript")).json()["speakers"][0]["name"] == "Ben"


async def test_an_unknown_speaker_cannot_be_renamed(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    answer = await rename(alice, job_id, "speaker_3", "Chair")
    assert (answer.status_code, answer.json()["code"]) == (404, "speaker_not_found")
    assert answer.json()["speakers"] == ["speaker_1", "speaker_2"]
    assert await pipeline.changes() == []


async def test_speakers_of_others_are_not_found(alice: Client, bob: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, bob.owner_id)
    for answer in (
        await rename(alice, job_id, "speaker_1", "Chair"),
        await alice.http.post(f"/v1/transcriptions/{job_id}/diarization"),
        *(await in_every_format(alice, job_id)).values(),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await pipeline.changes() == []


async def test_without_a_transcript_or_speakers_renaming_is_rejected(alice: Client, pipeline: Pipeline):
    waiting = await pipeline.job(alice.owner_id, state="transcribing")
    answer = await rename(alice, waiting, "speaker_1", "Chair")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_ready", "transcribing")
    failed = await pipeline.job(alice.owner_id, state="failed", error_code="not_audio", error_message="Send another.")
    answer = await rename(alice, failed, "speaker_1", "Chair")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_audio")
    silent = await completed(pipeline, alice.owner_id, speakers=(), turns=(), diarization=None)
    answer = await rename(alice, silent, "speaker_1", "Chair")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_speakers")
    assert await pipeline.changes() == []


@pytest.mark.parametrize(
    "body",
    ['{"name": ""}', '{"name": "a\\u0000"}', '{"name": "\\ud800"}', "{}", '{"name": "x", "id": 1}', "", "[", "null"],
)
async def test_an_invalid_name_is_rejected(alice: Client, pipeline: Pipeline, body: str):
    job_id = await completed(pipeline, alice.owner_id)
    path = f"/v1/transcriptions/{job_id}/speakers/speaker_1"
    answer = await alice.http.patch(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert await pipeline.changes() == []


async def test_a_document_without_speaker_fields_is_still_readable(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, speakers=(), turns=(), diarization=None)
    await pipeline.pool.execute(
        "UPDATE transcripts SET document = document - 'speakers' - 'turns' - 'diarization' WHERE job_id = $1", job_id
    )
    answers = await in_every_format(alice, job_id)
    assert [answers[name].status_code for name in FORMATS] == [200, 200, 200, 200, 409]
    assert answers["rttm"].json()["code"] == "no_speakers"
    assert "/v1/transcriptions/ID/diarization" in answers["rttm"].json()["detail"]
    assert (await rename(alice, job_id, "speaker_1", "Chair")).json()["code"] == "no_speakers"


async def test_a_recording_without_speech_has_an_empty_rttm(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, speakers=(), turns=(), segments=())
    answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript?format=rttm&download=1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert 'filename="meeting.rttm"' in answer.headers["content-disposition"]


async def test_a_client_that_reconnects_receives_the_rename_event(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    await pipeline.end(alice.owner_id, job_id)
    async with pipeline.outbox.transaction() as transaction:
        renamed = SpeakerRenamed(job_id=str(job_id), transcript_version=1, speaker="speaker_1")
        transaction.event(Owned(job_id, alice.owner_id), renamed)
    async with following(alice, job_id) as events:
        *_, done, last = await rest(events)
    assert (done.type, last.type) == ("job-completed", "speaker-renamed")
    assert last.data == {"job_id": str(job_id), "transcript_version": 1, "speaker": "speaker_1"}
    async with following(alice, job_id, **{"Last-Event-ID": str(done.id)}) as events:
        assert await rest(events) == [last]


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        ({"min_speakers": 2, "max_speakers": 4}, (2, 4)),
        ({"max_speakers": 50}, (None, 50)),
        ({"min_speakers": 3, "max_speakers": None}, (3, None)),
        ({"min_speakers": 2, "max_speakers": 2}, (2, 2)),
        ({}, (None, None)),
        (None, (None, None)),
    ],
)
async def test_diarization_runs_again_within_limits(
    alice: Client, pipeline: Pipeline, body: dict[str, Any] | None, limits: tuple[int | None, int | None]
):
    job_id = await completed(pipeline, alice.owner_id)
    await pipeline.store_audio(job_id)
    sent = {} if body is None else {"json": body}
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization", **sent)
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, str(job_id), "queued")
    options = answer.json()["options"]
    assert (options["diarize"], options["min_speakers"], options["max_speakers"]) == (True, *limits)
    again = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization", **sent)
    assert (again.status_code, again.json()["code"]) == (409, "not_completed")


@pytest.mark.parametrize(
    "body",
    [
        {"min_speakers": 0},
        {"max_speakers": 51},
        {"min_speakers": 3, "max_speakers": 2},
        {"min_speakers": "2"},
        {"min_speakers": True},
        {"min_speakers": 1.5},
        {"speakers": 2},
        [],
    ],
)
async def test_invalid_limits_are_rejected(alice: Client, pipeline: Pipeline, body: Any):
    job_id = await completed(pipeline, alice.owner_id)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert await pipeline.changes() == []


async def test_a_repeated_request_diarizes_once(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    await pipeline.store_audio(job_id)
    path, key = f"/v1/transcriptions/{job_id}/diarization", {"Idempotency-Key": "once"}
    answers = [await alice.http.post(path, json={"max_speakers": 3}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(await pipeline.changes()) == 1
    other = await alice.http.post(path, json={"max_speakers": 4}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await alice.http.post(path, json={"max_speakers": 3}, headers={"Idempotency-Key": "another"})
    assert (again.status_code, again.json()["code"]) == (409, "not_completed")


async def test_a_refused_request_leaves_its_key_free(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    path, key = f"/v1/transcriptions/{job_id}/diarization", {"Idempotency-Key": "later"}
    assert (await alice.http.post(path, headers=key)).status_code == 410
    await pipeline.store_audio(job_id)
    assert (await alice.http.post(path, headers=key)).status_code == 202


async def test_only_a_completed_job_can_be_diarized_again(alice: Client, pipeline: Pipeline):
    for state in ("queued", "transcribing", "failed", "cancelled"):
        job_id = await pipeline.job(alice.owner_id, state=state)
        answer = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization")
        assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "not_completed", state)
    assert await pipeline.changes() == []


async def test_an_installation_without_a_diarizer_refuses_to_diarize_again(start):
    async with start(speakers=False) as service:
        user, pipeline = await service.user(), service.pipeline
        job_id = await completed(pipeline, user.owner_id)
        await pipeline.store_audio(job_id)
        answer = await user.http.post(f"/v1/transcriptions/{job_id}/diarization", json={})
        assert (answer.status_code, answer.json()["code"]) == (501, "no_diarizer")
        assert await pipeline.changes() == []


async def test_a_job_whose_audio_is_gone_cannot_be_diarized_again(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization")
    assert (answer.status_code, answer.json()["code"]) == (410, "audio_gone")
    assert await pipeline.changes() == []


async def test_a_body_over_the_limit_is_rejected(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id)
    path = f"/v1/transcriptions/{job_id}/speakers/speaker_1"

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1000

    for body in (b'{"name": "' + b"x" * 20_000 + b'"}', in_pieces()):
        answer = await alice.http.patch(path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.headers["content-type"] == "application/problem+json"
    fits = await alice.http.patch(
        path, content=b" " * 16_000 + b'{"name": "Chair"}', headers={"Content-Type": "application/json"}
    )
    assert fits.status_code == 200
