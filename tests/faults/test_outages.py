"""Outages of servers: clients are told to retry, nothing is lost, and accepted recordings complete."""

from __future__ import annotations

import httpx
import pytest
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash, words
from support.locks import held
from voicepipe_local.disposable_stack import DisposableStack

PROBLEM = "application/problem+json"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture
def outage(stack: DisposableStack):
    """Stop a component. Calling the result starts it again; otherwise the end of the test does."""
    stopped: list[str] = []

    def stop(name: str):
        stack.stop_component(name)
        stopped.append(name)
        return restore

    def restore() -> None:
        while stopped:
            stack.start_component(stopped.pop())

    yield stop
    restore()


def check_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    assert int(answer.headers["retry-after"]) > 0
    if answer.request.method != "HEAD":
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["code"] == "unavailable"
        assert answer.json()["detail"].endswith(".")


def test_a_recording_is_accepted_while_nats_is_down_and_completes_when_it_is_back(
    door: FrontDoor, audio: bytes, undisturbed: list[str], outage
):
    restore = outage("nats")
    job_id = door.accepted(with_another_hash(audio))
    assert door.get(job_id)["state"] == "queued"
    restore()
    assert words(door.completed(job_id, 300)) == undisturbed


@pytest.mark.parametrize("name", ["postgres", "s3"])
def test_uploads_are_told_to_retry_and_resume_where_they_stopped(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str], outage, name
):
    content = with_another_hash(audio)
    location = door.http.post("/v1/uploads", headers=TUS | {"Upload-Length": str(len(content))}).headers["location"]
    first = door.http.patch(location, content=content[:1_000_000], headers=BYTES | {"Upload-Offset": "0"})
    assert first.headers["upload-offset"] == "1000000"

    restore = outage(name)
    check_unavailable(door.send(content))
    check_unavailable(
        door.http.patch(location, content=content[1_000_000:], headers=BYTES | {"Upload-Offset": "1000000"})
    )
    if name == "postgres":
        check_unavailable(door.http.get("/v1/transcriptions"))
        check_unavailable(door.http.head(location, headers=TUS))
    restore()

    stack.wait_until_healthy("upload")
    eventually(lambda: door.http.head(location, headers=TUS).status_code == httpx.codes.OK)
    offset = int(door.http.head(location, headers=TUS).headers["upload-offset"])
    assert offset >= 1_000_000
    last = door.http.patch(location, content=content[offset:], headers=BYTES | {"Upload-Offset": str(offset)})
    assert last.status_code == httpx.codes.NO_CONTENT, last.text
    job_id = last.headers["transcription-id"]
    assert words(door.completed(job_id, 300)) == undisturbed
    assert door.http.get(f"/v1/transcriptions/{job_id}/audio").content == content


def test_a_job_waits_for_a_model_that_is_down(door: FrontDoor, audio: bytes, undisturbed: list[str], outage):
    restore = outage("triton-accurate")
    job_id = door.accepted(with_another_hash(audio))
    eventually(lambda: door.get(job_id)["state"] == "transcribing")
    restore()
    assert words(door.completed(job_id, 300)) == undisturbed


def test_a_stack_that_is_stopped_during_a_job_continues_it_at_the_next_start(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str], outage
):
    outage("transcribe-accurate")
    job_id = door.accepted(with_another_hash(audio))
    eventually(lambda: door.get(job_id)["state"] == "transcribing")
    stack.down()
    stack.up()
    assert words(door.completed(job_id, 300)) == undisturbed


def test_a_stack_continues_a_job_after_a_power_cut(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str]
):
    with held(stack.database_url) as holding:
        job_id = door.accepted(with_another_hash(audio), name="power cut.wav")
        assert holding.lock_last_chunk("power cut.wav") == job_id
        holding.wait_until_blocking()
        stack.crash()
    stack.up()
    assert words(door.completed(job_id, 300)) == undisturbed
