"""Users of a stack during faults: they send recordings, cancel, retry, delete, ask for speakers, follow events.

A user behaves as the documentation tells: an answer 503, or none at all, means to try again. So a request can have an effect although its
answer was lost; the expectations below allow for exactly that, and for nothing else.
"""

from __future__ import annotations

import base64
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from .recordings import SAMPLES, Sample

COMPLETED, CANCELLED = "completed", "cancelled"
ENDED = frozenset({COMPLETED, CANCELLED, "failed"})
TUS = {"Tus-Resumable": "1.0.0"}
PIECE_BYTES = 400_000
PAUSE_S = 0.3


@dataclass
class Expectation:
    """What must hold of a job in the end.

    `is_acknowledged` is false if the answer to the request that sent it was lost: then it may be missing. `is_deleted`: True if a deletion
    was acknowledged, None if its answer was lost. `least_runs` and `most_runs` bound the versions of its transcript.
    """

    name: str
    sample: Sample
    id: str | None = None
    is_acknowledged: bool = False
    final: set[str] = field(default_factory=lambda: {COMPLETED})
    is_deleted: bool | None = False
    least_runs: int = 1
    most_runs: int = 1


class Ledger:
    """Every job that somebody sent, shared by the users."""

    def __init__(self) -> None:
        self.jobs: list[Expectation] = []
        self.unfinished_uploads: set[str] = set()
        self._lock = threading.Lock()

    def add(self, expected: Expectation) -> None:
        with self._lock:
            self.jobs.append(expected)


