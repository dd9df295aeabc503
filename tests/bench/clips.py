"""A short clip, as its user sees it: from sending it to the event that says it is done."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from . import recordings
from .bed import Bed, Finished

CLIP_S = 10.0


@dataclass(frozen=True, slots=True)
class Clip:
    seconds: float
    finished: Finished


class Clips:
    """Each clip is another recording. The language is found out, as it is for who says nothing about it."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._seeds = itertools.count(4_000)

    def send(self) -> Clip:
        wav = recordings.meeting_wav(CLIP_S, next(self._seeds))
        began = time.perf_counter()
        job = self._bed.send(wav, "clip.wav", language="auto")
        with self._bed.client.stream("GET", f"/v1/transcriptions/{job}/events") as events:
            for line in events.iter_lines():
                if line.startswith("event:") and line.partition(":")[2].strip() in {"job-completed", "job-failed"}:
                    break
        seconds = time.perf_counter() - began
        return Clip(seconds, self._bed.finished(job))


def about(clip: Clip) -> str:
    """Where the time of a clip went, stage by stage: waiting, then working."""
    said, before = [], 0.0
    for stage in ("prepare", "transcribe", "assemble"):
        _, started, finished = clip.finished.stages[stage]
        said.append(f"{stage} {started - before:.2f} + {finished - started:.2f}")
        before = finished
    return ", ".join(said) + " s (waiting + working)"
