"""A meeting through the whole product with a large Whisper on a GPU, against a bare CTranslate2 loop over the same chunks.

The model has the shapes of a real one and random weights (`random_model.py`): what it costs is real, its words are not.
"""

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
from .row import Goal, Row, length
from .testbed import ROOT, CompletedJob, Testbed

LARGEST_BATCH = 8  # max_batch_size of triton-models/whisper
BEAM = 5  # of tier accurate, which a model is unless it says otherwise
GOAL = Goal(">=", 0.85)


@dataclass(frozen=True, slots=True)
class Pair:
    """One recording, both ways, one right after the other."""

    line: CompletedJob
    bare: dict[str, float]

    @property
    def whole(self) -> float:
        return self.bare["seconds"] / self.line.wall_s

    @property
    def transcribing(self) -> float:
        return self.bare["seconds"] / self.line.took_s("transcribe")


def measure(testbed: Testbed, label: str) -> list[Row]:
    pairs = [_both_ways(testbed, seed) for seed in range(2_000, 2_000 + testbed.sizes.repeats)]
    typical = sorted(pairs, key=lambda pair: pair.whole)[len(pairs) // 2]
    baseline = _about(typical, testbed.sizes.recording_s)
    return [
        Row(
            f"end to end, {length(testbed.sizes.recording_s)}, {label}: accepted to completed, over the speed of a bare loop",
            median(pair.whole for pair in pairs), "", GOAL, baseline, _where_time_goes(typical),
        ),
        Row(
            f"the same, {label}: only the transcribe stage",
            median(pair.transcribing for pair in pairs), "", None, baseline, _within_the_model(testbed, typical),
        ),
    ]  # fmt: skip


def make(size: str, folder: Path) -> None:
    python, program = ROOT / ".venv-triton/bin/python", Path(__file__).with_name("random_model.py")
    subprocess.run([python, program, size, folder], check=True, stdout=subprocess.DEVNULL)


def _both_ways(testbed: Testbed, seed: int) -> Pair:
    samples = recordings.meeting_samples(testbed.sizes.recording_s, seed)
    line = testbed.finished(testbed.send(recordings.wav(samples), f"meeting-{seed}.wav"))
    return Pair(line, bare_loop(testbed, samples, testbed.chunks(line.id), LARGEST_BATCH))


def bare_loop(testbed: Testbed, samples: np.ndarray, chunks: Sequence[Any], batch: int) -> dict[str, float]:
    pcm = testbed.scratch / "recording.pcm"
    samples.astype("<i2").tofile(pcm)
    order = {"model": str(testbed.model), "pcm": str(pcm), "chunks": chunks, "batch": batch, "beam": BEAM}
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


def _within_the_model(testbed: Testbed, pair: Pair) -> str:
    """How long the stage took beyond what the model's own steps take in the bare loop."""
    more_s = pair.line.took_s("transcribe") - pair.bare["seconds"]
    chunks = len(testbed.chunks(pair.line.id))
    return f"{more_s:.2f} s more than the bare loop, {1000 * more_s / chunks:.0f} ms for each of {chunks} chunks"
