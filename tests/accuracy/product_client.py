"""Transcribes recordings with the whole product, over HTTP, as a client does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx

from .corpus import Recording
from .runs import Hypothesis, Word

IN_FLIGHT = 4
POLL_EVERY_S = 0.2
TIMEOUT_S = 1800.0
ENDED = frozenset({"completed", "failed", "cancelled"})


class ProductClient:
    """A client of a running stack. Call `close` at the end."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._http = httpx.Client(base_url=url, headers=dict(headers), timeout=120, trust_env=False)

    def transcribe_all(
        self, recordings: Sequence[Recording], options: Mapping[str, Mapping[str, str]]
    ) -> Iterator[Hypothesis]:
        """Yield transcripts as they are completed. `options` is keyed by the id of the recording.

        Raises:
            RuntimeError: a transcription failed.
        """
        pool = ThreadPoolExecutor(IN_FLIGHT)
        try:
            futures = [pool.submit(self.transcribe, one, options.get(one.id, {})) for one in recordings]
            for future in as_completed(futures):
                yield future.result()
        finally:
            # A caller that stops early does not wait: the jobs in flight end with the stack.
            pool.shutdown(wait=False, cancel_futures=True)

    def transcribe(self, recording: Recording, options: Mapping[str, str]) -> Hypothesis:
        body = recording.path.read_bytes()
        params = {"name": recording.path.name, "fresh": "true", **options}
        response = self._http.post("/v1/transcriptions", content=body, params=params)
        if response.is_error:
            raise RuntimeError(f"{recording.id} was refused: {response.text}")
        job = str(response.json()["id"])
        self._wait(recording.id, job)
        return read_transcript(recording.id, self._get(f"/v1/transcriptions/{job}/transcript"))

    def close(self) -> None:
        self._http.close()

    def _wait(self, recording_id: str, job: str) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while (transcription := self._get(f"/v1/transcriptions/{job}"))["state"] not in ENDED:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{recording_id} took longer than {TIMEOUT_S:.0f} s: {transcription}")
            time.sleep(POLL_EVERY_S)
        if transcription["state"] != "completed":
            raise RuntimeError(f"{recording_id} {transcription['state']}: {transcription['error']}")

    def _get(self, path: str) -> dict[str, Any]:
        response = self._http.get(path)
        response.raise_for_status()
        return dict(response.json())


def read_transcript(recording_id: str, document: Mapping[str, Any]) -> Hypothesis:
    """Convert a transcript in JSON."""
    segments = document["segments"]
    return Hypothesis(
        id=recording_id,
        languages=tuple(dict.fromkeys(segment["language"] for segment in segments)),
        text=document["text"],
        words=tuple(
            Word(word["start_s"], word["end_s"], word["text"], word["speaker"])
            for segment in segments
            for word in segment["words"]
        ),
        turns=tuple((turn["start_s"], turn["end_s"], turn["speaker"]) for turn in document["turns"]),
        warnings=tuple(warning["code"] for warning in document["warnings"]),
    )
