"""A client of the whole pipeline that uses only HTTP, as written from the documentation."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fixtures.score import TimedWord, normal, timed

from . import sse
from .eventually import eventually
from .sse import Event

ENDED = frozenset({"completed", "failed", "cancelled"})
FINAL = frozenset({"job-completed", "job-failed", "job-cancelled", "job-deleted"})


class FrontDoor:
    """One user of one stack."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)

    def send(
        self, audio: Path | bytes, name: str | None = None, key: str | None = None, **options: str
    ) -> httpx.Response:
        """Post a recording as the raw body. With an idempotency key it may be sent again."""
        content = audio if isinstance(audio, bytes) else audio.read_bytes()
        chosen = name or (audio.name if isinstance(audio, Path) else "recording.wav")
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.http.post(
            "/v1/transcriptions", content=content, params={"name": chosen, **options}, headers=headers
        )

    def accepted(self, audio: Path | bytes, name: str | None = None, **options: str) -> str:
        """The id of the new transcription, even if another test has sent the same recording."""
        answer = self.send(audio, name, fresh="true", **options)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def accepted_or_known(self, audio: Path, **options: str) -> str:
        """The id of the new transcription, or of the existing one if another test has sent the same recording."""
        answer = self.send(audio, **options)
        assert answer.status_code in {200, 202}, answer.text
        return str(answer.json()["id"])

    def get(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/transcriptions/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def end_of(self, job_id: str, timeout_s: float = 150) -> dict[str, Any]:
        """The transcription once it has ended. While a service is unavailable, the request is repeated."""
        job: dict[str, Any] = {}

        def ended() -> bool:
            answer = self.http.get(f"/v1/transcriptions/{job_id}")
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                assert answer.status_code == httpx.codes.OK, answer.text
                job.update(answer.json())
            return job.get("state") in ENDED

        eventually(ended, timeout_s, lambda: job)
        return job

    def completed(self, job_id: str, timeout_s: float = 150) -> dict[str, Any]:
        """The transcript document, once the job is completed."""
        job = self.end_of(job_id, timeout_s)
        assert job["state"] == "completed", job
        return self.transcript(job_id)

    def transcript(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/transcriptions/{job_id}/transcript")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def delete(self, job_id: str) -> None:
        answer = self.http.delete(f"/v1/transcriptions/{job_id}")
        assert answer.status_code == httpx.codes.NO_CONTENT, answer.text

    def events(self, job_id: str, last_event_id: int | None = None) -> list[Event]:
        """All events to the end of the stream."""
        with self.following(job_id, last_event_id) as events:
            return list(events)

    @contextmanager
    def following(self, job_id: str, last_event_id: int | None = None) -> Iterator[Iterator[Event]]:
        """Events as they arrive; leaving the block closes the connection."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        with self.http.stream("GET", f"/v1/transcriptions/{job_id}/events", headers=headers) as answer:
            assert answer.status_code in {200, 204}, answer.read()
            yield sse.events(answer.iter_lines())


def timed_words(document: dict[str, Any]) -> tuple[TimedWord, ...]:
    return timed([word for segment in document["segments"] for word in segment["words"]])


def words(document: dict[str, Any]) -> list[str]:
    return normal(document["text"])


def with_another_hash(wav: bytes) -> bytes:
    """The same samples in a file with another hash, so that the pipeline processes them again."""
    note = uuid.uuid4().hex.encode()
    return struct.pack("<4sI", b"RIFF", len(wav) + len(note)) + wav[8:] + struct.pack("<4sI", b"note", len(note)) + note
