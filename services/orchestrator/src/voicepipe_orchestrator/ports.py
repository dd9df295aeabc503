"""What the steps need from the world besides PostgreSQL. Adapters live beside the clients that they wrap."""

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
    """What is asked of a speech model. `model` is the name of its pool. `language` None: it decides for itself. `prompt` is text that came before.

    `job_id` is for whom: while the model is busy, jobs take turns.
    """

    job_id: UUID
    model: str
    attempt: Attempt
    language: str | None
    task: str
    prompt: str | None
    switch_above: float | None = None


class Recognizer(Protocol):
    """A speech model.

    Takes at most 30 s of 16 kHz mono audio. Raises RetryLater while the server is away or loads the model, and Reject
    when this audio can never be recognized. It never blocks the event loop, and cancelling the call cancels the work.
    """

    async def recognize(self, audio: Pcm, request: RecognitionRequest) -> Recognition: ...

    async def languages(self, audio: Pcm, model: str, job_id: UUID) -> Mapping[str, float]:
        """Probabilities of the likeliest languages, code to probability."""
        ...

    async def describe(self) -> Mapping[str, Mapping[str, Any]]:
        """What the model of each pool says of itself, by the name of the pool; pools that do not answer are left out.

        Raises RetryLater where none answers.
        """
        ...


class PcmReader(Protocol):
    """The PCM of a recording, by spans. Raises RetryLater while the store is away."""

    async def read(self, key: str, spans: Sequence[Span]) -> Pcm: ...
