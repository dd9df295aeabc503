"""The latency of a short clip as its user sees it: from the request to the event `job-completed`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from .row import Goal, Row
from .testbed import CompletedJob, Testbed

CLIP_S = 10.0
MOST_CLIPS = 20
PAUSES_S = (0.1, 0.37, 0.73)


@dataclass(frozen=True, slots=True)
class Clip:
    seconds: float
    finished: CompletedJob


class ClipSender:
    """Sends the recordings of `wavs` one after another, without a language, so it is detected."""

    def __init__(self, testbed: Testbed, wavs: Iterator[bytes]) -> None:
        self._testbed = testbed
        self._wavs = wavs

    def send(self) -> Clip:
        wav = next(self._wavs)
        started_s = time.perf_counter()
        job = self._testbed.send(wav, "clip.wav", language="auto")
        with self._testbed.client.stream("GET", f"/v1/transcriptions/{job}/events") as events:
            for line in events.iter_lines():
                if line.startswith("event:") and line.partition(":")[2].strip() in {"job-completed", "job-failed"}:
                    break
        seconds = time.perf_counter() - started_s
        clip = Clip(seconds, self._testbed.completed(job))
        self._testbed.remove(job)  # the same bytes are not transcribed twice
        return clip


def sent_while(sender: ClipSender, is_busy: Callable[[], bool]) -> list[Clip]:
    """Send clips one after another while the product is busy, at varying moments; the last one may end later."""
    sent: list[Clip] = []
    while len(sent) < MOST_CLIPS and is_busy():
        sent.append(sender.send())
        time.sleep(PAUSES_S[len(sent) % len(PAUSES_S)])
    return sent


def row(name: str, idle: Sequence[Clip], busy: Sequence[Clip], goal: Goal) -> Row:
    idle_s = median(clip.seconds for clip in idle)
    if not busy:
        return Row(name, float("nan"), "", None, f"idle {idle_s:.2f} s", "the stage ended before a clip was sent")
    typical, usual = _middle(busy), _middle(idle)
    worst_s = max(clip.seconds for clip in busy)
    limit = (
        f"{len(busy)} clips, median {typical.seconds:.2f} s, worst {worst_s:.2f} s; median one: {_stage_times(typical)}"
    )
    return Row(name, typical.seconds / idle_s, "", goal, f"idle {idle_s:.2f} s: {_stage_times(usual)}", limit)


def _middle(clips: Sequence[Clip]) -> Clip:
    return sorted(clips, key=lambda clip: clip.seconds)[len(clips) // 2]


def _stage_times(clip: Clip) -> str:
    """The waiting and the working time of a clip in each stage."""
    parts, before_s = [], 0.0
    for stage in ("prepare", "transcribe", "assemble"):
        _, started, finished = clip.finished.stages[stage]
        parts.append(f"{stage} {started - before_s:.2f} + {finished - started:.2f}")
        before_s = finished
    return ", ".join(parts) + " s (waiting + working)"
