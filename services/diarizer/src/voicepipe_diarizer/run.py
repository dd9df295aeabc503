"""One run of the pipeline in a thread, watched from outside: how far it is, and a way to stop it."""

from __future__ import annotations

import asyncio
import threading
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from pyannote.core import Annotation
from voicepipe_wire.transcript.pcm_format import SAMPLE_RATE
from voicepipe_wire.transcript.turns import Diarization, Turn

from .pipeline import OncePerWindow

# Of the time of a run; on a processor the embeddings take most of it. What follows them is a moment.
SHARES = {"segmentation": 0.15, "embeddings": 0.85}


class Stopped(Exception):
    """Somebody asked the run to stop."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many people may be found; None: as many as there are."""

    min_speakers: int | None = None
    max_speakers: int | None = None


class Run:
    """One recording through the pipeline."""

    def __init__(self, pipeline: OncePerWindow, waveform: torch.Tensor, limits: Limits) -> None:
        self._pipeline = pipeline
        self._waveform = waveform
        self._limits = limits
        self._is_stopped = threading.Event()
        self._done = dict.fromkeys(SHARES, 0.0)
        self.result: asyncio.Future[Diarization] = asyncio.ensure_future(asyncio.to_thread(self._apply))

    @property
    def done(self) -> float:
        """How much of the work is done, in [0, 1]."""
        return sum(share * self._done[step] for step, share in SHARES.items())

    async def stop(self) -> None:
        """Make the run end at the next window, and wait for that. A run that has ended stays as it is."""
        self._is_stopped.set()
        await asyncio.gather(self.result, return_exceptions=True)

    def _apply(self) -> Diarization:
        file = {"waveform": self._waveform, "sample_rate": SAMPLE_RATE, "uri": "recording"}
        with warnings.catch_warnings():
            # Short recordings make it divide by an empty set; what comes out is right. And it warns when it found fewer
            # speakers than it was told to: then there are no more.
            warnings.simplefilter("ignore")
            said = self._pipeline(file, **_bounds(self._limits), hook=self._watch)
        return Diarization(_turns(said.speaker_diarization), _turns(said.exclusive_speaker_diarization))

    def _watch(
        self, step: str, _: object, *, total: int | None = None, completed: int | None = None, **__: Any
    ) -> None:
        if self._is_stopped.is_set():
            raise Stopped
        if step in self._done and total:
            self._done[step] = min(1.0, (completed or 0) / total)  # the pipeline counts beyond the total


def _bounds(limits: Limits) -> dict[str, int]:
    if limits.min_speakers is not None and limits.min_speakers == limits.max_speakers:
        return {"num_speakers": limits.min_speakers}
    bounds = {"min_speakers": limits.min_speakers, "max_speakers": limits.max_speakers}
    return {name: value for name, value in bounds.items() if value is not None}


def _turns(annotation: Annotation) -> tuple[Turn, ...]:
    return tuple(
        Turn(max(0.0, segment.start), segment.end, str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    )
