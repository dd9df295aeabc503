"""Interfaces that the stages need in addition to PostgreSQL and the object store. Each adapter lives next to the client that it wraps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from .domain import Attempt, Recognition, Span

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """One request to a speech model.

    `job_id` is the job that the request belongs to: while the model is busy, jobs take turns. With `language` None the
    model detects the language. With `switch_above` it detects it too, and uses a
    language other than `language` if its probability is at least that. `prompt` is text that precedes the audio.
    """

    job_id: UUID
    attempt: Attempt
    language: str | None
    task: str
    prompt: str | None
    switch_above: float | None = None


class Recognizer(Protocol):
    """The speech model of a pool. Takes at most 30 s of 16 kHz mono audio.

    It never blocks the event loop, and cancelling a call cancels its work.

    Raises:
        Unavailable: the server is unavailable or is loading the model.
        Reject: this audio can never be recognized.
    """

    async def recognize(self, audio: Pcm, request: RecognitionRequest) -> Recognition: ...

    async def languages(self, audio: Pcm, job_id: UUID) -> Mapping[str, float]:
        """The likeliest languages, code to probability."""
        ...

    async def describe(self) -> Mapping[str, Any]:
        """The description that the model gives of itself. It runs the model, so it shows that the model works."""
        ...


class PcmReader(Protocol):
    """Reads spans of a recording's PCM, and returns them as one array.

    Raises:
        Unavailable: the store is unavailable.
    """

    async def read(self, key: str, spans: Sequence[Span]) -> Pcm: ...
