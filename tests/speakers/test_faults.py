"""Diarization when a diarizer dies, when there are two, and when none runs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash, words
from support.locks import SAVES_TO, held
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.testing import stacks

from .stack_settings import ENVIRONMENT


def speaker_turns(document) -> list[tuple[str, float, float]]:
    """The turns, which depend on the diarizer alone."""
    return [(turn["speaker"], turn["start_s"], turn["end_s"]) for turn in document["turns"]]


@pytest.fixture(scope="module")
def undisturbed(door: FrontDoor, audio: bytes) -> list[tuple[str, float, float]]:
    turns = speaker_turns(door.completed(door.accepted(with_another_hash(audio), diarize="true")))
    assert {who for who, *_ in turns} == {"speaker_1", "speaker_2"}
    return turns


def state_of_the_diarizer(door: FrontDoor) -> str:
    return str(door.http.get("/v1/capabilities").json()["speakers"]["state"])


def stage_of(door: FrontDoor, job_id: str, name: str = "diarize") -> dict[str, Any]:
    return next(stage for stage in door.get(job_id)["stages"] if stage["stage"] == name)


def test_a_killed_diarizer_starts_again_and_gives_the_same_result(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed
):
    before = stack.component("diarizer")["restarts"]
    with held(stack.database_url, SAVES_TO["diarize"]) as holding:
        job_id = door.accepted(with_another_hash(audio), diarize="true")
        holding.wait_until_blocking()
        stack.kill("diarizer")
    stack.wait_until_healthy("diarizer", restarts=before + 1, timeout_s=180)
    assert speaker_turns(door.completed(job_id)) == undisturbed
    done = [
        event for event in door.events(job_id) if event.type == "stage-changed" and event.data["stage"] == "diarize"
    ]
    assert [event.data["state"] for event in done].count("done") == 1


def test_a_recording_that_kills_the_diarizer_on_every_delivery_completes_without_speakers(
    stack: DisposableStack, door: FrontDoor, audio: bytes
):
    job_id, restarts = None, stack.component("diarizer")["restarts"]
    for attempt in range(3):
        with held(stack.database_url, SAVES_TO["diarize"]) as holding:  # it cannot finish before it is killed
            job_id = job_id or door.accepted(with_another_hash(audio), diarize="true")
            stack.wait_until_healthy("diarizer", restarts=restarts + attempt, timeout_s=180)
            holding.wait_until_blocking()
            stack.kill("diarizer")
    stack.wait_until_healthy("diarizer", restarts=restarts + 3, timeout_s=180)
    job = door.end_of(job_id)
    assert job["state"] == "completed"
    assert [warning["code"] for warning in job["warnings"]] == ["speakers_failed"]
    entries = door.http.get("/v1/admin/dead-letters", params={"stage": "diarize"}).json()["items"]
    assert [(entry["job_id"], entry["code"]) for entry in entries] == [(job_id, "worker_lost")]


def test_two_diarizers_give_the_same_result_as_one(audio: bytes, undisturbed):
    with stacks() as start:
        two = start(workers={"diarizer": 2}, env=ENVIRONMENT)
        door = FrontDoor(two.url, two.api_key)
        jobs = [door.accepted(with_another_hash(audio), diarize="true") for _ in range(3)]
        assert all(speaker_turns(door.completed(job_id)) == undisturbed for job_id in jobs)
        door.http.close()
        with psycopg.connect(two.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM diarizations").fetchone() == (3,)


def test_a_recording_that_arrives_while_no_diarizer_runs_gets_its_speakers_from_the_next_one(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed
):
    stack.stop_component("diarizer")
    try:
        eventually(lambda: state_of_the_diarizer(door) == "away")  # the last heartbeat counts for half a minute
        job_id = door.accepted(with_another_hash(audio), diarize="true")
        eventually(lambda: stage_of(door, job_id, "transcribe")["state"] == "done")
        assert door.get(job_id)["state"] == "transcribing"
    finally:
        stack.start_component("diarizer")
    assert speaker_turns(door.completed(job_id)) == undisturbed
    assert door.get(job_id)["warnings"] == []


def test_diarizing_again_gives_the_next_version_with_the_same_words(door: FrontDoor, audio: bytes, undisturbed):
    job_id = door.accepted(with_another_hash(audio))
    first = door.completed(job_id)
    assert first["turns"] == []
    assert door.http.post(f"/v1/transcriptions/{job_id}/diarization").status_code == 202
    eventually(lambda: door.get(job_id)["transcript_version"] == 2, 90)
    second = door.transcript(job_id)
    assert words(second) == words(first)
    assert speaker_turns(second) == undisturbed


def test_a_restarted_diarizer_processes_the_waiting_recording(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed
):
    eventually(lambda: state_of_the_diarizer(door) == "ready", 120)
    with held(stack.database_url, SAVES_TO["diarize"]) as holding:
        job_id = door.accepted(with_another_hash(audio), diarize="true")
        holding.wait_until_blocking()
        stack.kill("diarizer")
        stack.stop_component("diarizer")
    eventually(lambda: stage_of(door, job_id, "transcribe")["state"] == "done")
    assert door.get(job_id)["state"] == "transcribing"
    stack.start_component("diarizer")
    assert speaker_turns(door.completed(job_id)) == undisturbed
