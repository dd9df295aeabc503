"""Speakers as a client sees them: progress, formats, names, diarizing again, cancelling."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fixtures.meeting import silence
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash, words
from voicepipe.client import ApiError, Client, Options, SpeakerLimits
from voicepipe_local.disposable_stack import DisposableStack

from .stack_settings import LONGEST_S, PART_S


@pytest.fixture(scope="module")
def document(door: FrontDoor, call_id: str) -> dict[str, Any]:
    return door.transcript(call_id)


def rendered(door: FrontDoor, job_id: str, form: str) -> str:
    answer = door.http.get(f"/v1/transcriptions/{job_id}/transcript", params={"format": form})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_speaker_totals_agree_with_segments_and_turns(document: dict[str, Any]):
    assert [speaker["id"] for speaker in document["speakers"]] == ["speaker_1", "speaker_2"]
    assert document["segments"][0]["speaker"] == "speaker_1"
    for speaker in document["speakers"]:
        own = [segment for segment in document["segments"] if segment["speaker"] == speaker["id"]]
        assert speaker["segments"] == len(own)
        turns_s = sum(turn["end_s"] - turn["start_s"] for turn in document["turns"] if turn["speaker"] == speaker["id"])
        assert speaker["talk_s"] == pytest.approx(turns_s, abs=0.05)
    assert sum(speaker["share"] for speaker in document["speakers"]) == pytest.approx(1, abs=0.001)
    assert document["diarization"]["name"] == "pyannote-campplus"


def test_the_diarize_stage_reports_its_progress(door: FrontDoor, audio: bytes):
    events = door.events(door.accepted(with_another_hash(audio), diarize="true"))
    states = [
        event.data["state"] for event in events if event.type == "stage-changed" and event.data["stage"] == "diarize"
    ]
    assert [state for state in states if state not in {"waiting", "skipped"}] == ["queued", "running", "done"]
    done = [
        event.data["done_s"]
        for event in events
        if event.type == "stage-progressed" and event.data["stage"] == "diarize"
    ]
    assert done == sorted(done)
    assert all(0 <= each <= PART_S[1] - PART_S[0] for each in done)


def test_every_format_shows_the_name_of_a_renamed_speaker(door: FrontDoor, call_id: str):
    answer = door.http.patch(f"/v1/transcriptions/{call_id}/speakers/speaker_1", json={"name": "Chair"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == "Chair"
    assert door.transcript(call_id)["speakers"][0]["name"] == "Chair"
    assert re.search(r"^\[00:00:0\d\] Chair: ", rendered(door, call_id, "txt"))
    assert "Speaker 2: " in rendered(door, call_id, "txt")
    assert "Chair:" in rendered(door, call_id, "srt")
    assert "<v Chair>" in rendered(door, call_id, "vtt")
    assert re.search(
        r"^SPEAKER \S+ 1 [\d.]+ [\d.]+ <NA> <NA> Chair <NA> <NA>$", rendered(door, call_id, "rttm"), re.MULTILINE
    )


def test_diarizing_again_keeps_the_words_and_creates_a_new_version(door: FrontDoor, audio: bytes):
    job_id = door.accepted(with_another_hash(audio), diarize="true")
    first = door.completed(job_id)
    answer = door.http.post(f"/v1/transcriptions/{job_id}/diarization", json={"min_speakers": 1, "max_speakers": 1})
    assert answer.status_code == 202, answer.text
    eventually(lambda: door.get(job_id)["transcript_version"] == 2, 90, lambda: door.get(job_id))
    second = door.transcript(job_id)
    assert words(second) == words(first)
    assert [speaker["id"] for speaker in second["speakers"]] == ["speaker_1"]


async def test_speakers_are_the_same_over_grpc(door: FrontDoor, audio: bytes, tmp_path: Path):
    path = tmp_path / "call.wav"
    path.write_bytes(with_another_hash(audio))
    async with (
        Client(door.url, door.key, protocol="grpc") as client,
        Client(door.url, door.key) as rest,
    ):
        first = await client.transcribe(path, Options(diarize=True, min_speakers=2, max_speakers=2))
        assert [speaker.id for speaker in await client.speakers(first.id)] == ["speaker_1", "speaker_2"]
        assert await client.speakers(first.id) == await rest.speakers(first.id)
        assert (await client.rename_speaker(first.id, "speaker_1", "Chair")).name == "Chair"
        assert " Chair " in await client.transcript(first.id, "rttm")
        assert (await client.rename_speaker(first.id, "speaker_1", None)).name == "Speaker 1"
        with pytest.raises(ApiError) as raised:
            await client.rename_speaker(first.id, "speaker_9", "Nobody")
        assert (raised.value.status, raised.value.code) == (404, "speaker_not_found")

        last = await client.last_event_id(first.id)
        await client.diarize_again(first.id, SpeakerLimits(1, 1))
        second = await client.wait_for_version(first.id, first.transcript_version + 1, last)
        assert (second.state, second.transcript_version) == ("completed", first.transcript_version + 1)
        assert [speaker.id for speaker in await client.speakers(first.id)] == ["speaker_1"]
        assert json.loads(await client.transcript(first.id, "json", version=1))["speakers"][1]["id"] == "speaker_2"


def test_a_recording_too_long_for_diarization_is_delivered_with_a_warning(door: FrontDoor, tmp_path):
    job_id = door.accepted(silence(LONGEST_S + 1).save(tmp_path / "long.wav"), diarize="true")
    document = door.completed(job_id)
    assert [warning["code"] for warning in document["warnings"]] == ["no_speech", "speakers_too_long"]
    assert document["speakers"] == []


def test_a_job_can_be_cancelled_during_diarization(door: FrontDoor, audio: bytes):
    job_id = door.accepted(with_another_hash(audio), diarize="true")

    def runs() -> bool:
        return any(stage["stage"] == "diarize" and stage["state"] == "running" for stage in door.get(job_id)["stages"])

    eventually(runs)
    answer = door.http.post(f"/v1/transcriptions/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "cancelled"
    # The diarizer drops the job and is free for the next one.
    assert len(door.completed(door.accepted(with_another_hash(audio), diarize="true"))["speakers"]) == 2


def test_the_diarizer_serves_health_and_metrics(stack: DisposableStack):
    address = stack.component("diarizer")["address"]
    for probe in ("healthz", "readyz"):
        assert httpx.get(f"http://{address}/{probe}").status_code == httpx.codes.OK
    assert "voicepipe_commands_total" in httpx.get(f"http://{address}/metrics").text


def test_capabilities_say_that_speakers_are_available(door: FrontDoor):
    capabilities = door.http.get("/v1/capabilities").json()
    assert capabilities["speakers"]["available"] is True
    assert "rttm" in capabilities["formats"]
