"""One run of the pipeline in a thread, with its progress and a way to stop it.

The thread cannot be cancelled: it reads the waveform until the pipeline ends or sees the stop flag at its next progress
report. So leaving the `async with` block waits for the thread, and the caller may release the waveform afterwards.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from dataclasses import dataclass
from typing import Any, Self

import torch
from pyannote.core import Annotation
from voicepipe_wire.transcript.pcm_format import SAMPLE_RATE
from voicepipe_wire.transcript.turns import Diarization, Turn

from .pipeline import OncePerWindow

# Shares of the time of a run on a CPU. The steps after the embeddings are negligible.
SHARES = {"segmentation": 0.15, "embeddings": 0.85}


class Stopped(Exception):
    """The run was stopped before its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the number of speakers; None means no bound."""

    min_speakers: int | None = None
    max_speakers: int | None = None


class Run:
    """One recording through the pipeline: started by `async with`, and stopped when the block is left.

    `result` exists once the block is entered: the turns, or the exception of the pipeline.
    """

    result: asyncio.Future[Diarization]

    def __init__(self, pipeline: OncePerWindow, waveform: torch.Tensor, limits: Limits) -> None:
        self._pipeline = pipeline
        self._waveform = waveform
        self._limits = limits
        self._is_stopped = threading.Event()
        self._done = dict.fromkeys(SHARES, 0.0)

    async def __aenter__(self) -> Self:
        self.result = asyncio.create_task(asyncio.to_thread(self._apply))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def done(self) -> float:
        """The share of the work that is done, in [0, 1]."""
        return sum(share * self._done[step] for step, share in SHARES.items())

    async def stop(self) -> None:
        """End the run at its next window, and wait for that. Does nothing to a run that has ended."""
        self._is_stopped.set()
        await asyncio.gather(self.result, return_exceptions=True)

    def _apply(self) -> Diarization:
        file = {"waveform": self._waveform, "sample_rate": SAMPLE_RATE, "uri": "recording"}
        with warnings.catch_warnings():
            # Two harmless warnings: short recordings make the pipeline average an empty set, and it may find fewer
            # speakers than the lower limit.
            warnings.simplefilter("ignore")
            output = self._pipeline(file, **_bounds(self._limits), hook=self._on_progress)
        return Diarization(_turns(output.speaker_diarization), _turns(output.exclusive_speaker_diarization))

    def _on_progress(
        self, step: str, _: object, *, total: int | None = None, completed: int | None = None, **__: Any
    ) -> None:
        if self._is_stopped.is_set():
            raise Stopped
        if step in self._done and total:
            self._done[step] = min(1.0, (completed or 0) / total)  # the pipeline may count beyond the total


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
