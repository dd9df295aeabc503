"""Any process may be killed with SIGKILL during a job: the words are the same, and no finished work is repeated."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fixtures import media
from fixtures.score import normal
from support.eventually import eventually
from support.front_door import FINAL, FrontDoor, with_another_hash, words
from support.locks import SAVES_TO, held
from tusclient.client import TusClient
from voicepipe_local.disposable_stack import DisposableStack

# The processes that take part in transcription. Upload, prepare and assemble are killed during their own work, below.
IN_TRANSCRIPTION = (
    "transcribe-accurate",
    "controller",
    "status",
    "gateway",
    "nats",
    "postgres",
    "s3",
    "triton-accurate",
)
MIB = 1024 * 1024


@contextmanager
def client_of(stack: DisposableStack, folder: Path, name: str, audio: bytes) -> Iterator[subprocess.Popen[str]]:
    """A running `voicepipe transcribe` that waits for the words."""
    path = folder / name
    path.write_bytes(with_another_hash(audio))
    settings = {"VOICEPIPE_URL": stack.url, "VOICEPIPE_API_KEY": stack.api_key, "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-m", "voicepipe", "transcribe", str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | settings
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def check_each_event_once(door: FrontDoor, job_id: str) -> None:
    """Each chunk and the end of the job have exactly one event, so no finished work was repeated."""
    events = door.events(job_id)
    chunks = sorted(event.data["chunk_index"] for event in events if event.type == "chunk-transcribed")
    assert chunks == list(range(len(chunks)))
    assert len(chunks) > 2
    assert [event.type for event in events if event.type in FINAL] == ["job-completed"]


def kill(stack: DisposableStack, name: str) -> int:
    """Kill a component and return its number of restarts once it runs again."""
    restarts = stack.component(name)["restarts"] + 1
    stack.kill(name)
    return restarts


@pytest.mark.parametrize("name", IN_TRANSCRIPTION)
def test_a_waiting_client_gets_the_same_words_whichever_process_dies_during_transcription(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str], tmp_path, name
):
    recording = f"{name} dies.wav"
    with client_of(stack, tmp_path, recording, audio) as client:
        with held(stack.database_url) as holding:
            job_id = holding.lock_last_chunk(recording)
            holding.wait_until_blocking()
            restarts = kill(stack, name)
        stdout, stderr = client.communicate(timeout=300)
        assert client.returncode == 0, stderr
    assert normal(stdout) == undisturbed
    stack.wait_until_healthy(name, restarts=restarts)
    assert words(door.transcript(job_id)) == undisturbed
    check_each_event_once(door, job_id)


@pytest.mark.parametrize("stage", ["prepare", "assemble"])
def test_a_worker_that_dies_before_saving_is_replaced_and_the_result_is_the_same(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str], stage
):
    with held(stack.database_url, SAVES_TO[stage]) as holding:
        job_id = door.accepted(with_another_hash(audio))
        holding.wait_until_blocking()
        restarts = kill(stack, stage)
    assert words(door.completed(job_id, 300)) == undisturbed
    assert door.get(job_id)["transcript_version"] == 1
    check_each_event_once(door, job_id)
    stack.wait_until_healthy(stage, restarts=restarts)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("name", ["upload", "gateway", "s3"])
def test_an_upload_resumes_after_a_process_on_its_path_dies(
    stack: DisposableStack, door: FrontDoor, audio: bytes, undisturbed: list[str], tmp_path, name
):
    """tuspy sends 19 MB in three requests; a process dies in the middle of the second."""
    small = tmp_path / "small.wav"
    small.write_bytes(audio)
    large = with_another_hash(media.encode(small, tmp_path / "large.wav").read_bytes())
    restarts: list[int] = []

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 12 * MIB and not restarts:
                restarts.append(kill(stack, name))
            return super().read(size)

    tus = TusClient(f"{stack.url}/v1/uploads", headers={"Authorization": f"Bearer {stack.api_key}"})
    uploader = tus.uploader(file_stream=Stream(large), chunk_size=8 * MIB, retries=30, retry_delay=1)
    uploader.upload()
    stack.wait_until_healthy(name, restarts=restarts[0])
    headers = {"Tus-Resumable": "1.0.0"}
    job_id = eventually(lambda: door.http.head(uploader.url, headers=headers).headers.get("transcription-id", ""))
    eventually(lambda: door.http.get(f"/v1/transcriptions/{job_id}/audio").content == large)
    assert words(door.completed(job_id, 300)) == undisturbed
