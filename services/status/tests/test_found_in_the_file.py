"""What was found in the file of a recording, and what follows from its channels: the same over REST and gRPC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rpc_stubs import failure, rest
from voicepipe_api.v1 import transcription_pb2 as types
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.transcript.document import Notice, Speaker
from voicepipe_wire.transcript.media import Media

from .conftest import OPTIONS, Client, Pipeline, following
from .conftest import rest as rest_of_sse
from .spoken_transcripts import FORMATS, INTERPRETED, completed

CALL = replace(INTERPRETED, channels=2, channel_mode="separate", channel_reason="independent", inverted_channels=())
DAMAGED = {"code": "damaged_parts", "message": "2.5 s are damaged.", "start_s": 64.0, "duration_s": 2.5}
ASSUMED = {"code": "language_assumed", "message": "English was assumed."}


async def test_a_transcription_tells_what_was_found_in_its_file(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, state="transcribing", media=INTERPRETED.to_json())
    shown = (await alice.get(f"/v1/transcriptions/{job_id}")).json()["media"]
    assert Media.from_json(shown) == INTERPRETED
    (listed,) = (await alice.get("/v1/transcriptions")).json()["items"]
    assert listed["media"] == shown
    found = (await alice.rpc("Get", id=job_id)).media
    assert (found.container, found.channel_mode) == ("matroska,webm", types.CHANNEL_MODE_MIX)
    assert found.channel_reason == types.CHANNEL_REASON_SEVERAL
    assert (found.stated_duration_s, found.decoded_duration_s, found.recordings) == (60.0, 61.5, 2)
    assert list(found.inverted_channels) == [2, 3]
    states = [types.TRACK_STATE_SILENT, types.TRACK_STATE_HEARD, types.TRACK_STATE_UNDECODABLE]
    assert [track.state for track in found.tracks] == states
    assert (found.tracks[0].is_default, found.tracks[0].language) == (True, "eng")
    assert not found.tracks[1].HasField("language")


async def test_before_it_is_decoded_nothing_is_known_of_the_file(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    assert (await alice.get(f"/v1/transcriptions/{job_id}")).json()["media"] is None
    assert not (await alice.rpc("Get", id=job_id)).HasField("media")


async def test_a_field_that_a_newer_version_has_found_is_left_out(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, media=INTERPRETED.to_json() | {"loudness_lufs": -23.0})
    shown = (await alice.get(f"/v1/transcriptions/{job_id}")).json()["media"]
    assert Media.from_json(shown) == INTERPRETED
    assert "loudness_lufs" not in shown


async def test_a_warning_says_where_it_applies_if_that_makes_sense(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id, warnings=[DAMAGED, ASSUMED])
    shown = (await alice.get(f"/v1/transcriptions/{job_id}")).json()["warnings"]
    assert shown == [DAMAGED, ASSUMED | {"start_s": None, "duration_s": None}]
    first, second = (await alice.rpc("Get", id=job_id)).warnings
    assert (first.code, first.start_s, first.duration_s) == ("damaged_parts", 64.0, 2.5)
    assert not (second.HasField("start_s"))
    assert not (second.HasField("duration_s"))


async def test_the_event_of_a_warning_says_where_it_applies_if_that_makes_sense(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(alice.owner_id)
    async with pipeline.outbox.transaction() as transaction:
        job = await jobs.lock(transaction.connection, job_id)
        assert job is not None
        await warnings.warn(transaction, job, "damaged_parts", start_s=64.0, duration_s=2.5, lost="2.5 s", at="1:04")
        await warnings.warn(transaction, job, "truncated_media", start_s=0.0, missing="12 s")
        await warnings.warn(transaction, job, "speakers_late")
    await pipeline.end(alice.owner_id, job_id)
    async with following(alice, job_id) as events:
        sent = [event.data for event in await rest_of_sse(events) if event.type == "job-warned"]
    assert [(data["start_s"], data["duration_s"]) for data in sent] == [(64.0, 2.5), (0.0, None), (None, None)]
    streamed = [event.job_warned for event in await rest(alice.rpc("Watch", id=job_id)) if event.HasField("job_warned")]
    assert [each.HasField("start_s") for each in streamed] == [True, True, False]
    assert [(each.start_s, each.duration_s) for each in streamed] == [(64.0, 2.5), (0.0, 0.0), (0.0, 0.0)]


async def test_a_job_of_an_earlier_version_was_mixed_and_has_no_chosen_track(alice: Client, pipeline: Pipeline):
    old = await pipeline.job(alice.owner_id)
    new = await pipeline.job(alice.owner_id, options=OPTIONS | {"channels": "separate", "track": 2})
    shown = [(await alice.get(f"/v1/transcriptions/{each}")).json()["options"] for each in (old, new)]
    assert [(options["channels"], options["track"]) for options in shown] == [("mix", None), ("separate", 2)]
    found = [(await alice.rpc("Get", id=each)).options for each in (old, new)]
    assert [options.channels for options in found] == [types.CHANNELS_MIX, types.CHANNELS_SEPARATE]
    assert [options.HasField("track") for options in found] == [False, True]
    assert found[1].track == 2


async def test_a_transcript_tells_what_was_found_in_the_file(alice: Client, pipeline: Pipeline):
    changes: dict[str, Any] = {"media": INTERPRETED, "warnings": (Notice(**DAMAGED), Notice(**ASSUMED))}
    job_id = await completed(pipeline, alice.owner_id, **changes)
    shown = (await alice.get(f"/v1/transcriptions/{job_id}/transcript")).json()
    assert Media.from_json(shown["media"]) == INTERPRETED
    assert shown["warnings"] == [DAMAGED, ASSUMED | {"start_s": None, "duration_s": None}]
    header = (await alice.rpc.parts("GetTranscript", id=job_id))[0].header
    assert (header.media.track, header.warnings[0].start_s) == (2, 64.0)


async def test_a_transcript_of_an_earlier_version_is_still_readable(alice: Client, pipeline: Pipeline):
    job_id = await completed(pipeline, alice.owner_id, warnings=(Notice(**ASSUMED),))
    await pipeline.pool.execute(
        """
        UPDATE transcripts SET document = jsonb_set(document - 'media', '{warnings}', $2) WHERE job_id = $1
        """,
        job_id,
        [ASSUMED],
    )
    shown = (await alice.get(f"/v1/transcriptions/{job_id}/transcript")).json()
    assert shown["media"] is None
    assert shown["warnings"] == [ASSUMED | {"start_s": None, "duration_s": None}]
    assert not (await alice.rpc.parts("GetTranscript", id=job_id))[0].header.HasField("media")


@pytest.mark.parametrize("is_stored", [True, False])
async def test_speakers_that_are_channels_are_not_told_apart_by_their_voices(
    alice: Client, pipeline: Pipeline, is_stored: bool
):
    job_id = await pipeline.job(
        alice.owner_id, state="completed", finished_at=datetime(2026, 3, 1, tzinfo=UTC), media=CALL.to_json()
    )
    if is_stored:
        await pipeline.store_audio(job_id)
    answer = await alice.http.post(f"/v1/transcriptions/{job_id}/diarization", json={"min_speakers": 2})
    assert (answer.status_code, answer.json()["code"]) == (409, "channels_are_speakers")
    assert "channels=mix" in answer.json()["detail"]
    error = await failure(alice.rpc("DiarizeAgain", id=job_id))
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "channels_are_speakers")
    assert await pipeline.changes() == []


async def test_mixed_channels_can_be_diarized_again(alice: Client, pipeline: Pipeline):
    job_id = await pipeline.job(
        alice.owner_id, state="completed", finished_at=datetime(2026, 3, 1, tzinfo=UTC), media=INTERPRETED.to_json()
    )
    await pipeline.store_audio(job_id)
    assert (await alice.http.post(f"/v1/transcriptions/{job_id}/diarization")).status_code == 202


async def test_channels_that_are_speakers_are_named_in_every_format(alice: Client, pipeline: Pipeline):
    speakers = tuple(Speaker(f"speaker_{n}", f"Channel {n}", 1.0, 0.5, 1, "#1f77b4") for n in (1, 2))
    job_id = await completed(pipeline, alice.owner_id, media=CALL, speakers=speakers, diarization=None)
    renamed = await alice.http.patch(f"/v1/transcriptions/{job_id}/speakers/speaker_2", json={"name": "Agent"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Agent")
    texts = {}
    for name in FORMATS:
        answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript", params={"format": name})
        assert answer.status_code == 200
        texts[name] = answer.text
    assert all("Agent" in text for text in texts.values())
    assert texts["txt"] == "[00:00:00] Channel 1: Tea?\n\n[00:00:03] Agent: Yes.\n"
    assert texts["rttm"].splitlines()[0] == "SPEAKER meeting 1 0.000 1.000 <NA> <NA> Channel_1 <NA> <NA>"


async def test_separate_channels_without_words_have_an_empty_rttm(alice: Client, pipeline: Pipeline):
    nothing: dict[str, Any] = {"segments": (), "turns": (), "speakers": (), "diarization": None, "text": ""}
    job_id = await completed(pipeline, alice.owner_id, media=CALL, **nothing)
    answer = await alice.get(f"/v1/transcriptions/{job_id}/transcript", params={"format": "rttm"})
    assert (answer.status_code, answer.text) == (200, "")
