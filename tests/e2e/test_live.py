"""The event stream: a client whose connection breaks misses no event and receives none twice."""

from __future__ import annotations

from itertools import islice

import httpx
import pytest
from fixtures.meeting import compose
from support.front_door import FINAL, FrontDoor, with_another_hash
from support.sse import Event


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> bytes:
    """A recording with several chunks, so that the stream can be interrupted."""
    return compose(80, ["linda", "steph"], seed=11).save(tmp_path_factory.mktemp("live") / "live.wav").read_bytes()


@pytest.fixture(scope="module")
def followed(door: FrontDoor, recording: bytes) -> tuple[str, list[Event]]:
    """A completed job, and its events as received over one connection."""
    job_id = door.accepted(with_another_hash(recording))
    return job_id, door.events(job_id)


def test_a_client_that_is_disconnected_repeatedly_receives_every_event_once(door: FrontDoor, recording: bytes):
    job_id = door.accepted(with_another_hash(recording))
    seen: list[Event] = []
    while not seen or seen[-1].type not in FINAL:
        with door.following(job_id, seen[-1].id if seen else None) as coming:
            seen += islice(coming, 2)
    assert seen == door.events(job_id)
    ids = [event.id for event in seen]
    assert ids == sorted(set(ids))
    assert len(ids) > 6


def test_a_client_that_connects_after_the_end_receives_every_event(door: FrontDoor, followed: tuple[str, list[Event]]):
    job_id, live = followed
    assert live[-1].type == "job-completed"
    assert door.events(job_id) == live
    assert door.events(job_id, live[2].id) == live[3:]
    after = door.http.get(f"/v1/transcriptions/{job_id}/events", headers={"Last-Event-ID": str(live[-1].id)})
    assert (after.status_code, after.content) == (httpx.codes.NO_CONTENT, b"")


def test_job_states_only_advance_and_pass_through_every_stage(followed: tuple[str, list[Event]]):
    states = [event.data["job_state"] for event in followed[1] if event.type == "stage-changed"]
    order = ["queued", "preparing", "transcribing", "assembling", "completed"]
    assert [order.index(state) for state in states] == sorted(order.index(state) for state in states)
    assert set(states) >= set(order) - {"completed"}


def test_a_cancelled_job_ends_its_stream_and_a_retry_completes_it(
    door: FrontDoor, resume_transcription, recording: bytes
):
    job_id = door.accepted(with_another_hash(recording))
    with door.following(job_id) as coming:
        for event in coming:
            if event.data.get("stage") == "transcribe" and event.data.get("state") == "queued":
                assert door.http.post(f"/v1/transcriptions/{job_id}/cancel").status_code == 200
    assert event.type == "job-cancelled"
    assert door.end_of(job_id)["state"] == "cancelled"
    refused = door.http.get(f"/v1/transcriptions/{job_id}/transcript")
    assert (refused.status_code, refused.json()["code"]) == (409, "cancelled")
    resume_transcription()
    assert door.http.post(f"/v1/transcriptions/{job_id}/retry").status_code == 200
    door.completed(job_id)
