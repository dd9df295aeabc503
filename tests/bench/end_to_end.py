"""A meeting through the whole line, against a bare CTranslate2 loop over the same chunks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import recordings
from .bed import Bed, Finished
from .row import Goal, Row

ROOT = Path(__file__).parents[2]
BATCH = 8  # max_batch_size of triton-models/whisper
BEAM = 5  # of tier accurate, which a model is unless it says otherwise
GOAL = Goal(">=", 0.85)


@dataclass(frozen=True, slots=True)
class Pair:
    """One recording, both ways, one right after the other."""

    line: Finished
    upload_s: float
    bare: dict[str, float]

    @property
    def whole(self) -> float:
        return self.bare["seconds"] / self.line.wall_s

    @property
    def transcribing(self) -> float:
        return self.bare["seconds"] / self.line.took_s("transcribe")


def measure(bed: Bed, label: str) -> list[Row]:
    seeds = range(2_000, 2_000 + bed.sizes.repeats)
    pairs = [_both_ways(bed, seed) for seed in seeds]
    typical = sorted(pairs, key=lambda pair: pair.whole)[len(pairs) // 2]
    baseline = _about(typical, bed.sizes.meeting_s)
    minutes = f"{bed.sizes.meeting_s / 60:g} min"
    return [
        Row(
            f"end to end, {minutes}, {label}: accepted to completed, over the speed of a bare loop",
            median(pair.whole for pair in pairs), "", GOAL, baseline, _where_time_goes(typical),
        ),
        Row(
            f"the same, {label}: only the transcribe stage",
            median(pair.transcribing for pair in pairs), "", None, baseline, _within_the_model(bed, typical),
        ),
    ]  # fmt: skip


def _both_ways(bed: Bed, seed: int) -> Pair:
    samples = recordings.meeting_samples(bed.sizes.meeting_s, seed)
    line = bed.finished(bed.send(recordings.wav(samples), f"meeting-{seed}.wav"))
    return Pair(line, 0.0, bare_loop(bed.model, bed.scratch, samples, bed.chunks(line.id)))


def bare_loop(
    model: Path, scratch: Path, samples: np.ndarray, chunks: Sequence[Any], batch: int = BATCH
) -> dict[str, float]:
    pcm = scratch / "recording.pcm"
    samples.astype("<i2").tofile(pcm)
    order = {"model": str(model), "pcm": str(pcm), "chunks": chunks, "batch": batch, "beam": BEAM}
    command = [str(ROOT / ".venv-triton/bin/python"), str(Path(__file__).with_name("bare_loop.py")), json.dumps(order)]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def _about(pair: Pair, seconds: float) -> str:
    bare = pair.bare
    parts = ", ".join(f"{name[:-2]} {bare[name]:.1f}" for name in ("mel_s", "encode_s", "generate_s", "align_s"))
    speed = seconds / bare["seconds"]
    return f"bare loop {bare['seconds']:.1f} s ({parts}; {speed:.0f} times real time, {bare['batches']} batches)"


def _where_time_goes(pair: Pair) -> str:
    line = pair.line
    said = [f"{line.wall_s:.1f} s: "]
    before = 0.0
    for stage in ("prepare", "transcribe", "assemble"):
        _, started, finished = line.stages[stage]
        said.append(f"{started - before:.2f} s until {stage} starts, {finished - started:.2f} s {stage}; ")
        before = finished
    return "".join(said).rstrip("; ")


def _within_the_model(bed: Bed, pair: Pair) -> str:
    """How long the stage took beyond what the model's own steps take in the bare loop."""
    more_s = pair.line.took_s("transcribe") - pair.bare["seconds"]
    chunks = len(bed.chunks(pair.line.id))
    return f"{more_s:.2f} s more than the bare loop, {1000 * more_s / chunks:.0f} ms for each of {chunks} chunks"