class User(threading.Thread):
    """Acts until `stop` is set. Its decisions come from `rng`, not from the clock."""

    def __init__(
        self, url: str, key: str, ledger: Ledger, rng: random.Random, stop: threading.Event, *, speakers: bool
    ) -> None:
        super().__init__(name="user", daemon=True)
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False)
        self._ledger = ledger
        self._rng = rng
        self._stopping = stop
        self._mine: list[Expectation] = []
        self._speakers = speakers
        self.failure: Exception | None = None

    def run(self) -> None:
        actions: Mapping[Callable[[], None], int] = {
            self.send: 5,
            self.send_resumable: 3,
            self.cancel: 2,
            self.retry: 3,
            self.delete: 1,
            self.diarize_again: 1 if self._speakers else 0,
            self.follow: 2,
            self.download: 1,
        }
        try:
            while not self._stopping.is_set():
                act = self._rng.choices(list(actions), list(actions.values()))[0]
                with suppress(httpx.TransportError):
                    act()
                self._stopping.wait(PAUSE_S)
        except Exception as error:  # noqa: BLE001 - the run reports it
            self.failure = error
        finally:
            self._http.close()

    def send(self) -> None:
        """One request with the whole recording. If no answer comes, whether there is a job is not known."""
        if self._has_enough():
            return
        expected, content, options = self._new_job()
        answer = self._http.post("/v1/transcriptions", content=content, params={"name": expected.name, **options})
        if answer.status_code == httpx.codes.ACCEPTED:
            expected.id, expected.is_acknowledged = answer.json()["id"], True
        else:
            self._check_refused(answer)

    def send_resumable(self) -> None:
        """In pieces; each continues where the server says. Gives up only if the load ends."""
        if self._has_enough():
            return
        expected, content, options = self._new_job()
        location = self._create_upload(expected.name, len(content), options)
        if location is None:
            return
        self._ledger.unfinished_uploads.add(location)
        while not self._stopping.is_set():
            with suppress(httpx.TransportError):
                if self._continue_upload(expected, location, content):
                    self._ledger.unfinished_uploads.discard(location)
                    return
            self._stopping.wait(PAUSE_S)

    def cancel(self) -> None:
        job = self._some(lambda job: job.final == {COMPLETED} and job.most_runs == 1)
        if job is None or (state := self._state(job)) is None or state in ENDED:
            return
        job.final.add(CANCELLED)
        job.least_runs = 0
        self._check_refused(self._http.post(f"/v1/transcriptions/{job.id}/cancel"), {409})

    def retry(self) -> None:
        job = self._some(lambda job: CANCELLED in job.final)
        if job is None or self._state(job) != CANCELLED:
            return
        answer = self._http.post(f"/v1/transcriptions/{job.id}/retry")
        self._check_refused(answer, {409})
        if answer.is_success:
            job.final, job.least_runs = {COMPLETED}, 1

    def delete(self) -> None:
        job = self._some()
        if job is None:
            return
        job.is_deleted = None
        answer = self._http.delete(f"/v1/transcriptions/{job.id}")
        self._check_refused(answer, {404})
        if answer.is_success or answer.status_code == httpx.codes.NOT_FOUND:
            job.is_deleted = True

    def diarize_again(self) -> None:
        job = self._some(lambda job: job.final == {COMPLETED} and job.most_runs == 1)
        if job is None or self._state(job) != COMPLETED:
            return
        job.most_runs += 1
        answer = self._http.post(
            f"/v1/transcriptions/{job.id}/diarization", json={"min_speakers": 1, "max_speakers": 3}
        )
        self._check_refused(answer, {409})
        if answer.is_success:
            job.least_runs += 1

    def follow(self) -> None:
        """Open the events of a job and leave, at the end of the stream or before."""
        job = self._some()
        if job is None:
            return
        leave_at_s = time.monotonic() + self._rng.uniform(0.1, 2)
        timeout = httpx.Timeout(10, read=2)
        with (
            suppress(httpx.TransportError),
            self._http.stream("GET", f"/v1/transcriptions/{job.id}/events", timeout=timeout) as answer,
        ):
            for _ in answer.iter_lines():
                if time.monotonic() > leave_at_s:
                    return

    def download(self) -> None:
        job = self._some(lambda job: job.is_deleted is False)
        if job is None:
            return
        self._check_refused(self._http.get(f"/v1/transcriptions/{job.id}/audio"))

    def _new_job(self) -> tuple[Expectation, bytes, dict[str, str]]:
        sample = self._rng.choices(SAMPLES, [each.weight for each in SAMPLES])[0]
        options = {"priority": self._rng.choice(("standard", "standard", "premium"))}
        if self._speakers and sample.is_short and self._rng.random() < 0.2:
            options["diarize"] = "true"
        expected = Expectation(f"{sample.name}-{uuid.uuid4().hex[:12]}.wav", sample)
        self._ledger.add(expected)
        self._mine.append(expected)
        return expected, sample.content(), options

    def _create_upload(self, name: str, size: int, options: Mapping[str, str]) -> str | None:
        metadata = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in {"filename": name, **options}.items()
        )
        answer = self._http.post(
            "/v1/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
        )
        self._check_refused(answer)
        return answer.headers["location"] if answer.is_success else None

    def _continue_upload(self, expected: Expectation, location: str, content: bytes) -> bool:
        head = self._http.head(location, headers=TUS)
        self._check_refused(head)
        if not head.is_success:
            return False
        if job_id := head.headers.get("transcription-id"):
            expected.id, expected.is_acknowledged = job_id, True
            return True
        offset = int(head.headers["upload-offset"])
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = self._http.patch(location, content=content[offset : offset + PIECE_BYTES], headers=headers)
        self._check_refused(answer, {409, 423})
        return False  # the next HEAD tells the rest

    def _state(self, job: Expectation) -> str | None:
        answer = self._http.get(f"/v1/transcriptions/{job.id}")
        self._check_refused(answer)
        return str(answer.json()["state"]) if answer.is_success else None

    def _some(self, suitable: Callable[[Expectation], bool] = bool) -> Expectation | None:
        """One of this user's own jobs, so no two users change the same one."""
        jobs = [job for job in self._mine if job.id and job.is_deleted is False and suitable(job)]
        return self._rng.choice(jobs[-8:]) if jobs else None

    def _has_enough(self) -> bool:
        """Do not send more than a small machine works off."""
        with suppress(httpx.TransportError):
            answer = self._http.get("/v1/transcriptions", params={"limit": "100"})
            if answer.is_success:
                return sum(item["state"] not in ENDED for item in answer.json()["items"]) >= 12
        return True

    def _check_refused(self, answer: httpx.Response, allowed: set[int] = frozenset()) -> None:
        """During faults there are only two kinds of answers: success, and "try again later"."""
        if answer.is_success or answer.status_code in {502, 503, 504} | set(allowed):
            return
        raise AssertionError(
            f"{answer.request.method} {answer.request.url} was answered {answer.status_code}: {_text(answer)}"
        )


def _text(answer: httpx.Response) -> str:
    with suppress(httpx.StreamError):
        return answer.text[:500]
    return ""
