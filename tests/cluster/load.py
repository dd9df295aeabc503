"""Clients that go on while a test breaks or replaces things."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import soundfile
from accuracy.corpus import phone_call
from support.eventually import eventually
from support.front_door import ENDED, FrontDoor, with_another_hash

RETRY_S = 0.5
ACCEPT_TIMEOUT_S = 180


def repeated_call(times: int) -> bytes:
    """The phone call of 30 s, with its two speakers, so many times in a row."""
    samples, rate = soundfile.read(phone_call().path, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, np.tile(samples, times), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def accepted_by_and_by(door: FrontDoor, audio: bytes, **options: str) -> str:
    """Send a recording until it is accepted, as the documentation tells clients to; returns its id."""

    key = str(uuid4())

    def accepted() -> str:
        try:
            answer = door.send(audio, key=key, fresh="true", **options)
        except httpx.TransportError:
            return ""
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == httpx.codes.CONFLICT:
            return ""
        assert answer.status_code in {200, 202}, answer.text
        return str(answer.json()["id"])

    return eventually(accepted, ACCEPT_TIMEOUT_S, poll_s=RETRY_S)


def send_many(door: FrontDoor, clip: bytes, count: int, **options: str) -> list[str]:
    """`count` recordings, each with bytes of its own; returns their ids."""
    with ThreadPoolExecutor(8) as senders:
        return list(senders.map(lambda _: accepted_by_and_by(door, with_another_hash(clip), **options), range(count)))


def states(door: FrontDoor, ids: list[str]) -> dict[str, dict[str, Any]]:
    """The transcriptions by id; those that could not be asked for are missing."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), 100):
        try:
            answer = door.http.get("/v1/transcriptions", params={"ids": ",".join(ids[start : start + 100])})
        except httpx.TransportError:
            continue
        if answer.status_code == httpx.codes.OK:
            found |= {item["id"]: item for item in answer.json()["items"]}
    return found


def all_ended(door: FrontDoor, ids: list[str], timeout_s: float) -> dict[str, dict[str, Any]]:
    """The transcriptions, once all of them have ended."""
    last: dict[str, dict[str, Any]] = {}

    def ended() -> bool:
        last.update(states(door, ids))
        return len(last) == len(ids) and all(item["state"] in ENDED for item in last.values())

    eventually(ended, timeout_s, lambda: Counter(item["state"] for item in last.values()), 1.0)
    return last


@dataclass(slots=True)
class Answers:
    """What a poller has received: the number of answers by status, and of requests that got none."""

    by_status: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.by_status.total() + len(self.failures)

    @property
    def errors(self) -> int:
        return self.total - self.by_status[200]


@contextmanager
def polling(door: FrontDoor, path: str, per_s: float = 10.0) -> Iterator[Answers]:
    """Ask for `path` all the time, with a new connection each time as many clients would."""
    answers, stop = Answers(), threading.Event()

    def poll() -> None:
        while not stop.wait(1 / per_s):
            try:
                answer = httpx.get(f"{door.url}{path}", headers={"Authorization": f"Bearer {door.key}"}, timeout=10)
                answers.by_status[answer.status_code] += 1
            except httpx.TransportError as error:
                answers.failures.append(f"{time.strftime('%X')} {error!r}")

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()
