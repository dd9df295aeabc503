"""Resumable uploads with tuspy, an independent client."""

from __future__ import annotations

import io

import httpx
import pytest
from support.front_door import FrontDoor, with_another_hash, words
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

MIB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class FailingFile(io.BytesIO):
    """A file whose reads fail from a position on, as on a removed disk."""

    def __init__(self, content: bytes, fails_at: int) -> None:
        super().__init__(content)
        self._fails_at = fails_at

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._fails_at:
            raise OSError("the disk is gone")
        return super().read(size)


def tus(door: FrontDoor) -> TusClient:
    return TusClient(f"{door.url}/v1/uploads", headers={"Authorization": f"Bearer {door.key}"})


def transcription_of(door: FrontDoor, url: str) -> str:
    return door.http.head(url, headers=TUS).headers["transcription-id"]


def test_an_interrupted_upload_resumes_where_it_stopped(door: FrontDoor, spoken_wav):
    audio = with_another_hash(spoken_wav.read_bytes())
    metadata = {"filename": "talk.wav", "language": "en"}
    broken = tus(door).uploader(file_stream=FailingFile(audio, 300_000), chunk_size=100_000, metadata=metadata)
    with pytest.raises(OSError, match="the disk is gone"):
        broken.upload()
    resumed = tus(door).uploader(file_stream=io.BytesIO(audio), url=broken.url, chunk_size=100_000)
    assert resumed.offset == 300_000
    resumed.upload()
    job_id = transcription_of(door, broken.url)
    document = door.completed(job_id)
    job = door.get(job_id)
    assert (job["name"], job["size_bytes"], job["options"]["language"]) == ("talk.wav", len(audio), "en")
    assert door.http.get(f"/v1/transcriptions/{job_id}/audio").content == audio
    assert words(document)


def test_the_same_bytes_by_tus_return_the_finished_transcription(door: FrontDoor, spoken_wav):
    audio = with_another_hash(spoken_wav.read_bytes())
    first = tus(door).uploader(file_stream=io.BytesIO(audio), chunk_size=MIB)
    first.upload()
    job_id = transcription_of(door, first.url)
    door.completed(job_id)
    again = tus(door).uploader(file_stream=io.BytesIO(audio), chunk_size=MIB)
    again.upload()
    assert transcription_of(door, again.url) == job_id
    answer = door.send(audio)
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (httpx.codes.OK, job_id, "completed")


def test_a_terminated_upload_leaves_no_data(new_user, spoken_wav):
    user = new_user()
    started = tus(user.door).uploader(file_stream=io.BytesIO(spoken_wav.read_bytes()), chunk_size=100_000)
    started.upload_chunk()
    assert user.stored() != []
    assert user.door.http.delete(started.url, headers=TUS).status_code == httpx.codes.NO_CONTENT
    assert user.stored() == []
    assert user.door.http.head(started.url, headers=TUS).status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}


def test_an_invalid_option_is_refused_before_any_bytes_are_sent(new_user):
    user = new_user()
    uploader = tus(user.door).uploader(file_stream=io.BytesIO(b"RIFF"), metadata={"language": "klingon"})
    with pytest.raises(TusCommunicationError) as refused:
        uploader.upload()
    assert refused.value.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert b'"code":"invalid_option"' in refused.value.response_content
    assert user.stored() == []
