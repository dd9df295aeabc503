"""One ten-minute meeting through the whole pipeline: its transcript, its events and its stored data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fixtures.meeting import Recording, compose
from fixtures.score import Score, score
from support.front_door import FINAL, FrontDoor, timed_words
from support.sse import Event

pytestmark = pytest.mark.timeout(420)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of the job. `state_at_first_text` is its state when the first words arrived."""

    meeting: Recording
    job: dict[str, Any]
    document: dict[str, Any]
    events: list[Event]
    state_at_first_text: str


@pytest.fixture(scope="module")
def outcome(door: FrontDoor, tmp_path_factory) -> Outcome:
    meeting = compose(600, ["linda", "robert", "steph"], seed=7)
    job_id = door.accepted(meeting.save(tmp_path_factory.mktemp("meeting") / "meeting.wav"))
    events: list[Event] = []
    state = ""
    with door.following(job_id) as coming:
        for event in coming:
            events.append(event)
            if event.type == "chunk-transcribed" and not state:
                state = door.get(job_id)["state"]
    job = door.get(job_id)
    assert job["state"] == "completed", job
    return Outcome(meeting, job, door.transcript(job_id), events, state)


@pytest.fixture(scope="module")
def result(outcome: Outcome) -> Score:
    return score(outcome.meeting.words, timed_words(outcome.document))


def test_at_most_two_words_in_a_hundred_are_wrong(result: Score, record_property):
    start = f"words start {result.start.median_s:.3f} s off in the median, {result.start.p95_s:.3f} s at 95 %"
    record_property("measured", f"ten minutes, WER {result.wer:.1%}, {start}")
    assert result.wer <= 0.02, result


def test_words_start_where_they_were_spoken(result: Score):
    assert result.start.median_s <= 0.1, result
    assert result.start.p95_s <= 0.35, result


def test_text_words_and_segments_agree_in_order(outcome: Outcome):
    segments = outcome.document["segments"]
    assert " ".join(segment["text"].strip() for segment in segments).split() == outcome.document["text"].split()
    spoken = [word for segment in segments for word in segment["words"]]
    assert [word["text"].strip() for word in spoken] == outcome.document["text"].split()
    assert all(word["start_s"] <= word["end_s"] <= outcome.document["duration_s"] for word in spoken)
    starts = [word["start_s"] for word in spoken]
    assert starts == sorted(starts)
    assert all(0 <= word["confidence"] <= 1 for word in spoken)


def test_the_transcription_states_its_duration_and_language(outcome: Outcome):
    assert outcome.document["duration_s"] == pytest.approx(600, abs=0.01)
    assert outcome.job["duration_s"] == pytest.approx(600, abs=0.01)
    spoken_s = sum(word.end_s - word.start_s for word in outcome.meeting.words)
    assert spoken_s <= outcome.job["speech_s"] <= 600
    assert (outcome.job["language"], outcome.document["language"]) == ("en", "en")
    assert outcome.document["gaps"] == outcome.document["warnings"] == []
    assert outcome.document["model"]["tier"] == "accurate"


def test_text_arrives_while_the_job_is_transcribing(outcome: Outcome):
    assert outcome.state_at_first_text == "transcribing"


def test_each_chunk_has_one_event_and_the_one_final_event_comes_last(outcome: Outcome):
    chunks = sorted(event.data["chunk_index"] for event in outcome.events if event.type == "chunk-transcribed")
    assert chunks == list(range(len(chunks)))
    assert len(chunks) > 10
    assert [event.type for event in outcome.events if event.type in FINAL] == ["job-completed"]
    assert outcome.events[-1].type == "job-completed"
    assert outcome.events[0].type == "job-created"


def test_the_live_text_is_the_text_of_the_transcript(outcome: Outcome):
    live = {
        event.data["chunk_index"]: event.data["text"] for event in outcome.events if event.type == "chunk-transcribed"
    }
    assert " ".join(live[index] for index in sorted(live)).lower().split() == outcome.document["text"].lower().split()


def test_progress_is_in_seconds_of_audio_and_only_grows(outcome: Outcome):
    for stage in ("prepare", "transcribe"):
        done = [
            event.data["done_s"]
            for event in outcome.events
            if event.type == "stage-progressed" and event.data["stage"] == stage
        ]
        assert done == sorted(done)
    transcribed_s = [event.data["done_s"] for event in outcome.events if event.type == "chunk-transcribed"]
    assert transcribed_s == sorted(transcribed_s)
    assert transcribed_s[-1] == pytest.approx(outcome.job["speech_s"], abs=0.01)


def test_the_decoded_audio_is_deleted_and_the_original_is_kept(outcome: Outcome, stack):
    client, bucket = stack.object_store.client(), stack.object_store.bucket
    keys = [
        item.object_name
        for item in client.list_objects(bucket, recursive=True)
        if outcome.job["id"] in item.object_name
    ]
    assert [key.rpartition("/")[2] for key in keys] == ["original"]


def test_the_same_recording_again_is_answered_at_once_with_the_finished_transcript(
    outcome: Outcome, door: FrontDoor, tmp_path
):
    answer = door.send(outcome.meeting.save(tmp_path / "another name.wav"))
    assert answer.status_code == httpx.codes.OK
    assert (answer.json()["id"], answer.json()["state"]) == (outcome.job["id"], "completed")
