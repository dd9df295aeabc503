"""Recordings through the whole product, over HTTP, as a client sends them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx

from .corpus import Recording
from .runs import Hypothesis, Word

IN_FLIGHT = 4
LOOK_EVERY_S = 0.2
LONGEST_S = 1800.0
ENDED = frozenset({"completed", "failed", "cancelled"})


class ProductClient:
    """A running stack. `close` it."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._http = httpx.Client(base_url=url, headers=dict(headers), timeout=120, trust_env=False)

    def hear_all(
        self, recordings: Sequence[Recording], options: Mapping[str, Mapping[str, str]]
    ) -> Iterator[Hypothesis]:
        """What is heard, as it is done. `options` by the id of the recording.

        Raises:
            RuntimeError: a transcription failed.
        """
        pool = ThreadPoolExecutor(IN_FLIGHT)
        try:
            waiting = [pool.submit(self.hear, one, options.get(one.id, {})) for one in recordings]
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(
                wait=False, cancel_futures=True
            )  # who stops early does not wait: what is in flight ends with the stack

    def hear(self, recording: Recording, options: Mapping[str, str]) -> Hypothesis:
        body = recording.path.read_bytes()
        answer = self._http.post("/v1/transcriptions", content=body, params={"name": recording.path.name, **options})
        if answer.is_error:
            raise RuntimeError(f"{recording.id} was refused: {answer.text}")
        job = str(answer.json()["id"])
        self._wait(recording.id, job)
        return heard(recording.id, self._get(f"/v1/transcriptions/{job}/transcript"))

    def about(self) -> dict[str, Any]:
        return self._get("/v1/capabilities")

    def close(self) -> None:
        self._http.close()

    def _wait(self, recording_id: str, job: str) -> None:
        deadline_s = time.monotonic() + LONGEST_S
        while (found := self._get(f"/v1/transcriptions/{job}"))["state"] not in ENDED:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{recording_id} took longer than {LONGEST_S:.0f} s: {found}")
            time.sleep(LOOK_EVERY_S)
        if found["state"] != "completed":
            raise RuntimeError(f"{recording_id} {found['state']}: {found['error']}")

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._http.get(path)
        answer.raise_for_status()
        return dict(answer.json())


def heard(recording_id: str, document: Mapping[str, Any]) -> Hypothesis:
    """A transcript in JSON."""
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
